"""LoginAuth: how a login begins and ends, in programs and web applications."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from oauth_auth.endpoint import find_metadata, revoke
from oauth_auth.grants.authorization_code import AuthorizationCode
from oauth_auth.grants.device_code import DeviceCode
from oauth_auth.lazy_errors import errors
from oauth_auth.secret import Secret
from oauth_auth.token_auth import TokenAuth, in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oauth_auth.held import Held
    from oauth_auth.login.pending import PendingLogin
    from oauth_auth.renewal import Terms, TokenSource
    from oauth_auth.token import Token

__all__ = ["LoginAuth"]

_LOCK_SECONDS: Final = 30.0
#: Seconds that a person has for a login.
_PERSON_SECONDS: Final = 180.0


class LoginAuth(TokenAuth):
    """A `TokenAuth` that people can log in to, and out of."""

    def login(
        self,
        *,
        timeout: float = _PERSON_SECONDS,
        show: Callable[[Any], object] | None = None,
        ask: Callable[[str], str] | None = None,
    ) -> Token:
        """Start a new login, whatever the last one came to.

        With `AuthorizationCode` a person logs in with the browser of this machine,
        with `DeviceCode` on any other. Of many workers that log in at once one does
        it, and the others wait for it. Grants that need no person just ask anew.

        Args:
            timeout: Seconds for the person in front of the browser.
            show: Called with what the person needs to know in place of printing it
                to standard error: the URL, or a `DevicePrompt`.
            ask: Called with the URL, and returns the URL that the browser came back
                to, pasted by hand; for machines where no browser runs.

        Raises:
            LoginFailed: The person said no, or did not come to an end.
            ConfigurationError: This grant cannot; the message says what to do.
            OAuthAuthError: No token is to be had.
        """
        grant, source = self._grant, self._resolved()
        if not grant.needs_person:
            return self._renewed_afresh(source)
        terms = self._terms_for(None)
        log_in = self._way_to_log_in(source, terms, timeout, show, ask)
        from oauth_auth.login.interactive import log_in_once

        held = log_in_once(source, log_in, patience=timeout + _LOCK_SECONDS)
        self._announce(held)
        return held.token

    def _way_to_log_in(
        self,
        source: TokenSource,
        terms: Terms,
        timeout: float,
        show: Callable[[Any], object] | None,
        ask: Callable[[str], str] | None,
    ) -> Callable[[], Held]:
        # Imported here, since a program that only sends requests needs none of it.
        if isinstance(self._grant, DeviceCode):
            from oauth_auth.login.device import log_in_by_device

            return lambda: log_in_by_device(source, terms, show=show)
        if not isinstance(self._grant, AuthorizationCode):
            raise errors.ConfigurationError(
                f"{self._grant!r} cannot log in: {self._grant.remedy}"
            )
        from oauth_auth.login import browser_login

        if ask is not None:
            by_hand = ask
            return lambda: browser_login.log_in_by_hand(source, terms, by_hand)
        return lambda: browser_login.log_in_by_browser(
            source, terms, timeout=timeout, show=show
        )

    def _renewed_afresh(self, source: TokenSource) -> Token:
        source.mark = None
        with (
            contextlib.suppress(errors.StoreNotWritable),
            source.store.lock(source.record_id, timeout=_LOCK_SECONDS) as transaction,
        ):
            transaction.mark(None)
        return self.renew()

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
            ConfigurationError: No account is named.
            OAuthAuthError: The code could not be redeemed.
        """
        from oauth_auth.login import browser_login
        from oauth_auth.login.pending import PendingLogin

        response, authorization_response = Secret(authorization_response), ""
        self._code_grant()
        owner = self if account is None else self.for_account(account)
        if owner._account is None:
            raise errors.ConfigurationError(
                "whose login is it? pass account=, such as the user's id, so that no "
                "two people share a token"
            )
        if not isinstance(pending, PendingLogin):
            pending = PendingLogin.from_dict(pending)
        held = browser_login.finish(
            owner._resolved(), owner._terms_for(None), pending, response
        )
        owner._announce(held)
        return held.token

    def _code_grant(self) -> AuthorizationCode:
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
        source = self._resolved()
        terms = self._terms_for(None)
        failure: Exception | None = None
        # As long as one renewal may take: its token must not come back afterwards.
        patience = 4 * self._timeout + _LOCK_SECONDS
        with source.store.lock(source.record_id, timeout=patience) as transaction:
            record = transaction.read()
            if record.token is not None:
                failure = self._revoked(terms, record.token)
                transaction.save(record.succeed(token=None, logged_out=True))
        source.look()
        source.unsaved = None
        if failure is not None:
            raise failure

    def _revoked(self, terms: Terms, token: Token) -> Exception | None:
        try:
            server = find_metadata(
                self._grant.server, self._store, terms.identifier, terms.reach
            )
        except errors.OAuthAuthError as error:
            return error
        return revoke(server, self._grant, token, terms.reach)

    # -- awaitable twins ------------------------------------------------------------

    async def alogin(self, **options: Any) -> Token:
        """Do what `login` does, without blocking the event loop."""
        return await in_thread(lambda: self.login(**options))

    async def aauthorization_url(self, **options: Any) -> tuple[str, PendingLogin]:
        """Do what `authorization_url` does, without blocking the event loop."""
        return await in_thread(lambda: self.authorization_url(**options))

    async def afetch_token(self, **options: Any) -> Token:
        """Do what `fetch_token` does, without blocking the event loop."""
        return await in_thread(lambda: self.fetch_token(**options))

    async def alogout(self) -> None:
        """Do what `logout` does, without blocking the event loop."""
        await in_thread(self.logout)
