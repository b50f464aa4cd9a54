"""LoginAuth: how a login begins and ends, in programs and web applications."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, TypeVar

from oauth_auth.lazy_errors import errors
from oauth_auth.secret import Secret, as_source
from oauth_auth.token_auth import TokenAuth, in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oauth_auth.grants.authorization_code import AuthorizationCode
    from oauth_auth.held import Held
    from oauth_auth.login.pending import PendingLogin
    from oauth_auth.login.waiting import Waiting
    from oauth_auth.login.ways import Wishes
    from oauth_auth.protocol import Param
    from oauth_auth.renewal import Terms, TokenSource
    from oauth_auth.token import Token

__all__ = ["LoginAuth"]

_Result = TypeVar("_Result")
_LOCK_SECONDS: Final = 30.0


class LoginAuth(TokenAuth):
    """A `TokenAuth` that people can log in to, and out of."""

    def login(
        self,
        *,
        timeout: float = 180.0,
        show: Callable[[Any], object] | None = None,
        ask: Callable[[str], str] | None = None,
    ) -> Token:
        """Start a new login, whatever the last one came to.

        With `AuthorizationCode` a person logs in with the browser of this machine,
        with `DeviceCode` on any other. Of many workers that log in at once one does
        it, and the others wait for what comes of it, the token or the error. Grants
        that need no person just ask anew.

        Args:
            timeout: Seconds for the person in front of the browser, at most 600.
            show: Called with what the person needs to know in place of printing it
                to standard error: the URL, or a `DevicePrompt`.
            ask: Called with the URL, and returns the URL that the browser came back
                to, pasted by hand; for machines where no browser runs.

        Raises:
            AccessDeniedError: The person said no.
            LoginFailed: The person did not come to an end.
            ConfigurationError: This grant cannot, or not in so many seconds; the
                message says what to do.
            StoreNotWritable: The login could not be kept, so nobody was asked.
            OAuthAuthError: No token is to be had.
        """
        from oauth_auth.login.waiting import Waiting
        from oauth_auth.login.ways import Wishes

        return self._log_in(Wishes(timeout, show, ask), Waiting())

    def _log_in(self, wishes: Wishes, waiting: Waiting) -> Token:
        source = self._resolved()
        if not self._grant.needs_person:
            return self._renewed_afresh(source)
        # Imported here, since a program that only sends requests needs none of it.
        from oauth_auth.login.interactive import log_in_once, logged_in_since
        from oauth_auth.login.ways import way_to_log_in

        way = way_to_log_in(source, self._terms_for(None), wishes, waiting)
        held = log_in_once(source, way, logged_in_since(source), waiting=waiting)
        self._announce(held)
        return held.token

    def _renewed_afresh(self, source: TokenSource) -> Token:
        source.mark = None
        with (
            contextlib.suppress(errors.StoreNotWritable),
            source.store.lock(source.record_id, timeout=_LOCK_SECONDS) as transaction,
        ):
            transaction.mark(None)
        return self.renew()

    # -- requests without a usable token --------------------------------------------

    def _without_login(
        self,
        source: TokenSource,
        error: errors.LoginRequired,
        rejected: Held | None,
        library: str | None,
    ) -> Held:
        from oauth_auth.login.waiting import Waiting

        if not (self._interactive and self._grant.needs_person):
            return super()._without_login(source, error, rejected, library)
        return self._log_in_for_request(source, rejected, library, Waiting())

    async def _awithout_login(
        self,
        source: TokenSource,
        error: errors.LoginRequired,
        rejected: Held | None,
        library: str | None,
    ) -> Held:
        if not (self._interactive and self._grant.needs_person):
            return super()._without_login(source, error, rejected, library)
        return await _while_wanted(
            lambda waiting: self._log_in_for_request(source, rejected, library, waiting)
        )

    def _log_in_for_request(
        self,
        source: TokenSource,
        rejected: Held | None,
        library: str | None,
        waiting: Waiting,
    ) -> Held:
        from oauth_auth.login.interactive import log_in_once
        from oauth_auth.login.ways import Wishes, way_to_log_in

        terms = self._terms_for(library)

        def found() -> Held | None:
            source.look()
            return source.in_memory(terms, rejected)

        way = way_to_log_in(source, terms, Wishes(), waiting)
        return log_in_once(source, way, found, waiting=waiting, anew=False)

    # -- web applications -----------------------------------------------------------

    def authorization_url(
        self, *, redirect_uri: str | None = None, **extra: str
    ) -> tuple[str, PendingLogin]:
        """Return the URL to which a web application sends the person.

        Args:
            redirect_uri: Where the server sends the browser back to, which is to call
                `fetch_token`; by default the grant's.
            extra: Further parameters of this authorization request, such as
                ``login_hint="me@example.com"``.

        Returns:
            The URL, and what has to be kept in the person's server-side session:
            ``pending.to_dict()``.

        Raises:
            ConfigurationError: The grant is another one, or has no redirect_uri.
            OAuthAuthError: The server's metadata cannot be had.

        Example::

            url, pending = auth.authorization_url(redirect_uri="https://me.example/cb")
            session["login"] = pending.to_dict()
            return redirect(url)
        """
        hidden, extra = _hidden(extra), {}
        url, pending = self._start(redirect_uri, hidden)
        return url.reveal(), pending

    def _start(
        self, redirect_uri: str | None, extra: Mapping[str, Param]
    ) -> tuple[Secret, PendingLogin]:
        from oauth_auth.login import browser_login

        grant = self._code_grant()
        uri = redirect_uri or next(iter(grant.redirect_uris), None)
        if uri is None:
            raise errors.ConfigurationError(
                f"{grant!r} has no redirect_uri; pass the one that is registered"
            )
        server = browser_login.server_of(self._resolved(), self._terms_for(None))
        return browser_login.start(server, grant, uri, extra)

    def fetch_token(
        self,
        *,
        authorization_response: str,
        pending: PendingLogin | Mapping[str, Any],
        account: str | None = None,
    ) -> Token:
        """Finish the login of a web application's user.

        The token is kept for the account; `for_account` gives the object that uses it.

        Args:
            authorization_response: The URL that the browser came back to, or its
                query.
            pending: What `authorization_url` gave, or its ``to_dict()``; take it out
                of the session, since it is good for one answer.
            account: Whose login it is, such as the user's id in the application.

        Raises:
            AccessDeniedError: The person said no.
            MismatchingStateError: The answer belongs to another login.
            LoginFailed: It tells of an error, or comes from another server.
            ConfigurationError: No account is named, or this is no pending login.
            OAuthAuthError: The code could not be redeemed.
        """
        from oauth_auth.login.pending import parsed

        # Both hold secrets, which no frame is to show if something goes wrong.
        response, authorization_response = Secret(authorization_response), ""
        login, pending = parsed(pending), {}
        return self._finish(response, login, account)

    def _finish(
        self, response: Secret, pending: PendingLogin | None, account: str | None
    ) -> Token:
        from oauth_auth.login import browser_login
        from oauth_auth.login.pending import not_pending

        self._code_grant()
        if pending is None:
            raise not_pending()
        owner = self if account is None else self.for_account(account)
        if owner._account is None:
            raise errors.ConfigurationError(
                "whose login is it? pass account=, such as the user's id, so that no "
                "two people share a token"
            )
        held = browser_login.finish(
            owner._resolved(), owner._terms_for(None), pending, response
        )
        owner._announce(held)
        return held.token

    def _code_grant(self) -> AuthorizationCode:
        from oauth_auth.grants.authorization_code import AuthorizationCode

        grant = self._grant
        if not isinstance(grant, AuthorizationCode):
            raise errors.ConfigurationError(
                f"{grant!r} has no authorization URL; use AuthorizationCode"
            )
        return grant

    # -- the end --------------------------------------------------------------------

    def logout(self) -> None:
        """Revoke the token at the server (RFC 7009), and delete it here.

        Raises:
            OAuthAuthError: The server was not told; the token is deleted here all the
                same.
        """
        failure = self._ended(revoking=True)
        if failure is not None:
            raise failure

    def _ended(self, *, revoking: bool) -> Exception | None:
        """Delete the token here; return why the server could not be told."""
        from oauth_auth.stores.base import replaceable

        source = self._resolved()
        terms = self._terms_for(None)
        failure: Exception | None = None
        # As long as one renewal may take: its token must not come back afterwards.
        patience = 4 * self._timeout + _LOCK_SECONDS
        with source.store.lock(source.record_id, timeout=patience) as transaction:
            record = replaceable(transaction)
            if revoking and record.token is not None:
                failure = self._revoked(terms, record.token)
            if record.generation and not record.logged_out:
                transaction.save(record.succeed(token=None, logged_out=True))
        source.look()
        source.unsaved = None
        return failure

    def _revoked(self, terms: Terms, token: Token) -> Exception | None:
        from oauth_auth.endpoint import find_metadata, revoke

        try:
            server = find_metadata(
                self._grant.server, self._store, terms.identifier, terms.reach
            )
        except errors.OAuthAuthError as error:
            return error
        return revoke(server, self._grant, token, terms.reach)

    # -- awaitable twins ------------------------------------------------------------

    async def alogin(
        self,
        *,
        timeout: float = 180.0,  # noqa: ASYNC109  # as in login
        show: Callable[[Any], object] | None = None,
        ask: Callable[[str], str] | None = None,
    ) -> Token:
        """Do what `login` does, without blocking the event loop.

        `show` and `ask` are called in a thread. A task that is cancelled ends the
        login, unless `ask` is waiting.
        """
        from oauth_auth.login.ways import Wishes

        wishes = Wishes(timeout, show, ask)
        return await _while_wanted(lambda waiting: self._log_in(wishes, waiting))

    async def aauthorization_url(
        self, *, redirect_uri: str | None = None, **extra: str
    ) -> tuple[str, PendingLogin]:
        """Do what `authorization_url` does, without blocking the event loop."""
        hidden, extra = _hidden(extra), {}
        url, pending = await in_thread(lambda: self._start(redirect_uri, hidden))
        return url.reveal(), pending

    async def afetch_token(
        self,
        *,
        authorization_response: str,
        pending: PendingLogin | Mapping[str, Any],
        account: str | None = None,
    ) -> Token:
        """Do what `fetch_token` does, without blocking the event loop."""
        from oauth_auth.login.pending import parsed

        response, authorization_response = Secret(authorization_response), ""
        login, pending = parsed(pending), {}
        return await in_thread(lambda: self._finish(response, login, account))

    async def alogout(self) -> None:
        """Do what `logout` does, without blocking the event loop."""
        await in_thread(self.logout)


def _hidden(extra: Mapping[str, str]) -> dict[str, Param]:
    # An id_token_hint is a secret, and a login_hint tells who somebody is.
    return {name: as_source(value) for name, value in extra.items()}


async def _while_wanted(work: Callable[[Waiting], _Result]) -> _Result:
    """Run a login in a thread; a task that is cancelled takes it with it.

    It would go on otherwise, with its port and its window, until the person comes.
    """
    import anyio
    import anyio.lowlevel

    from oauth_auth.login.waiting import Waiting

    waiting = Waiting()
    results: list[_Result] = []
    failures: list[Exception] = []

    async def give_up_when_cancelled() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            waiting.give_up()

    async with anyio.create_task_group() as group:
        group.start_soon(give_up_when_cancelled)
        try:
            results.append(await in_thread(lambda: work(waiting)))
        except Exception as error:  # noqa: BLE001  # raised below
            # Not through the group, which would wrap it into an ExceptionGroup.
            failures.append(error)
        group.cancel_scope.cancel()
    if failures:
        # Where the task was cancelled, it is that which ended the login.
        await anyio.lowlevel.checkpoint_if_cancelled()
        raise failures.pop()
    return results.pop()
