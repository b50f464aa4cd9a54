"""AuthorizationServer: endpoints and metadata, pure (RFC 8414)."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, final
from urllib.parse import SplitResult, urlsplit, urlunsplit

from oauth_auth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["AuthorizationServer"]

_ENDPOINTS: Final = (
    "token_endpoint",
    "authorization_endpoint",
    "device_authorization_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
    "pushed_authorization_request_endpoint",
    "registration_endpoint",
    "jwks_uri",
)
_URLS: Final = ("issuer", *_ENDPOINTS)
#: How many URLs that were found good need not be looked at again.
_REMEMBERED: Final = 256


@final
class AuthorizationServer:
    """Where an authorization server is, and what it says about itself. Immutable.

    Args:
        issuer: Its issuer URL (RFC 8414 section 2); the endpoints that are not given
            are looked up in its metadata.
        token_endpoint: The URL for token requests (RFC 6749 section 3.2).
        authorization_endpoint: The URL a person is sent to (section 3.1).
        device_authorization_endpoint: The URL of RFC 8628 section 3.1.
        revocation_endpoint: The URL of RFC 7009.
        introspection_endpoint: The URL of RFC 7662.
        pushed_authorization_request_endpoint: The URL of RFC 9126.
        registration_endpoint: The URL of RFC 7591.
        jwks_uri: The URL of the server's public keys.
        allow_http: Accept plain http on a host that is not loopback. Secrets then
            cross the network in clear.
        metadata: Any other metadata (RFC 8414 section 2), such as
            ``token_endpoint_auth_methods_supported``.

    Raises:
        ConfigurationError: Neither an issuer nor a token endpoint is given, or a URL
            is not https.

    Example:
        >>> AuthorizationServer("https://auth.example.com").name
        'https://auth.example.com'
    """

    __slots__ = (*_ENDPOINTS, "allow_http", "issuer", "metadata")

    token_endpoint: str | None
    authorization_endpoint: str | None
    device_authorization_endpoint: str | None
    revocation_endpoint: str | None
    introspection_endpoint: str | None
    pushed_authorization_request_endpoint: str | None
    registration_endpoint: str | None
    jwks_uri: str | None

    def __init__(
        self,
        issuer: str | None = None,
        *,
        token_endpoint: str | None = None,
        authorization_endpoint: str | None = None,
        device_authorization_endpoint: str | None = None,
        revocation_endpoint: str | None = None,
        introspection_endpoint: str | None = None,
        pushed_authorization_request_endpoint: str | None = None,
        registration_endpoint: str | None = None,
        jwks_uri: str | None = None,
        allow_http: bool = False,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        if not issuer and not token_endpoint:
            raise _configuration_error(
                "no authorization server given; pass its issuer URL, or token_endpoint="
            )
        self.issuer: Final = issuer
        self.token_endpoint = token_endpoint
        self.authorization_endpoint = authorization_endpoint
        self.device_authorization_endpoint = device_authorization_endpoint
        self.revocation_endpoint = revocation_endpoint
        self.introspection_endpoint = introspection_endpoint
        self.pushed_authorization_request_endpoint = (
            pushed_authorization_request_endpoint
        )
        self.registration_endpoint = registration_endpoint
        self.jwks_uri = jwks_uri
        self.allow_http: Final = allow_http
        self.metadata: Final = dict(metadata or {})
        for name in _URLS:
            url = getattr(self, name)
            if url is None:
                continue
            if isinstance(url, str):
                _check_own_url(url, name, allow_http)
            else:
                check_url(url, name, allow_http=allow_http)

    @property
    def name(self) -> str:
        """What identifies the server: its issuer, else its token endpoint."""
        return self.issuer or self.token_endpoint or ""

    @property
    def token_endpoint_auth_methods(self) -> tuple[str, ...]:
        """The methods named in the metadata (RFC 7591 names); empty if it is silent."""
        methods = self.metadata.get("token_endpoint_auth_methods_supported")
        if not isinstance(methods, list):
            return ()
        return tuple(method for method in methods if isinstance(method, str))

    def mtls_endpoint(self, name: str) -> str | None:
        """Return an endpoint for clients that show a certificate (RFC 8705 section 5).

        Args:
            name: The metadata's name for it, such as ``"token_endpoint"``.

        Returns:
            None if it has none of its own for them.

        Raises:
            ConfigurationError: It is not an https URL.
        """
        aliases = self.metadata.get("mtls_endpoint_aliases")
        url = aliases.get(name) if isinstance(aliases, dict) else None
        if not isinstance(url, str) or not url:
            return None
        check_url(url, f"{name} in mtls_endpoint_aliases", allow_http=self.allow_http)
        return url

    def metadata_urls(self) -> tuple[str, ...]:
        """Where the metadata may be: RFC 8414 section 3, then OpenID Connect."""
        if self.issuer is None:
            return ()
        parts = urlsplit(self.issuer)
        path = parts.path.rstrip("/")
        inserted = f"/.well-known/oauth-authorization-server{path}"
        appended = f"{path}/.well-known/openid-configuration"
        return tuple(
            urlunsplit((parts.scheme, parts.netloc, well_known, "", ""))
            for well_known in (inserted, appended)
        )

    def with_metadata(self, document: Mapping[str, Any]) -> AuthorizationServer:
        """Fill in what was not given by hand from a metadata document.

        Args:
            document: The parsed JSON of `metadata_urls`.

        Raises:
            ConfigurationError: The document is another issuer's (RFC 8414 section
                3.3), or an endpoint in it is not an https URL.
        """
        found = document.get("issuer")
        if found != self.issuer:
            raise _configuration_error(
                f"the metadata of {self.issuer} says that its issuer is {shown(found)};"
                " if that is the right server, write the issuer exactly so"
            )
        endpoints: dict[str, Any] = {}
        for name in _ENDPOINTS:
            value = getattr(self, name) or document.get(name)
            endpoints[name] = value if isinstance(value, str) and value else None
        rest = {k: v for k, v in document.items() if k not in (*_ENDPOINTS, "issuer")}
        return AuthorizationServer(
            self.issuer,
            allow_http=self.allow_http,
            metadata={**rest, **self.metadata},
            **endpoints,
        )

    def __repr__(self) -> str:
        return f"AuthorizationServer({self.name!r})"

    def _state(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, AuthorizationServer) and other._state() == self._state()
        )

    def __hash__(self) -> int:
        return hash((self.issuer, self.token_endpoint))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._state(),)


def _rebuild(state: dict[str, Any]) -> AuthorizationServer:
    return AuthorizationServer(**state)


def check_url(url: str, name: str, *, allow_http: bool = False) -> SplitResult:
    """Refuse a URL that a secret must not be sent to.

    Args:
        url: The URL of an endpoint.
        name: What it is, for the message.
        allow_http: Whether plain http to any host is wanted.

    Raises:
        ConfigurationError: It is not an absolute https URL (loopback may be http), or
            has control characters, a user name, or a fragment (RFC 6749 section 3.2).
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except (ValueError, AttributeError, TypeError):
        raise _configuration_error(f"{name} is not a URL: {shown(url)}") from None
    if parts.scheme not in ("https", "http") or not host:
        raise _configuration_error(
            f"{name} must be an absolute https URL, not {shown(url)}"
        )
    if not url.isprintable():
        # Python drops some of them from what it reads, and a login's URL is printed.
        raise _configuration_error(
            f"{name} has control characters in it: {shown(url)}; take them out"
        )
    if "@" in parts.netloc:
        raise _configuration_error(
            f"{name} at {shown(host)} has a user name or password in it; "
            "client credentials never go into a URL (RFC 6749 section 2.3.1)"
        )
    if parts.fragment:
        raise _configuration_error(f"{name} must not have a fragment: {shown(url)}")
    if parts.scheme == "http" and not allow_http and not is_loopback(host):
        raise _configuration_error(
            f"{name} {shown(url)} is plain http: secrets would cross the network in "
            "clear; use https, or allow_http=True if that is really wanted"
        )
    return parts


def shown(url: object) -> str:
    """Return what was given as a URL, fit for an error: short, and without passwords.

    Args:
        url: Anything; it may come from a server's metadata.
    """
    from oauth_auth.quoting import quoted  # errors only

    # Up to the last "@": a password may hold one, or a slash that should be encoded.
    return quoted(Secret(re.sub(r"(?s)//.*@", "//***@", repr(url))), ())


@lru_cache(maxsize=_REMEMBERED)
def _check_own_url(url: str, name: str, allow_http: bool) -> None:  # noqa: FBT001  # as a cache has it
    # An object may be made for every request. What raises is not remembered.
    check_url(url, name, allow_http=allow_http)


def is_loopback(host: str) -> bool:
    """Whether a host name can only mean this machine (RFC 8252 section 7.3)."""
    if host.lower() in ("localhost", "localhost."):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _configuration_error(message: str) -> Exception:
    # errors imports oauthlib, which a program that never fails need not load.
    from oauth_auth.errors import ConfigurationError

    return ConfigurationError(message)
