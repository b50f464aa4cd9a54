"""Ports on loopback: where a redirect URI can be waited for (RFC 8252 section 7.3)."""

from __future__ import annotations

import errno
import secrets
import socket
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

from oauth_auth.lazy_errors import errors
from oauth_auth.server import is_loopback

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["listen"]

#: Browsers open a few connections at once, most of which they never use.
_BACKLOG: Final = 16
#: A port that is free on one stack may be taken on the other.
_TRIES: Final = 16
#: What a machine says that has no IPv6, or no IPv4.
_NO_SUCH_STACK: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
_STACKS: Final = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


def listen(redirect_uris: Sequence[str] = ()) -> tuple[str, list[socket.socket]]:
    """Listen for one login, at the first redirect URI whose port is free.

    Args:
        redirect_uris: Where to listen; those that are not on loopback are for web
            applications, and left out. One without a port means any free one. Empty
            for a path of chance on any port.

    Returns:
        The redirect URI with its port, and the sockets.

    Raises:
        ConfigurationError: None is on loopback.
        LoginFailed: All their ports are taken.
    """
    path = f"/{secrets.token_urlsafe(16)}"
    # Section 7.3: not every machine has both stacks.
    uris = redirect_uris or (f"http://127.0.0.1{path}", f"http://[::1]{path}")
    here = [uri for uri in uris if _is_here(uri)]
    if not here:
        raise errors.ConfigurationError(
            "a login on this machine needs a redirect_uri on loopback such as "
            f"http://127.0.0.1/callback, not {uris[0]!r}"
        )
    taken = []
    for uri in here:
        parts = urlsplit(uri)
        host = parts.hostname or ""
        try:
            sockets = _bound(host, parts.port or 0)
        except OSError as error:
            taken.append(f"{host}:{parts.port or 'any port'} ({error.strerror})")
            continue
        port = sockets[0].getsockname()[1]
        netloc = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return urlunsplit(("http", netloc, parts.path, parts.query, "")), sockets
    raise errors.LoginFailed(
        f"nothing can listen for the browser's answer: {', '.join(taken)}; free the "
        "port, name another one in redirect_uri, or log in with DeviceCode (--device), "
        "or by hand (login(ask=...), --no-browser)"
    )


def _is_here(uri: str) -> bool:
    parts = urlsplit(uri)
    return parts.scheme == "http" and is_loopback(parts.hostname or "")


def _bound(host: str, port: int) -> list[socket.socket]:
    """Listen at a host; at a name on both stacks, since the browser chooses one.

    Raises:
        OSError: It cannot be done.
    """
    if not host.startswith("localhost"):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return [_listening(family, host, port)]
    for _ in range(_TRIES if port == 0 else 1):
        try:
            return _on_both(port)
        except OSError as error:
            failure = error
    raise failure


def _on_both(port: int) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    for family, address in _STACKS:
        try:
            sockets.append(_listening(family, address, port))
        except OSError as error:
            if error.errno not in _NO_SUCH_STACK:
                # Somebody else has it, who would get what the browser brings.
                for other in sockets:
                    other.close()
                raise
            missing = error
        else:
            port = sockets[0].getsockname()[1]
    if not sockets and missing is not None:
        raise missing
    return sockets


def _listening(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)
        # On Windows a second program could otherwise listen at the same port (RFC 8252
        # appendix B.3). Elsewhere the kernel refuses that anyway, and the last login's
        # connections must not keep a fixed port taken for a minute.
        option = socket.SO_REUSEADDR if exclusive is None else exclusive
        listener.setsockopt(socket.SOL_SOCKET, option, 1)
        listener.bind((address, port))
        listener.listen(_BACKLOG)
        listener.settimeout(0)
    except OSError:
        listener.close()
        raise
    return listener
