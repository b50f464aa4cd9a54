"""What is said about exceptions, and what is kept of them."""

import ssl

import h11
import httpx
import pytest
import requests

from oauth_auth.transport.failures import reason, scrubbed, tls_refused
from tests.transport.asking import SECRETS, assert_no_secret, told_by


def raised(error, *, since=None):
    """Return an exception with a traceback; raised from an OSError, or despite it."""

    def fail():
        if since is None:
            raise error
        try:
            raise since
        except type(since):
            raise error from (since if isinstance(error, OSError) else None)

    with pytest.raises(type(error)) as caught:
        fail()
    return caught.value


class Theirs(Exception):  # noqa: N818  # somebody else's name
    """An exception of an unknown package, which says all it knows."""

    def __init__(self, *args, **attributes):
        super().__init__(*args)
        vars(self).update(attributes)


Theirs.__module__ = "somebody.elses"

SAYING = " ".join(SECRETS)


@pytest.mark.parametrize(
    "error",
    [
        Theirs(SAYING, response=SAYING),
        ValueError(f"Invalid header value b'{SAYING}'"),
        UnicodeEncodeError("ascii", SAYING, 0, 1, "no"),
        requests.exceptions.InvalidHeader(SAYING),
        requests.exceptions.ChunkedEncodingError(SAYING),
        requests.exceptions.JSONDecodeError("no", SAYING, 0),
        httpx.LocalProtocolError(SAYING),
        httpx.RemoteProtocolError(SAYING),
        h11.RemoteProtocolError(SAYING),
        KeyboardInterrupt(SAYING),
        SystemExit(SAYING),
    ],
)
@pytest.mark.parametrize("position", ["alone", "within"])
def test_what_was_exchanged_is_not_told(error, position):
    """Texts and attributes that may quote the exchange are left out. M66."""
    error.add_note(SAYING)
    if position == "within":
        error = raised(RuntimeError("outer"), since=error)
    copy = scrubbed(raised(error))
    assert_no_secret(reason(error) + told_by(copy))
    assert copy.__traceback__ is None


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (ssl.SSLError(1, "[SSL] wrong version number"), "wrong version number"),
        (httpx.ConnectError("Name or service not known"), "service not known"),
        (requests.exceptions.InvalidURL("No host supplied"), "No host supplied"),
        (httpx.ProxyError("407 Who are you"), "407 Who are you"),
    ],
)
def test_what_the_system_said_is_told(error, words):
    """The reason is kept, also if the exception about it was raised from another."""
    assert words in reason(error)
    assert words in str(scrubbed(error))
    outer = raised(requests.exceptions.ConnectionError(), since=error)
    assert words in reason(outer)
    assert words in str(scrubbed(outer).__cause__)


def test_copies_are_of_the_same_class():
    """A caller can still ask which exception of the library it was."""
    request = requests.Request("POST", "http://a.example", data=SAYING).prepare()
    inner = ConnectionRefusedError(111, "Connection refused")
    error = requests.exceptions.ConnectTimeout("late", request=request)
    copy = scrubbed(raised(error, since=inner))
    assert type(copy) is requests.exceptions.ConnectTimeout
    assert copy.request is None
    assert copy.__cause__.errno == 111


def test_code_of_unknown_classes_does_not_run():
    """No constructor of somebody's own runs where an answer may be at stake."""
    made = []

    class Own(Exception):  # noqa: N818  # somebody else's name
        def __init__(self, *args):
            super().__init__(*args)
            made.append(self)

    Own.__module__ = "somebody.elses"
    assert "somebody.elses" in str(scrubbed(Own("x")))
    assert len(made) == 1


def test_passwords_in_urls_are_masked():
    """A proxy's password is not told with its URL."""
    error = requests.exceptions.InvalidProxyURL(f"bad: http://me:{SECRETS[0]}@host")
    assert "http://***@host" in reason(error)
    assert_no_secret(reason(error) + told_by(scrubbed(error)))


def test_tls_is_found_where_it_is_hidden():
    """The error of TLS is found below those that were raised from None."""
    hidden = raised(RuntimeError(), since=ssl.SSLCertVerificationError(1, "no"))
    assert hidden.__suppress_context__
    assert tls_refused(hidden)
    assert not tls_refused(ConnectionRefusedError(111, "no"))


def test_circular_chain_ends():
    """An exception that is its own cause does not hang anything."""
    one, two = ValueError(), ValueError()
    one.__cause__, two.__cause__ = two, one
    assert scrubbed(one) is not one
    assert "ValueError" in reason(one)
