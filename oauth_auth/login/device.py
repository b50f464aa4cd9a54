"""A login on another device: show a code, and ask until the person is done."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from oauth_auth.device_authorization import ask_for_device_code
from oauth_auth.endpoint import TokenRequest
from oauth_auth.lazy_errors import errors
from oauth_auth.login.browser_login import server_of
from oauth_auth.login.keep import granted, keep
from oauth_auth.login.qr import qr_code
from oauth_auth.login.who import id_token_check
from oauth_auth.protocol import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_auth.device_authorization import DeviceAnswer
    from oauth_auth.held import Held
    from oauth_auth.protocol import TokenAnswer
    from oauth_auth.renewal import Terms, TokenSource

__all__ = ["DevicePrompt", "log_in_by_device"]

#: RFC 8628 section 3.5: what "slow_down" adds to the interval, in seconds.
_SLOWER: Final = 5.0
#: After failures of the network or server the interval doubles up to this, in seconds.
_LONGEST_INTERVAL: Final = 60.0
#: Lines that a login takes beside its QR code, which must not scroll away.
_TEXT: Final = 7
#: "No" in RFC 8628 section 3.5, and at Microsoft.
_DENIED: Final = ("access_denied", "authorization_declined")


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
    check = id_token_check(server, grant, terms.reach)
    device = ask_for_device_code(server, grant, terms.reach)
    # Both clocks: one stands still while the machine is suspended, the other is set.
    end = time.monotonic() + device.expires_in
    expires_at = time.time() + device.expires_in
    (show or _print_prompt)(_prompt(device, expires_at))
    params = grant.code_request(device.device_code)
    request = TokenRequest(server, grant, None, None, params)
    interval = device.interval
    while True:
        sleep(interval)
        if time.monotonic() >= end or time.time() >= expires_at:
            raise _expired(server.name)
        answer = request.send(terms.reach)
        if answer.outcome is Outcome.GRANTED:
            token = granted(answer, server)
            if check is not None:
                check(token)
            return keep(source, terms, token)
        interval = _next_interval(answer, interval, server.name)


def _next_interval(answer: TokenAnswer, interval: float, name: str) -> float:
    """Return how long to wait before the next poll (RFC 8628 section 3.5).

    Raises:
        OAuthAuthError: There is none.
    """
    error: Any = answer.error or errors.ServerError(f"{name} sent no token")
    if error.error == "authorization_pending":
        return interval
    if error.error == "slow_down":
        return interval + _SLOWER
    if error.error == "expired_token":
        raise _expired(name)
    if error.error in _DENIED:
        raise _denied(error, name)
    if not error.retryable:
        raise error
    # No usable answer: ask less often, then.
    doubled = min(2 * interval, max(interval, _LONGEST_INTERVAL))
    return max(doubled, answer.retry_after or 0.0)


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


def _denied(error: Any, name: str) -> Exception:
    said = error._facts.get("description", "").rstrip(". ")
    return errors.AccessDeniedError(
        f"{name} refused the login: {': '.join(filter(None, (error.error, said)))}; "
        "the person, or a rule of the server, said no; log in again to ask anew",
        error="access_denied",
        description=said or "access_denied",
        status_code=error.status_code,
    )


def _print_prompt(prompt: DevicePrompt) -> None:
    # RFC 8628 section 3.3.1: the code is shown beside the complete URI, too, so that
    # the person can compare it with what the server shows.
    complete = prompt.verification_uri_complete
    if sys.stderr is None:  # a program without a console has none
        return
    picture = qr_code(complete or prompt.verification_uri, sys.stderr, beside=_TEXT)
    sys.stderr.write(
        f"To log in, open {prompt.verification_uri} on any device and enter the code\n"
        f"\n  {prompt.user_code}\n\n"
        + (f"or open\n\n  {complete}\n\n" if complete and not picture else "")
        + (f"or scan\n\n{picture}" if picture else "")
    )
    sys.stderr.flush()
