"""A person logs in with a browser (RFC 6749 section 4.1), always with PKCE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Unpack, final
from urllib.parse import urlsplit

from oauth_auth.grants.base import Grant
from oauth_auth.lazy_errors import errors
from oauth_auth.server import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oauth_auth.grants.base import ClientOptions
    from oauth_auth.secret import SecretSource
    from oauth_auth.server import AuthorizationServer

__all__ = ["AuthorizationCode"]


@final
class AuthorizationCode(Grant):
    """A person logs in at the authorization server, in a browser.

    In a command-line program ``auth.login()`` opens the browser and waits for the
    redirect on loopback (RFC 8252). A web application sends the person to
    ``auth.authorization_url(redirect_uri=...)`` and finishes with
    ``auth.fetch_token(...)``.

    Args:
        server: See `Grant`, as for all other arguments.
        redirect_uri: Where the server sends the browser back to, or several to try.
            On loopback a URI without a port means any free one. By default a path of
            chance on any free port of 127.0.0.1, which servers accept that follow RFC
            8252 and do not look at the path.
        authorization_extra: Further parameters of the authorization request, such as
            ``{"prompt": "consent"}``.
        options: See `Grant`.

    Raises:
        ConfigurationError: A redirect URI is not absolute, or has a fragment.

    Example:
        >>> AuthorizationCode("https://a.example", client_id="cli", scope="openid")
        AuthorizationCode('https://a.example', client_id='cli')
    """

    grant_type = "authorization_code"
    needs_person = True

    def __init__(
        self,
        server: str | AuthorizationServer | None = None,
        *,
        redirect_uri: str | Iterable[str] | None = None,
        authorization_extra: Mapping[str, str] | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        given = [redirect_uri] if isinstance(redirect_uri, str) else redirect_uri or ()
        self.redirect_uris: Final = tuple(given)
        self.authorization_extra: Final = dict(authorization_extra or {})
        super().__init__(server, **options)

    def check(self) -> None:
        """Refuse a redirect URI that no server may accept (RFC 6749 section 3.1.2)."""
        for uri in self.redirect_uris:
            try:
                parts = urlsplit(uri)
                _ = parts.port
            except ValueError as error:
                raise errors.ConfigurationError(
                    f"redirect_uri {uri!r} is not a URL: {error}"
                ) from None
            if not parts.scheme or "#" in uri or not (parts.netloc or parts.path):
                raise errors.ConfigurationError(
                    f"redirect_uri must be absolute and without a fragment, not {uri!r}"
                )
            if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
                raise errors.ConfigurationError(
                    f"redirect_uri {uri!r} is plain http: the code would cross the "
                    "network in clear; use https"
                )

    def token_request(self, server: AuthorizationServer) -> None:
        """Return None: without a refresh token a person has to log in again."""

    def code_request(
        self, code: SecretSource, *, redirect_uri: str, code_verifier: SecretSource
    ) -> dict[str, Any]:
        """Return the parameters that redeem a code (section 4.1.3, RFC 7636 4.5)."""
        standard: dict[str, Any] = {
            "grant_type": self.grant_type,
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": code_verifier,
            "resource": self.resource,
        }
        return self.with_extra(standard)

    def inputs(self, account: str | None) -> dict[str, Any]:
        """Return everything that can change which token is issued."""
        more = self.authorization_extra
        return {**super().inputs(account), "authorization_extra": more}

    @property
    def _remedy(self) -> str:
        return "log in again: auth.login(), or send the person to authorization_url()"
