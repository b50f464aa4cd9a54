"""How a handle speaks to the testing server."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException
from typing import Any, Final
from urllib.parse import urlsplit

__all__ = ["Control"]

#: Seconds; the server answers at once, but a loaded machine may keep it from that.
TIMEOUT: Final = 30.0


class Control:
    """Calls into one testing server.

    Each call has a connection of its own, so that threads, and processes that were
    forked, never share one.

    Args:
        issuer: The server's URL.
    """

    __slots__ = ("issuer",)

    def __init__(self, issuer: str) -> None:
        self.issuer: Final = issuer

    def call(self, name: str, **arguments: Any) -> Any:
        """Have the server do something, and return what it answers.

        Raises:
            RuntimeError: No testing server answers there.
            ValueError: The server refuses the arguments.
        """
        body = json.dumps([name, arguments], default=dict)
        connection = HTTPConnection(urlsplit(self.issuer).netloc, timeout=TIMEOUT)
        try:
            connection.request("POST", "/.control", body)
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, HTTPException, ValueError) as error:
            raise RuntimeError(
                f"no testing server answers at {self.issuer} ({error!r}); "
                "was it stopped, or is this another server's URL?"
            ) from None
        finally:
            connection.close()
        if response.status != 200:  # noqa: PLR2004
            raise ValueError(answer)
        return answer
