"""Where a simulated person enters a device's code (RFC 8628 section 3.3)."""

from __future__ import annotations

from http import HTTPMethod
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from oauth_auth.testing.http_message import HttpResponse, json_response

if TYPE_CHECKING:
    from oauth_auth.testing.devices import Devices
    from oauth_auth.testing.http_message import HttpRequest
    from oauth_auth.testing.settings import Settings

__all__ = ["verify"]

#: Who is logged in at the server, unless the request hints at somebody else.
_SOMEBODY: Final = "alice"


def verify(request: HttpRequest, devices: Devices, settings: Settings) -> HttpResponse:
    """Answer the verification URI: with a code in its query, the person agrees.

    Args:
        request: The browser's.
        devices: Knows the codes.
        settings: What the person and the server do.
    """
    query = parse_qs(request.query)
    if request.method != HTTPMethod.GET or "user_code" not in query:
        return json_response(400, {"error": "usage: GET /device?user_code=ABCD-EFGH"})
    found = devices.decide(
        query["user_code"][0],
        query.get("login_hint", [_SOMEBODY])[0],
        settings.authorization_error,
    )
    if not found:
        return json_response(404, {"error": "there is no such code"})
    return json_response(200, {"said": "go back to the device"})
