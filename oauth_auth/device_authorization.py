"""The start of a login on another device: RFC 8628 sections 3.1 and 3.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from oauth_auth.answer import parse, seconds
from oauth_auth.endpoint import authenticated_request
from oauth_auth.lazy_errors import errors
from oauth_auth.quoting import spellings
from oauth_auth.refusal import Refusal, is_success

if TYPE_CHECKING:
    from oauth_auth.answer import Members
    from oauth_auth.grants.device_code import DeviceCode
    from oauth_auth.reach import Reach
    from oauth_auth.secret import Secret
    from oauth_auth.server import AuthorizationServer

__all__ = ["DeviceAnswer", "ask_for_device_code"]

_ENDPOINT: Final = "device_authorization_endpoint"
#: Where the response does not say, in seconds.
_LIFE: Final = 600.0
_INTERVAL: Final = 5.0


class DeviceAnswer(NamedTuple):
    """A device authorization response (RFC 8628 section 3.2)."""

    device_code: Secret
    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    #: Seconds.
    expires_in: float
    #: Seconds between two polls.
    interval: float


def ask_for_device_code(
    server: AuthorizationServer, grant: DeviceCode, reach: Reach
) -> DeviceAnswer:
    """Start a login on another device (RFC 8628 section 3.1).

    Raises:
        ConfigurationError: The server has no device authorization endpoint.
        TokenEndpointError: It refused.
        EndpointUnreachable: No answer came.
    """
    if server.device_authorization_endpoint is None:
        raise errors.ConfigurationError(
            f"no device_authorization_endpoint is known for {server.name}; if it has "
            "one, pass AuthorizationServer(..., device_authorization_endpoint=...)"
        )
    params = grant.authorization_request()
    made = authenticated_request(server, grant, _ENDPOINT, params)
    response = reach.exchange(made.request)
    members = parse(response)
    hidden = spellings(made.sent)
    refusal = Refusal(response, members, hidden, refreshing=False)
    found = _device_answer(members) if is_success(response) and members else None
    if found is None:
        raise refusal.error(made.request.url, _ENDPOINT, auth_method=made.method)
    return found


def _device_answer(members: Members) -> DeviceAnswer | None:
    device_code = members.secret("device_code")
    # For the person's eyes, so no secrets; of what is not printable there is none.
    texts = {
        name: found if isinstance(found, str) and found.isprintable() else ""
        for name in (
            "user_code",
            "verification_uri",
            "verification_uri_complete",
            "verification_url",  # Google's, and that of the RFC's drafts
        )
        for found in (members.get(name),)
    }
    uri = texts["verification_uri"] or texts["verification_url"]
    user_code = texts["user_code"]
    if device_code is None or not user_code or not uri:
        return None
    expires_in = seconds(members.get("expires_in"))
    interval = seconds(members.get("interval"))
    return DeviceAnswer(
        device_code,
        user_code,
        uri,
        texts["verification_uri_complete"] or None,
        expires_in if expires_in and expires_in > 0 else _LIFE,
        # Section 3.2: 5 seconds if the server does not say, or says nonsense.
        interval if interval and interval > 0 else _INTERVAL,
    )
