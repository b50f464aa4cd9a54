"""A login on another device: show a code, and ask until the person is done."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from oauth_auth.endpoint import ask_for_device_code
from oauth_auth.lazy_errors import errors
from oauth_auth.login.browser_login import server_of
from oauth_auth.login.keep import redeem

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_auth.endpoint import DeviceAnswer
    from oauth_auth.held import Held
    from oauth_auth.renewal import Terms, TokenSource

__all__ = ["DevicePrompt", "log_in_by_device"]

#: RFC 8628 section 3.5: what "slow_down" adds to the interval, in seconds.
_SLOWER: Final = 5.0
#: After network failures the interval doubles up to this, in seconds.
_LONGEST_INTERVAL: Final = 60.0


class DevicePrompt(NamedTuple):
    """What the person has to be shown (RFC 8628 section 3.3)."""

    #: To be entered at `verification_uri`.
    user_code: str
    verification_uri: str
    #: The same with the code in it, for a QR code or a click; None if not offered.
    verification_uri_complete: str | None
    #: When the code ends, in seconds since the epoch.
    expires_at: float


def log_in_by_device(
    source: TokenSource,
    terms: Terms,
    *,
    show: Callable[[DevicePrompt], object] | None = None,
    sleep: Callable[[float], object] = time.sleep,
) -> Held:
    """Show a code, and ask the server until the person has entered it.

    Args:
        source: Whose login it is.
        terms: How to reach the server.
        show: Called once with what the person needs; by default it is printed to
            standard error.
        sleep: Waits for some seconds.

    Raises:
        AccessDeniedError: The person said no.
        LoginFailed: The code ended before the person was done.
        TokenEndpointError: The server refused for another reason.
    """
    grant: Any = terms.grant
    server = server_of(source, terms)
    device = ask_for_device_code(server, grant, terms.reach)
    # Both clocks: one stands still while the machine is suspended, the other is set.
    end = time.monotonic() + device.expires_in
    expires_at = time.time() + device.expires_in
    (show or _print_prompt)(_prompt(device, expires_at))
    params = grant.code_request(device.device_code)
    interval = device.interval
    while True:
        sleep(interval)
        if time.monotonic() >= end or time.time() >= expires_at:
            raise _expired(server.name)
        try:
            return redeem(source, terms, server, params)
        except errors.EndpointUnreachable:
            # RFC 8628 section 3.5: ask less often, then.
            interval = min(2 * interval, max(interval, _LONGEST_INTERVAL))
        except errors.TokenEndpointError as error:
            if error.error == "slow_down":
                interval += _SLOWER
            elif error.error == "expired_token":
                raise _expired(server.name) from None
            elif error.error == "access_denied":
                raise errors.AccessDeniedError(
                    f"{server.name} refused the login: {error.description}; the "
                    "person, or a rule of the server, said no",
                    error="access_denied",
                    status_code=error.status_code,
                ) from None
            elif error.retryable:
                interval = min(2 * interval, max(interval, _LONGEST_INTERVAL))
            elif error.error != "authorization_pending":
                raise


def _prompt(device: DeviceAnswer, expires_at: float) -> DevicePrompt:
    return DevicePrompt(
        device.user_code,
        device.verification_uri,
        device.verification_uri_complete,
        expires_at,
    )


def _expired(name: str) -> Exception:
    return errors.LoginFailed(
        f"the code ended before somebody entered it at {name}; log in again",
        error="expired_token",
    )


def _print_prompt(prompt: DevicePrompt) -> None:
    sys.stderr.write(
        f"To log in, open {prompt.verification_uri} on any device and enter the code\n"
        f"\n  {prompt.user_code}\n\n"
    )
    sys.stderr.flush()
