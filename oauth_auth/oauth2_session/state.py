"""SessionState: what a session knows, and how it is copied."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NoReturn, Self

import requests
from oauthlib.common import generate_token
from oauthlib.oauth2 import WebApplicationClient

from oauth_auth.oauth2_session.attaching import leave_alone
from oauth_auth.oauth2_session.hidden import Hidden
from oauth_auth.oauth2_session.single import SingleFlight
from oauth_auth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from oauth_auth.oauth2_session.shared import SharedLogin
    from oauth_auth.stores.base import TokenStore

__all__ = ["SessionState"]

_HOOKS = (
    "access_token_request",
    "access_token_response",
    "protected_request",
    "refresh_token_request",
    "refresh_token_response",
)
#: What a copy of a session shares with it, or makes anew.
_NOT_COPIED = ("_store", "_logins", "_flights")


class SessionState(requests.Session):
    """The attributes of an `OAuth2Session`, which documents them."""

    def __init__(
        self,
        client_id: str | None = None,
        client: Any = None,
        auto_refresh_url: str | None = None,
        auto_refresh_kwargs: Mapping[str, Any] | None = None,
        scope: Iterable[str] | str | None = None,
        redirect_uri: str | None = None,
        token: Mapping[str, Any] | None = None,
        state: str | Callable[[], str] | None = None,
        token_updater: Callable[[dict[str, Any]], object] | None = None,
        pkce: str | None = None,
        *,
        store: TokenStore | None = None,
        **kwargs: Any,
    ) -> None:
        given = Hidden(token)
        extra = Hidden(auto_refresh_kwargs or {})
        del token, auto_refresh_kwargs
        super().__init__(**kwargs)
        if pkce not in ("S256", "plain", None):
            raise AttributeError(f'pkce must be "S256", "plain" or None, not {pkce!r}')
        self._store = store
        self._logins: dict[tuple[Any, ...], SharedLogin] = {}
        self._flights = SingleFlight()
        self._client = client or WebApplicationClient(client_id, token=given.value)
        self.token = given.value or {}
        self._scope = scope
        self.redirect_uri = redirect_uri
        self.state = state or generate_token
        self._state = state
        self.auto_refresh_url = auto_refresh_url
        self._auto_refresh_kwargs = extra
        self.token_updater = token_updater
        self._pkce = pkce
        self._verifier: Secret | None = None
        # None would let requests put netrc's password over the token.
        self.auth = leave_alone
        self.compliance_hook: dict[str, set[Callable[..., Any]]] = {
            name: set() for name in _HOOKS
        }

    # -- attributes --------------------------------------------------------------------

    @property
    def scope(self) -> Any:
        """The scope to ask for: this session's, else its client's."""
        if self._scope is not None:
            return self._scope
        return None if self._client is None else self._client.scope

    @scope.setter
    def scope(self, scope: Iterable[str] | str | None) -> None:
        self._scope = scope

    @property
    def client_id(self) -> str | None:
        """The client's identifier."""
        return getattr(self._client, "client_id", None)

    @client_id.setter
    def client_id(self, value: str | None) -> None:
        self._client.client_id = value

    @client_id.deleter
    def client_id(self) -> None:
        del self._client.client_id

    @property
    def auto_refresh_kwargs(self) -> Mapping[str, Any]:
        """Further parameters of a refresh by itself."""
        return self._auto_refresh_kwargs.value

    @auto_refresh_kwargs.setter
    def auto_refresh_kwargs(self, value: Mapping[str, Any]) -> None:
        # A debugger prints the attributes of an object, and a secret may be in it.
        self._auto_refresh_kwargs = Hidden(value)

    @property
    def _code_verifier(self) -> str | None:
        return None if self._verifier is None else self._verifier.reveal()

    @_code_verifier.setter
    def _code_verifier(self, value: str | None) -> None:
        self._verifier = None if value is None else Secret(value)

    @property
    def token(self) -> Any:
        """The token that this session used last, as a dictionary."""
        return getattr(self._client, "token", None)

    @token.setter
    def token(self, value: Any) -> None:
        # Whatever login it belongs to is found anew, by its refresh token.
        self._logins = {}
        given = Hidden(value)
        del value
        self._take(given)

    @property
    def access_token(self) -> str | None:
        """The access token in it."""
        return getattr(self._client, "access_token", None)

    @access_token.setter
    def access_token(self, value: str | None) -> None:
        self._client.access_token = value

    @access_token.deleter
    def access_token(self) -> None:
        del self._client.access_token

    @property
    def authorized(self) -> bool:
        """Whether there is an access token; the server may have ended it."""
        return bool(self.access_token)

    def _take(self, token: Hidden[Any]) -> None:
        """Have oauthlib's client use a token."""
        if token.value and not {"expires_in", "expires_at"} & set(token.value):
            # oauthlib would go on with the expiry of the token before.
            self._client._expires_at = None
        self._client.token = token.value
        self._client.populate_token_attributes(token.value)

    def register_compliance_hook(
        self, hook_type: str, hook: Callable[..., Any]
    ) -> None:
        """Have a function mend what a server gets or sends.

        Args:
            hook_type: "access_token_request" and "refresh_token_request" get and
                return (URL, headers, keyword arguments of the request or its body);
                "protected_request" (URL, headers, data); "access_token_response" and
                "refresh_token_response" the response.
            hook: The function.

        Raises:
            ValueError: There is no such type.
        """
        if hook_type not in self.compliance_hook:
            raise ValueError(
                f"there is no hook {hook_type!r}; there are "
                f"{', '.join(sorted(self.compliance_hook))}"
            )
        self.compliance_hook[hook_type].add(hook)

    # -- copies ------------------------------------------------------------------------

    def __copy__(self) -> Self:
        return self._copied(None)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self._copied(memo)

    def _copied(self, memo: dict[int, Any] | None) -> Self:
        twin = object.__new__(type(self))
        for name in vars(self):
            if name not in _NOT_COPIED:
                vars(twin)[name] = (
                    vars(self)[name]
                    if memo is None
                    else copy.deepcopy(vars(self)[name], memo)
                )
        twin._store, twin._logins, twin._flights = self._store, {}, SingleFlight()
        return twin

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "an OAuth2Session does not pickle, since tokens are in it and a pickle is "
            "readable by anyone; build it anew where it is needed, with the same token "
            "and store"
        )
