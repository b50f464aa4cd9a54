"""The login that all copies of a script share: a session's token in a store.

The session's token is a seed. From then on this package's own machinery renews it: one
worker of all spends the refresh token, under the record's lock, and what it brought is
saved before anything else happens. Only the request itself is the session's: oauthlib
builds it, the session's hooks mend it, and the session's adapters send it.
"""

from __future__ import annotations

import copy
import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, final

from oauthlib.oauth2.rfc6749.utils import scope_to_list

from oauth_auth.answer import seconds
from oauth_auth.flight import in_context
from oauth_auth.grants.refresh_token import RefreshToken
from oauth_auth.http_clients.requests import RequestsAuth
from oauth_auth.lazy_errors import errors
from oauth_auth.oauth2_session import secure
from oauth_auth.oauth2_session.answers import as_dict, changed_scope
from oauth_auth.oauth2_session.asking import prepare_refresh, warn_of_scope
from oauth_auth.oauth2_session.call import Call, call_under_way, calling
from oauth_auth.oauth2_session.failures import as_scripts_expect
from oauth_auth.oauth2_session.hidden import Hidden
from oauth_auth.oauth2_session.reach import SessionReach
from oauth_auth.origins import origin_of
from oauth_auth.secret import Secret
from oauth_auth.token import Token

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from oauth_auth.client_auth import Draft
    from oauth_auth.held import Held
    from oauth_auth.oauth2_session.session import OAuth2Session
    from oauth_auth.renewal import Terms
    from oauth_auth.secret import SecretSource
    from oauth_auth.stores.base import TokenStore

__all__ = ["SharedLogin"]

#: How far a token dictionary's expiry may be from its record's by rounding, in seconds.
_ROUNDING: Final = 1.0
#: Where a prepared request keeps how it is made anew; redirects, which are copies and
#: go elsewhere, have none.
_REMAKE: Final = "_oauth_auth_remake"
_log = logging.getLogger("oauth_auth")


@final
class _BySession:
    """Adds nothing: how the client authenticates is in the session's own settings."""

    method: ClassVar[str] = "none"

    def apply(self, draft: Draft) -> None:
        """Add nothing."""


@final
class SessionGrant(RefreshToken):
    """A session's token as a seed; its requests are built by the session.

    Args:
        url: The session's ``auto_refresh_url``.
        client_id: The client.
        seed: The session's token.
    """

    _session: OAuth2Session
    _call: Call

    def __init__(self, url: str, client_id: str, seed: Token) -> None:
        super().__init__(
            token_endpoint=url,
            client_id=client_id,
            client_auth=_BySession(),
            token=seed,
            allow_http=secure.switched_off(),
        )

    def during(self, session: OAuth2Session, call: Call) -> SessionGrant:
        """Return the grant with the settings of one call."""
        bound = copy.copy(self)
        bound._session, bound._call = session, call
        return bound

    def refresh_request(self, refresh_token: SecretSource) -> dict[str, Any]:
        """Have the session build its request, before anything is spent.

        Raises:
            OAuthAuthError: The session's own settings or hooks raised.
        """
        call = self._call

        def build() -> None:
            call.sent = prepare_refresh(
                self._session, call.url, Secret(refresh_token.reveal()), call.given
            )

        try:
            in_context(call.context, build)
        except Exception as error:  # noqa: BLE001  # hooks are the caller's code
            call.failure = error
        if call.failure is not None:
            raise errors.OAuthAuthError(
                f"{self!r}: building the refresh request raised "
                f"{type(call.failure).__name__}; look at the session's hooks and "
                "auto_refresh_kwargs"
            )
        # Only to be hidden, should the server repeat them.
        told = Hidden(self._session.auto_refresh_kwargs.get("client_secret"))
        return {
            "grant_type": self.grant_type,
            "refresh_token": refresh_token,
            "client_secret": Secret(told.value)
            if isinstance(told.value, str)
            else None,
        }

    @property
    def remedy(self) -> str:
        """What to do when the login has ended."""
        return (
            "log in again: send the person to authorization_url(), and call "
            "fetch_token() with what comes back"
        )

    def __repr__(self) -> str:
        return f"OAuth2Session({self.client_id!r}, auto_refresh_url={self.server.name})"


@final
class SharedLogin(RequestsAuth):
    """The record of a session's login, and how its requests get their token.

    Args:
        session: The session.
        store: Where the record is; None for the user's `FileStore`.
    """

    def __init__(self, session: OAuth2Session, store: TokenStore | None) -> None:
        url = session.auto_refresh_url or ""
        super().__init__(
            SessionGrant(
                url,
                session.client_id
                or session.auto_refresh_kwargs.get("client_id")
                or "unnamed client",
                _seed_of(session),
            ),
            store=store,
            # The session's adapters and cookies are used by one thread at a time.
            background=False,
        )
        self._session: Final = session
        #: The generation that the session's own token is.
        self._followed = 0
        self._begun = False

    # -- for the session ------------------------------------------------------------

    def obtain(self, call: Call) -> Held:
        """Return a fresh token, which the session then has too.

        Raises:
            TokenUpdated: It is a new one, and there is nobody to give it to.
            OAuthAuthError: None is to be had; also what scripts expect.
        """
        with calling(call):
            return self._followed_by_session(self._held(self._expired(), "requests"))

    def renew_for(self, call: Call) -> None:
        """Replace the session's token, or take over one that is newer.

        Raises:
            OAuthAuthError: None is to be had; also what scripts expect.
        """
        with calling(call):
            source = self._resolved()
            seen = source.held or source.look()
            if seen is not None and not (
                seen.generation == self._followed or self._is_given(seen.token)
            ):
                seen = None
            self._begun = True
            self._followed_by_session(self._held(seen, "requests"))

    def attach(
        self,
        held: Held,
        request: requests.PreparedRequest,
        remake: Callable[[requests.PreparedRequest], None],
    ) -> None:
        """Put a token into a request's header, and have a 401 answered.

        Args:
            held: The token.
            request: The request.
            remake: Makes the request anew with the session's token.
        """
        setattr(request, _REMAKE, remake)
        request.headers["Authorization"] = self._authorization(held)
        request.hooks["response"].append(
            partial(self._answered, held, origin_of(request.url or ""))
        )

    def _expired(self) -> Held | None:
        """Return the record's token if the caller says that it has expired.

        Scripts set ``expires_at`` to the past to have a token renewed.
        """
        if self._begun:
            return None
        self._begun = True
        source = self._resolved()
        held = source.held or source.look()
        seed = self._grant_seed()
        if held is None or held.token._access_token != seed._access_token:
            return None
        ended = seed.expires_at is not None and seed.expires_at <= time.time()
        return held if ended else None

    # -- how `RequestsAuth` does it --------------------------------------------------

    def _sent_again(
        self, response: requests.Response, held: Held, **kwargs: Any
    ) -> requests.Response:
        remake = getattr(response.request, _REMAKE, None)
        if remake is not None:
            remake(response.request)
        return super()._sent_again(response, held, **kwargs)

    def _held(self, rejected: Held | None = None, library: str | None = None) -> Held:
        call = call_under_way()
        try:
            held = super()._held(rejected, library)
        except errors.OAuthAuthError as error:
            failure: Exception = as_scripts_expect(error)
        else:
            if call is not None and call.failure is not None:
                _log.error(
                    "a hook of %r raised %s; the token is kept all the same",
                    self._grant,
                    type(call.failure).__name__,
                )
                call.failure = None
            return held
        if call is not None and call.failure is not None:
            # What the caller's own code raised is what the caller gets.
            failure = call.failure
        raise failure

    def _terms_for(self, library: str | None) -> Terms:
        call = call_under_way()
        assert call is not None  # noqa: S101  # whatever asks for a token has one
        grant: Any = self._grant
        reach: Any = SessionReach(self._session, call)
        terms = super()._terms_for(library)
        from oauth_auth.renewal import Terms  # loaded by now

        return Terms(
            grant=grant.during(self._session, call),
            reach=reach,
            identifier=terms.identifier,
            leeway=terms.leeway,
            background=terms.background,
            account=terms.account,
            configuration=terms.configuration,
        )

    def _announce(self, held: Held) -> None:
        session = self._session
        known = (session.token or {}).get("scope")
        self._followed_by_session(held)
        if not self._is_first_use(held):
            return
        call = call_under_way()
        if not self._is_current or self._is_given(held.token):
            return
        if not (call and call.quiet):
            session._tell()
        scope = (held.token.scope or "").split()
        if scope and set(scope) != set(scope_to_list(known) or ()):
            warn_of_scope(changed_scope(scope, asked=session.scope))

    def _followed_by_session(self, held: Held) -> Held:
        if held.generation > self._followed:
            if self._is_current and not self._is_given(held.token):
                self._session._take(Hidden(as_dict(held.token)))
            # Last, so that no other thread goes on before the session has the token.
            self._followed = held.generation
        return held

    @property
    def _is_current(self) -> bool:
        """Whether the session has not been given another token meanwhile."""
        return self in self._session._logins.values()

    def _grant_seed(self) -> Token:
        grant: Any = self._grant
        seed: Token = grant.seed
        return seed

    def _is_given(self, token: Token) -> bool:
        """Whether it is the token that the caller gave to the session."""
        seed = self._grant_seed()
        if seed._access_token != token._access_token:
            return False
        if seed._refresh_token != token._refresh_token:
            return False
        if seed.expires_at is None or token.expires_at is None:
            return seed.expires_at is token.expires_at
        return abs(seed.expires_at - token.expires_at) <= _ROUNDING


def _seed_of(session: OAuth2Session) -> Token:
    """Return the session's token.

    Its ``expires_in`` counts from now where it has no ``expires_at``, as with oauthlib.
    """
    client: Any = session._client
    life = seconds(session.token.get("expires_in"))
    return Token.from_dict(
        {
            "refresh_token": client.refresh_token,
            **{
                name: session.token[name]
                for name in session.token
                if name != "expires_in" and session.token[name] is not None
            },
            **(
                {"expires_at": time.time() + life}
                if life and session.token.get("expires_at") is None
                else {}
            ),
        }
    )
