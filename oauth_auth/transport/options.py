"""HttpOptions: how to reach the authorization server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

if TYPE_CHECKING:
    import ssl

    from oauth_auth.message import Certificate

__all__ = ["HttpOptions"]

#: What each option is when it is not given.
_DEFAULTS: Final = {"verify": True, "cert": None, "proxy": None, "trust_env": True}
#: Up to the last "@": a password may hold one, or a slash that should be encoded.
_USERINFO: Final = re.compile(r"//\S*@")


@final
class HttpOptions:
    """How to reach the authorization server, whichever HTTP library does it.

    Args:
        verify: True to check the server's certificate against the CAs that the HTTP
            library uses; the path of a file or directory of CA certificates (PEM); an
            `ssl.SSLContext`; or False to check nothing, which lets anybody on the way
            read the secrets.
        cert: The client certificate (PEM): the path of one file with its key, or the
            paths of certificate and key. Not together with an SSLContext, which
            carries its own.
        proxy: The proxy's URL, with its scheme, for http and https alike; NO_PROXY
            does not apply.
        trust_env: Whether the environment's proxies and CA settings apply.

    Raises:
        ConfigurationError: An SSLContext and a client certificate are both given, or
            the proxy has no scheme.

    Example:
        >>> HttpOptions(proxy="http://me:secret@proxy.example:3128")
        HttpOptions(proxy='http://***@proxy.example:3128')
    """

    __slots__ = ("cert", "proxy", "trust_env", "verify")

    def __init__(
        self,
        verify: bool | str | ssl.SSLContext = True,  # noqa: FBT001, FBT002  # as in requests
        cert: str | tuple[str, str] | None = None,
        proxy: str | None = None,
        trust_env: bool = True,  # noqa: FBT001, FBT002  # as in httpx
    ) -> None:
        if cert is not None and not isinstance(verify, bool | str):
            raise _configuration_error(
                "HttpOptions has both an SSLContext and cert=; call load_cert_chain() "
                "on the SSLContext and leave cert out"
            )
        if proxy is not None and "://" not in proxy:
            # Without one nothing tells a password in it from the rest, to hide it; and
            # of the HTTP libraries only requests would take it. Not shown, for that.
            raise _configuration_error(
                "HttpOptions needs the proxy's URL with its scheme, such as "
                "http://proxy.example:3128"
            )
        self.verify: Final = verify
        self.cert: Final = cert
        self.proxy: Final = proxy
        self.trust_env: Final = trust_env

    def with_certificate(self, certificate: Certificate) -> HttpOptions:
        """Return the options with the certificate of a client that proves itself by it.

        Raises:
            ConfigurationError: They have one of their own.
        """
        if self.cert is not None or not isinstance(self.verify, bool | str):
            raise _configuration_error(
                f"{self!r} and client_auth, with {certificate.path}, both say which "
                "certificate to show; leave one out (TLSClientAuth() without files "
                "uses that of http=)"
            )
        path, key_path = certificate
        cert = path if key_path is None else (path, key_path)
        return HttpOptions(self.verify, cert, self.proxy, self.trust_env)

    def check_files(self) -> None:
        """Find a mistyped path before a request fails with it.

        Raises:
            ConfigurationError: A file that the options name does not exist.
        """
        named = [self.cert] if isinstance(self.cert, str) else [*(self.cert or ())]
        if isinstance(self.verify, str):
            named.append(self.verify)
        for path in named:
            if not Path(path).exists():
                raise _configuration_error(
                    f"{self!r} names {path!r}, which does not exist"
                )

    def _state(self) -> tuple[Any, ...]:
        return self.verify, self.cert, self.proxy, self.trust_env

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HttpOptions) and other._state() == self._state()

    def __hash__(self) -> int:
        return hash(self._state())

    def __repr__(self) -> str:
        parts = [
            f"{name}={mask_userinfo(repr(value))}"
            for (name, default), value in zip(
                _DEFAULTS.items(), self._state(), strict=True
            )
            if value is not default
        ]
        return f"HttpOptions({', '.join(parts)})"

    def __reduce__(self) -> tuple[Any, ...]:
        if self.proxy is not None and mask_userinfo(self.proxy) != self.proxy:
            raise _configuration_error(
                f"{self!r} does not pickle by itself, since a pickle is readable by "
                "anyone; pickle the OAuthAuth that holds it, which seals it"
            )
        return HttpOptions, self._state()

    def __copy__(self) -> HttpOptions:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> HttpOptions:
        return self


def mask_userinfo(text: str) -> str:
    """Hide the user names and passwords of the URLs in a text."""
    return _USERINFO.sub("//***@", text)


def _configuration_error(message: str) -> Exception:
    # errors imports oauthlib, which a program that never fails need not load.
    from oauth_auth.errors import ConfigurationError

    return ConfigurationError(message)
