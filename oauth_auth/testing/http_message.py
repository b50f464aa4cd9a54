"""A request and a response as the testing server passes them around."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HttpRequest", "HttpResponse", "json_response"]


class HttpRequest(NamedTuple):
    """A complete request."""

    method: str
    path: str
    query: str
    #: By lower-case name, in the order received; repeated ones joined by ``", "``.
    headers: Mapping[str, str]
    body: bytes


class HttpResponse(NamedTuple):
    """A response; its Content-Length is added when it is sent."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


def json_response(
    status: int, document: Any, *headers: tuple[str, str]
) -> HttpResponse:
    """Return a response with a JSON body, not to be cached (RFC 6749 section 5.1)."""
    return HttpResponse(
        status,
        (
            ("Content-Type", "application/json"),
            ("Cache-Control", "no-store"),
            *headers,
        ),
        json.dumps(document).encode(),
    )
