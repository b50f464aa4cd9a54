"""The way to an authorization server, as a caller's settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_auth.message import Request, Response
    from oauth_auth.transport import HttpOptions

__all__ = ["Reach"]


@final
class Reach:
    """How to reach an authorization server.

    Args:
        library: The HTTP library to use: "requests", "httpx" or "httpx2"; None for any.
        http: What the caller has set for it.
        timeout: Seconds for one exchange, from name lookup to the last byte.
    """

    __slots__ = ("http", "library", "timeout")

    def __init__(
        self,
        library: str | None,
        http: HttpOptions | Callable[[], object] | None,
        timeout: float,
    ) -> None:
        self.library: Final = library
        self.http: Final = http
        self.timeout: Final = timeout

    def exchange(self, request: Request) -> Response:
        """Send a request and return the response.

        Raises:
            EndpointUnreachable: No usable answer came.
        """
        from oauth_auth.transport import exchange

        return exchange(
            request, library=self.library, http=self.http, timeout=self.timeout
        )
