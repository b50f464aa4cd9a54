"""What may be said about an exception of an HTTP library.

Their exceptions hold the request with its refresh token (as ``.request``, in frames
of the traceback), and the text of some quotes what was sent or received: an invalid
status line may be the token answer. So a copy of the chain is kept, without
tracebacks and attributes, and without text except for those which tell nothing but
what the operating system, TLS or a proxy said.
"""

from __future__ import annotations

import itertools
import ssl
import sys
from typing import Final

from oauth_auth.transport.options import mask_userinfo

__all__ = ["reason", "scrubbed", "tls_refused"]

#: Modules whose OSErrors come from the operating system or TLS.
_SYSTEM: Final = ("builtins", "socket", "ssl")
_LIBRARIES: Final = ("requests", "urllib3", "httpx", "httpcore", "httpx2", "httpcore2")
#: Exceptions of the HTTP libraries that tell only why there is no connection, or
#: which address was wrong. Not among them: those about what was sent or received.
_TELLING: Final = (
    "ConnectError",
    "ConnectTimeout",
    "ConnectTimeoutError",
    "InvalidProxyURL",
    "InvalidSchema",
    "InvalidURL",
    "MissingSchema",
    "NameResolutionError",
    "NewConnectionError",
    "PoolTimeout",
    "ProxyError",
    "ReadError",
    "ReadTimeout",
    "ReadTimeoutError",
    "UnsupportedProtocol",
    "WriteError",
    "WriteTimeout",
)
_LONGEST_CHAIN: Final = 10


def _chain(error: BaseException) -> list[BaseException]:
    links: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and len(links) < _LONGEST_CHAIN:
        links.append(link)
        # Also what "from None" hides: httpcore hides the error of TLS so.
        link = link.__cause__ or link.__context__
    return links


def _is_system(error: BaseException) -> bool:
    return isinstance(error, OSError) and type(error).__module__ in _SYSTEM


def _is_telling(error: BaseException) -> bool:
    kind = type(error)
    root = kind.__module__.partition(".")[0]
    return root in _LIBRARIES and kind.__name__ in _TELLING


def reason(error: BaseException) -> str:
    """Say in a line why an exchange failed, without quoting what was exchanged."""
    links = _chain(error)
    name = type(error).__name__
    said = next(
        (
            text
            for judge in (_is_system, _is_telling)
            for link in links
            if judge(link) and (text := mask_userinfo(str(link)))
        ),
        "",
    )
    if said:
        return f"{said} ({name})"
    if any(type(link).__name__ == "RemoteDisconnected" for link in links):
        return f"the connection was closed without an answer ({name})"
    return f"{name} (its text is withheld, as it may quote the exchange)"


def tls_refused(error: BaseException) -> bool:
    """Whether TLS failed: the certificate, its host name, or the protocol."""
    # ssl.CertificateError is SSLCertVerificationError, an SSLError.
    return any(isinstance(link, ssl.SSLError) for link in _chain(error))


def scrubbed(error: BaseException) -> BaseException:
    """Return a copy of an exception and its chain that is safe to raise from."""
    copies = [_copy(link) for link in _chain(error)]
    for copy, following in itertools.pairwise(copies):
        copy.__cause__ = following
    return copies[0]


def _copy(error: BaseException) -> BaseException:
    kind = type(error)
    name = f"{kind.__module__}.{kind.__qualname__}"
    root = kind.__module__.partition(".")[0]
    text = (
        mask_userinfo(str(error))
        if _is_system(error) or _is_telling(error)
        else "(text withheld)"
    )
    if root not in _LIBRARIES and root not in sys.stdlib_module_names:
        # No code of unknown classes runs here, where an answer may be at stake.
        return Exception(f"{name}: {text}")
    try:
        if _is_system(error):
            return kind(*(part for part in error.args if isinstance(part, int | str)))
        return kind(text)
    except Exception:  # noqa: BLE001  # some constructors want more than a text
        return Exception(f"{name}: {text}")
