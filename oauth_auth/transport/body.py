"""What goes into an HTTP library and comes out of it, with secrets kept out of sight.

No function here binds a secret to a local name: an exception may pass through its
frame, and some tools print the locals of every frame.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, Final, final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oauth_auth.message import Request
    from oauth_auth.secret import Secret
    from oauth_auth.transport.watch import Watch

__all__ = ["CHUNK", "LIMIT", "check", "read", "revealed_body", "revealed_headers"]

#: The most bytes of a body that are read; one more marks that it was longer.
LIMIT: Final = 1 << 20
#: Bytes asked for at once.
CHUNK: Final = 1 << 16

_HEADER_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?")


@functools.cache
def _defaults() -> tuple[tuple[str, str], ...]:
    from importlib.metadata import PackageNotFoundError, version

    try:
        product = f"oauth_auth/{version('oauth-auth')}"
    except PackageNotFoundError:  # bundled into one file, without metadata
        product = "oauth_auth"
    return (
        ("User-Agent", product),
        ("Accept", "application/json"),
        # The answers are small, and what is not compressed can neither fail to be
        # decompressed after a refresh token was spent nor grow a thousandfold.
        ("Accept-Encoding", "identity"),
    )


def check(request: Request) -> None:
    """Refuse what an HTTP library would refuse by quoting it in its exception.

    Raises:
        ConfigurationError: A header's value or the body has characters that cannot be
            sent; names the header, not the value.
    """
    for name, value in request.headers.items():
        if not _sendable(value):
            raise _configuration_error(
                f"the {name} header for {request.url} cannot be sent: it is empty, or "
                "has a line break or another character that is not printable ASCII; "
                "look at where its parts come from (client id, secret, token)"
            )
    if request.body is not None and not request.body.reveal().isascii():
        raise _configuration_error(f"the form for {request.url} is not encoded: ASCII")


def _sendable(value: str | Secret) -> bool:
    return bool(
        _HEADER_VALUE.fullmatch(value if isinstance(value, str) else value.reveal())
    )


def revealed_headers(request: Request) -> dict[str, str]:
    """Return the headers as text; only for the expression that hands them over."""
    own = {name.lower() for name in request.headers}
    return {
        **{name: value for name, value in _defaults() if name.lower() not in own},
        **{
            name: value if isinstance(value, str) else value.reveal()
            for name, value in request.headers.items()
        },
    }


def revealed_body(request: Request) -> bytes | None:
    """Return the body in bytes; only for the expression that hands it over."""
    return None if request.body is None else request.body.reveal().encode("ascii")


@final
class _Parts:
    """The pieces of a body as they arrive."""

    __slots__ = ("_pieces", "size")

    def __init__(self) -> None:
        self._pieces: Final[list[Any]] = []
        self.size = 0

    def take(self, chunks: Iterator[bytes]) -> bool:
        self._pieces.append(next(chunks, None))
        if self._pieces[-1] is None:
            self._pieces.pop()
            return False
        self.size += len(self._pieces[-1])
        return True

    def joined(self) -> bytes:
        return b"".join(self._pieces)[: LIMIT + 1]


def read(chunks: Iterator[bytes], watch: Watch) -> bytes:
    """Read a body to its end, or to one byte more than the limit.

    Args:
        chunks: The body in pieces, decoded.
        watch: Asked after each piece whether there is time for another one.

    Raises:
        OutOfTime: There is none.
    """
    parts = _Parts()
    while parts.take(chunks) and parts.size <= LIMIT:
        watch.remaining()
    return parts.joined()


def _configuration_error(message: str) -> Exception:
    # errors imports oauthlib, which a program that never fails need not load.
    from oauth_auth.errors import ConfigurationError

    return ConfigurationError(message)
