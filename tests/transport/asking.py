"""What every test sends, and how it looks for secrets that got out."""

import sys
import threading
import traceback

import pytest

from oauth_auth.errors import EndpointUnreachable
from oauth_auth.message import Request
from oauth_auth.secret import Secret
from oauth_auth.transport import exchange

REFRESH_TOKEN = "rt-3c1f0e9d8b7a"
BASIC = "Basic cmVwb3J0czpzM2NyM3Q="
ACCESS_TOKEN = "at-99aa88bb77cc"
SECRETS = (REFRESH_TOKEN, BASIC, ACCESS_TOKEN)
FORM = f"grant_type=refresh_token&refresh_token={REFRESH_TOKEN}"

#: Seconds for an exchange that is to end well, or by something else than its deadline.
AMPLE = 15.0
#: Seconds for an exchange that is to end at its deadline.
SHORT = 0.4


def token_request(url, *, authorization=BASIC, body=FORM):
    """Return a token request that carries secrets."""
    return Request(
        "POST",
        url,
        {
            "Content-Type": "application/x-www-form-urlencoded",
            "Authorization": Secret(authorization),
        },
        Secret(body),
    )


def post(url, library, http=None, *, timeout=AMPLE):
    """Send a token request."""
    return exchange(token_request(url), library=library, http=http, timeout=timeout)


def refused(url, library, http=None, *, timeout=AMPLE):
    """Send a token request that must fail, and return the error, checked for leaks."""
    with pytest.raises(EndpointUnreachable) as caught:
        post(url, library, http, timeout=timeout)
    error = caught.value
    assert_no_secret(told_by(error))
    return error


def refused_amid(reached, ask):
    """Have an exchange run into its deadline when it has come to a certain point.

    Args:
        reached: Returns whether it has come there.
        ask: Called with the seconds; returns the error. Called again with more where
            the machine was too busy to come so far.
    """
    for timeout in (SHORT, SHORT * 4, SHORT * 16):
        error = ask(timeout)
        if reached():
            return error
    pytest.fail("the point was never reached")


def without_threads(patch):
    """Have no thread start for an exchange; return the threads that were denied."""
    start = threading.Thread.start
    denied = []

    def start_others(thread):
        if thread.name == "oauth_auth exchange":
            denied.append(thread)
            raise RuntimeError
        start(thread)

    patch.setattr(threading.Thread, "start", start_others)
    return denied


def told_by(error):
    """Return everything that an error and its chain tell, locals of frames included."""
    told = []
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        told += [str(error), repr(error), repr(error.args), repr(vars(error))]
        summary = traceback.TracebackException.from_exception(
            error, capture_locals=True
        )
        told += [
            repr(frame.locals)
            for frame in summary.stack
            if "/oauth_auth/" in frame.filename
        ]
        error = error.__cause__ or error.__context__
    return "\n".join(told)


def told_by_stack():
    """Return what the local names of our functions hold at this moment."""
    told = []
    frame = sys._getframe()
    while frame is not None:
        if "/oauth_auth/" in frame.f_code.co_filename:
            told.append(f"{frame.f_code.co_name}: {frame.f_locals!r}")
        frame = frame.f_back
    return told


def assert_no_secret(text):
    """Fail if a secret, or a piece of one, is in the text."""
    for secret in SECRETS:
        for start in range(len(secret) - 7):
            assert secret[start : start + 8] not in text, text
