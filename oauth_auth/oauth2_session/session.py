"""OAuth2Session: requests-oauthlib's class, whose login many copies share."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from oauthlib.oauth2 import TokenExpiredError

from oauth_auth.oauth2_session import secure
from oauth_auth.oauth2_session.asking import fetch, refresh, warn_of_scope
from oauth_auth.oauth2_session.attaching import placed
from oauth_auth.oauth2_session.call import Call, calling, of_request
from oauth_auth.oauth2_session.hidden import Hidden
from oauth_auth.oauth2_session.reach import adapter_for_post
from oauth_auth.oauth2_session.shared import SharedLogin
from oauth_auth.oauth2_session.state import SessionState
from oauth_auth.oauth2_session.updated import TokenUpdated
from oauth_auth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests
    from requests.adapters import BaseAdapter

    from oauth_auth.oauth2_session.asking import Sent

__all__ = ["OAuth2Session"]


class OAuth2Session(SessionState):
    """A `requests.Session` with a token, as requests-oauthlib 2 has it.

    As soon as it refreshes by itself (``auto_refresh_url``, and a refresh token in the
    token), its token is kept in the shared `FileStore`, keyed by the token that it
    started from: any number of copies of a script, started with the same old token or
    with newer ones, share one login. The refresh token is spent by one of them at a
    time; all others take over what it brought.

    Args:
        client_id: The client's identifier, unless `client` has it.
        client: One of oauthlib's clients; by default a `WebApplicationClient`.
        auto_refresh_url: The token endpoint at which expired tokens are renewed.
        auto_refresh_kwargs: Further parameters of the refresh, such as ``client_id``
            and ``client_secret``.
        scope: The scope to ask for, as a list.
        redirect_uri: Where the person is sent back to.
        token: The token to start with, as a dictionary.
        state: The ``state`` of authorization URLs, or a function that makes it.
        token_updater: Called with each token that this session uses for the first
            time, in the caller's thread, whoever renewed it. Without it
            `TokenUpdated` is raised.
        pkce: "S256" or "plain" (RFC 7636); None for none.
        store: Where the shared token is kept: the user's `FileStore` by default;
            ``MemoryStore()`` keeps it to this session.
        kwargs: Arguments of `requests.Session`.

    Raises:
        AttributeError: `pkce` is something else.

    Example:
        >>> session = OAuth2Session("reports", token={"access_token": "2YotnFZFEjr1"})
        >>> session.authorized
        True
    """

    # -- logging in --------------------------------------------------------------------

    def new_state(self) -> str:
        """Return a new ``state``, and remember it for the answer."""
        state = self.state() if callable(self.state) else self.state
        self._state = state
        return state

    def authorization_url(
        self, url: str, state: str | None = None, **kwargs: Any
    ) -> tuple[str, str]:
        """Return the URL to send a person to, and its ``state``.

        Args:
            url: The authorization endpoint.
            state: The ``state``, if it is not to be made.
            kwargs: Further parameters.

        Raises:
            InsecureTransportError: The endpoint is neither https nor on loopback.
        """
        state = state or self.new_state()
        if self._pkce:
            self._code_verifier = self._client.create_code_verifier(43)
            # oauthlib makes no challenge of the method's full name for "plain".
            kwargs["code_challenge"] = self._client.create_code_challenge(
                self._code_verifier, None if self._pkce == "plain" else self._pkce
            )
            kwargs["code_challenge_method"] = self._pkce
        endpoint = Hidden(url)
        made = Hidden(
            self._client.prepare_request_uri(
                secure.for_oauthlib(endpoint).value,
                redirect_uri=self.redirect_uri,
                scope=self.scope,
                state=state,
                **kwargs,
            )
        )
        return secure.restored(made, endpoint).value, state

    def fetch_token(
        self,
        token_url: str,
        code: str | None = None,
        authorization_response: str | None = None,
        body: str = "",
        auth: Any = None,
        username: str | None = None,
        password: str | None = None,
        method: str = "POST",
        force_querystring: bool = False,
        timeout: Any = None,
        headers: Mapping[str, str] | None = None,
        verify: Any = None,
        proxies: Mapping[str, str] | None = None,
        include_client_id: bool | None = None,
        client_secret: str | None = None,
        cert: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Fetch a token from the token endpoint, and use it from now on.

        Args:
            token_url: The token endpoint.
            code: The authorization code.
            authorization_response: Instead, the URL that the person was sent back to.
            body: A form to add the parameters to.
            auth: How the client authenticates, as requests takes it. By default with
                its id and `client_secret` in the Authorization header.
            username: The resource owner's name, for a `LegacyApplicationClient`.
            password: The resource owner's password.
            method: "POST" or "GET".
            force_querystring: Put the parameters into the URL.
            timeout: Seconds, as requests takes them.
            headers: In place of those for a form.
            verify: As requests takes it.
            proxies: As requests takes them.
            include_client_id: Name the client in the body: always (True), never
                (False), or where it does not authenticate in the header (None).
            client_secret: The client's secret; it may be empty.
            cert: A client certificate, as requests takes it.
            kwargs: Further parameters of the token request.

        Returns:
            The token, which is also `token` from now on.

        Raises:
            InsecureTransportError: The endpoint is neither https nor on loopback.
            MismatchingStateError: The response belongs to another login.
            ValueError: An argument is missing or wrong.
            OAuth2Error: The server refused, or sent no token.
        """
        given = Hidden(
            {
                "code": code,
                "authorization_response": authorization_response,
                "body": body,
                "auth": auth,
                "username": username,
                "password": password,
                "method": method,
                "force_querystring": force_querystring,
                "timeout": timeout,
                "headers": headers,
                "verify": verify,
                "proxies": proxies,
                "include_client_id": include_client_id,
                "client_secret": client_secret,
                "cert": cert,
                "kwargs": kwargs,
            }
        )
        del code, authorization_response, body, auth, password, headers, client_secret
        del proxies, kwargs
        fetch(self, token_url, given)
        return self.token

    def token_from_fragment(self, authorization_response: str) -> Any:
        """Take the token out of a URL's fragment, as a `MobileApplicationClient` does.

        Args:
            authorization_response: The URL that the person was sent back to.

        Raises:
            OAuth2Error: The server refused, or sent no token.
            ValueError: The response belongs to another login.
        """
        response = Hidden(authorization_response)
        del authorization_response
        response = secure.for_oauthlib(response)
        warning = None
        try:
            self._client.parse_request_uri_response(response.value, state=self._state)
            token = Hidden(self._client.token)
        except Warning as changed:
            token, warning = Hidden(getattr(changed, "token", {})), str(changed)
        self.token = token.value
        warn_of_scope(warning)
        return self.token

    # -- refreshing --------------------------------------------------------------------

    def refresh_token(
        self,
        token_url: str | None,
        refresh_token: str | None = None,
        body: str = "",
        auth: Any = None,
        timeout: Any = None,
        headers: Mapping[str, str] | None = None,
        verify: Any = None,
        proxies: Mapping[str, str] | None = None,
        *,
        cert: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Replace the token by means of its refresh token.

        Of several threads that do so at once, one asks, and all get what it got. Where
        the login is shared, a token that another copy has renewed meanwhile will do.

        Args:
            token_url: The token endpoint.
            refresh_token: The refresh token; by default the session's.
            body: A form to add the parameters to.
            auth: How the client authenticates, as requests takes it.
            timeout: Seconds, as requests takes them.
            headers: In place of those for a form.
            verify: As requests takes it.
            proxies: As requests takes them.
            cert: A client certificate, as requests takes it.
            kwargs: Further parameters of the request.

        Returns:
            The token, which is also `token` from now on.

        Raises:
            InsecureTransportError: The endpoint is neither https nor on loopback.
            OAuth2Error: The server refused, or sent no token.
        """
        spent = Secret(refresh_token) if refresh_token else None
        given = Hidden(
            {
                "body": body,
                "auth": auth,
                "timeout": timeout,
                "headers": headers,
                "verify": verify,
                "proxies": proxies,
                "cert": cert,
                "kwargs": kwargs,
            }
        )
        del refresh_token, body, auth, headers, proxies, kwargs
        if not token_url:
            raise ValueError("refresh_token needs the token endpoint's URL")
        secure.check(Hidden(token_url))
        own = self._refresh_token()
        login = self._shared_login() if spent in (None, own) else None
        if login is not None:
            login.renew_for(Call(token_url, given.value, quiet=True))
        else:
            chosen = spent or own
            self._flights.run(
                (token_url, chosen), lambda: refresh(self, token_url, chosen, given)
            )
        return self.token

    def _refresh_token(self) -> Secret | None:
        token = Hidden(self.token or {})
        found = Secret(
            token.value.get("refresh_token") or self._client.refresh_token or ""
        )
        return found or None

    def _shared_login(self) -> SharedLogin | None:
        """Return the login that this session shares, if it refreshes by itself."""
        if not (self.auto_refresh_url and self.token and self.access_token):
            return None
        key = (self.auto_refresh_url, self.client_id)
        login = self._logins.get(key)
        if login is None and self._refresh_token() is not None:
            secure.check(Hidden(self.auto_refresh_url))
            login = self._logins.setdefault(key, SharedLogin(self, self._store))
        return login

    def _refresh_by_itself(self, call: Call) -> None:
        """Renew an expired token of which no refresh token is known."""
        self.refresh_token(
            call.url,
            **{
                name: call.given.value[name]
                for name in ("auth", "timeout", "verify", "proxies", "cert")
                if call.given.value[name] is not None
            },
        )
        self._tell()

    def _tell(self) -> None:
        """Tell the caller of a new token.

        Raises:
            TokenUpdated: There is no other way.
        """
        if self.token_updater is None:
            raise TokenUpdated(self.token)
        self.token_updater(self.token)

    # -- requests ----------------------------------------------------------------------

    def request(  # type: ignore[override]  # as requests-oauthlib has it
        self,
        method: str,
        url: str,
        data: Any = None,
        headers: Any = None,
        withhold_token: bool = False,
        client_id: str | None = None,
        client_secret: str | None = None,
        files: Any = None,
        **kwargs: Any,
    ) -> requests.Response:
        """Send a request with the token, which is renewed first if it has expired.

        A 401 is answered by renewing and sending the request once more, where the
        login is shared and the request can be sent again.

        Args:
            method: The HTTP method.
            url: Where to; https, or loopback.
            data: The body.
            headers: The header fields.
            withhold_token: Send no token.
            client_id: With `client_secret`: how a renewal authenticates.
            client_secret: The client's secret.
            files: As requests takes them.
            kwargs: As requests takes them; ``timeout``, ``verify``, ``proxies``,
                ``cert`` and ``auth`` hold for a renewal too.

        Raises:
            InsecureTransportError: The URL is neither https nor on loopback.
            TokenExpiredError: The token has expired, and this session does not refresh
                by itself; or a person has to log in again.
            TokenUpdated: There is a new token, and no `token_updater`.
            OAuth2Error: The server refused to renew.
        """
        sent: Sent = Hidden((url, headers, data))
        options = Hidden(kwargs)
        secret = Secret(client_secret) if client_secret else None
        del url, headers, data, kwargs, client_secret
        secure.check(Hidden(sent.value[0]))
        if withhold_token or not self.token:
            return self._send(method, sent, files, options)
        call = of_request(self.auto_refresh_url or "", client_id, secret, options)
        login = self._shared_login()
        held = login.obtain(call) if login is not None else None
        attached = partial(placed, self, method, sent, files, options, login, held)
        try:
            made, auth = attached()
        except TokenExpiredError:
            if not self.auto_refresh_url:
                raise
            auth = None
        if auth is None:
            self._refresh_by_itself(call)
            made, auth = attached()
        with calling(call):
            return self._send(
                method, made, files, Hidden({**options.value, "auth": auth.value})
            )

    def _send(
        self, method: str, sent: Sent, files: Any, options: Hidden[dict[str, Any]]
    ) -> requests.Response:
        return super().request(
            method,
            sent.value[0],
            headers=sent.value[1],
            data=sent.value[2],
            files=files,
            **options.value,
        )

    def get_adapter(self, url: str | bytes) -> BaseAdapter:
        """Return the adapter for a URL; for a renewal, one that does not retry."""
        adapter = super().get_adapter(url)  # type: ignore[arg-type]  # as in requests
        return adapter_for_post(adapter)
