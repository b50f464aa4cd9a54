"""One HTTP request to an authorization server, and its response, as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn, final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_auth.secret import Secret

__all__ = ["Certificate", "Request", "Response"]


class Certificate(NamedTuple):
    """Where a client's TLS certificate is; the files are read for each exchange."""

    #: The path of the certificate (PEM), with its chain if it needs one.
    path: str
    #: The path of its private key; None where that is in the same file.
    key_path: str | None = None


class Request(NamedTuple):
    """What to send; its ``repr`` is safe because secrets are wrapped."""

    method: str
    url: str
    headers: Mapping[str, str | Secret]
    #: The encoded form, ASCII; None for GET.
    body: Secret | None = None
    #: What this client shows in the TLS handshake (RFC 8705).
    certificate: Certificate | None = None


@final
class Response:
    """What came back. The body may hold tokens, so its ``repr`` does not show it.

    Args:
        status: The HTTP status code.
        headers: Header fields by lower-case name; repeated ones joined by ``", "``.
        body: The content, decoded from its content-encoding.
    """

    __slots__ = ("_body", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status: Final = status
        self.headers: Final = dict(headers)
        self._body: Final = body

    @property
    def body(self) -> bytes:
        """The content in bytes; never bind it to a local name that outlives a line."""
        return self._body

    def __repr__(self) -> str:
        return f"Response({self.status}, {len(self._body)} bytes)"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Response does not pickle, since its body may hold tokens, and a pickle "
            "is readable by anyone"
        )
