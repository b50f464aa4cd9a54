"""What the answers of an authorization server do to a login: the whole package."""

import json
import time
from email.utils import formatdate

import pytest

from oauth_auth import errors
from oauth_auth.http_clients.httpx import HttpxAuth
from oauth_auth.http_clients.httpx2 import Httpx2Auth
from oauth_auth.http_clients.requests import RequestsAuth
from oauth_auth.testing import TestingServer, fingerprint
from tests.faults.clock import Clock
from tests.faults.logins import (
    OtherWorker,
    log_in,
    record_file,
    record_of,
    settle,
    spent,
)
from tests.transport.servers import Server, answering

KINDS = (RequestsAuth, HttpxAuth, Httpx2Auth)

HOUR = 3600.0
PAGE = (
    b"<!DOCTYPE html><html><head><title>Bad\x1b[31m gateway</title></head><body>"
    + b"<p>Nothing to see here, move along.</p>" * 50
)
#: No two pieces of it are alike, so that what is quoted of it can be measured.
PROSE = " ".join(f"word{n}" for n in range(1000)).encode()
TOKEN = {
    "access_token": "at_from_nowhere",
    "token_type": "Bearer",
    "expires_in": 3600,
    "refresh_token": "rt_from_nowhere",
}
BODIES = {
    "HTML": PAGE,
    "HTML that was cut": PAGE[:60],
    "XML": b'<?xml version="1.0"?><fault>no</fault>',
    "empty": b"",
    "null": b"null",
    "[]": b"[]",
    '"x"': b'"x"',
    "7": b"7",
    "text": PROSE,
    "bytes": bytes(range(256)) * 4,
    "truncated JSON": json.dumps(TOKEN)[:-20].encode(),
    "1 MB of spaces": b" " * (1 << 20),
    "a token": json.dumps(TOKEN).encode(),
    "a token as form": b"access_token=at_from_nowhere&refresh_token=rt_from_nowhere",
    "a list of tokens": json.dumps([TOKEN]).encode(),
    "an error without code": b'{"message": "no", "code": 42}',
    "invalid_request": b'{"error": "invalid_request"}',
    "invalid_client": b'{"error": "invalid_client"}',
    "invalid_token": b'{"error": "invalid_token"}',
    "server_error": b'{"error": "server_error"}',
    "temporarily_unavailable": b'{"error": "temporarily_unavailable"}',
    "something_else": b'{"error": "something_else", "error_description": "so?"}',
}
GRANTS = {"a token", "a token as form"}
CODES = {
    "invalid_request",
    "invalid_client",
    "invalid_token",
    "temporarily_unavailable",
    "something_else",
}
SUCCESSES = (200, 201, 204)
REDIRECTS = (301, 302, 303, 307, 308)
REFUSALS = (400, 401, 403, 404, 405, 413, 418)
PAUSES = (408, 429, 503)
FAILURES = (500, 502, 504, 520)
STATUSES = (*SUCCESSES, *REDIRECTS, *REFUSALS, *PAUSES, *FAILURES)
RARE = (202, 206, 300, 305, 402, 406, 407, 410, 411, 415, 421, 422, 425, 451, 501, 599)
#: Bodies that cost much, or differ little from others.
SELDOM = {
    "HTML that was cut",
    "XML",
    "7",
    "bytes",
    "1 MB of spaces",
    "a token as form",
    "a list of tokens",
    "an error without code",
    "invalid_token",
}
#: Bodies for the libraries that do not get all of them.
FEW = ("HTML", "truncated JSON", "a token")


@pytest.fixture(scope="module")
def _server():
    with TestingServer() as server:
        yield server


@pytest.fixture
def server(_server):
    """A strict server: reuse of a refresh token ends the login at once."""
    _server.reset()
    return _server


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch, frozen=True)


@pytest.fixture(autouse=True)
def _nothing_left_behind():
    yield
    settle()


def requests_for(status, body):
    """Return how often a refresh token is sent that gets this answer.

    Once where the answer says what became of it; where it does not, once more, since
    a server with a grace window then repeats what was lost.
    """
    if status >= 500 and status not in PAUSES:
        return 2
    unclear = status < 300 and body not in CODES
    says_so = body == "server_error" and not (300 <= status < 400 or status in PAUSES)
    # A 204 has no body, whatever the server wanted to say.
    return 2 if unclear or says_so or status == 204 else 1


def assert_presentable(error, status, body):
    """Fail unless the error may be raised, logged and shown to a person."""
    assert type(error).__module__ == "oauth_auth.errors"
    assert isinstance(error, errors.TokenEndpointError)
    assert error.status_code == status
    assert error.__cause__ is None
    text = str(error)
    assert text.isprintable()
    assert "_from_nowhere" not in text
    said = body.decode("latin-1")
    assert len(said) <= 200 or said[:201] not in text
    around = f"http://127.0.0.1:65535/token answered {status}, not JSON (looks like XML"
    assert len(text) <= 200 + len(around) + len("; check that this is") + 100


def endure(server, clock, auth, status, bodies, **options):
    """Have every renewal get one of these answers, and check what becomes of it."""
    token, before = auth.token(), record_file(auth).read_bytes()
    expected = 0
    for name in bodies:
        times = requests_for(status, name)
        server.token_faults.answer(status, BODIES[name], times=times, **options)
        with pytest.raises(errors.OAuthAuthError) as caught:
            auth.renew()
        assert_presentable(caught.value, status, BODIES[name])
        assert auth.token() is token
        assert record_file(auth).read_bytes() == before, name
        clock.wait(record_of(auth).mark.duration)
        expected += times
    assert spent(server) == [fingerprint(token.refresh_token)] * expected
    # No fault is left over, and the same login goes on.
    assert auth.renew().refresh_token != token.refresh_token
    counts = server.counts()
    assert counts.token_requests == expected + 1
    assert (counts.refreshes_granted, counts.families_revoked) == (1, 0)


def bodies_for(status, names):
    """Leave out what is a good answer."""
    return [name for name in names if status >= 300 or name not in GRANTS]


@pytest.mark.parametrize("status", STATUSES)
def test_no_answer_but_one_ends_a_login(
    server, clock, tmp_path, serve_elsewhere, status
):
    """Whatever status comes with whatever body, the tokens stay, and are used on.

    The error is ours and fit to be shown, the refresh token is sent once, or twice
    where the answer leaves open what became of it, and in the end the login goes on.
    M24, M28, M29, M30, M49, M52, M53.
    """
    bodies = [name for name in BODIES if name not in SELDOM]
    if status in (200, 400, 500):
        bodies.append("1 MB of spaces")
    headers = {"Location": serve_elsewhere.url} if status in REDIRECTS else {}
    auth = log_in(server, tmp_path)
    endure(server, clock, auth, status, bodies_for(status, bodies), headers=headers)
    assert not serve_elsewhere.met.is_set()


@pytest.mark.parametrize("kind", [HttpxAuth, Httpx2Auth], ids=lambda k: k._library)
@pytest.mark.parametrize("status", [200, 204, 301, 307, 400, 408, 429, 500, 503, 520])
def test_every_library_brings_the_same_answers(
    server, clock, tmp_path, serve_elsewhere, kind, status
):
    """Through httpx and httpx2 the answers mean what they mean through requests.

    M24, M28.
    """
    headers = {"Location": serve_elsewhere.url} if status in REDIRECTS else {}
    auth = log_in(server, tmp_path, kind=kind)
    endure(server, clock, auth, status, bodies_for(status, FEW), headers=headers)
    assert not serve_elsewhere.met.is_set()


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind._library)
@pytest.mark.parametrize("content_type", ["application/json", "text/html", None])
@pytest.mark.parametrize("status", [*STATUSES, *RARE])
def test_no_answer_but_one_ends_a_login_at_length(
    server, clock, tmp_path, kind, status, content_type
):
    """Every status, body, content type and library: the tokens stay. M28, M29."""
    auth = log_in(server, tmp_path, kind=kind)
    bodies = bodies_for(status, BODIES)
    endure(server, clock, auth, status, bodies, content_type=content_type)


@pytest.fixture
def serve_elsewhere():
    """Another host, which must see nothing."""
    server = Server(answering(json.dumps(TOKEN).encode()), reading=False)
    yield server
    server.close()


def test_a_redirect_within_the_server_is_not_followed_either(server, clock, tmp_path):
    """A 307 to the very same endpoint does not repeat the refresh token."""
    auth = log_in(server, tmp_path)
    for status in REDIRECTS:
        headers = {"Location": server.token_endpoint}
        server.token_faults.answer(status, headers=headers)
        with pytest.raises(errors.TokenEndpointError, match=r"redirect to 127\.0\.0"):
            auth.renew()
        clock.wait(record_of(auth).mark.duration)
    assert len(spent(server)) == len(REDIRECTS)
    assert auth.renew()


@pytest.mark.parametrize(
    "body",
    [
        {"error": "invalid_grant"},
        {"error": "invalid_grant", "error_description": "a\x1b[2J" + "b" * 5000},
        {"error": "bad_refresh_token"},
        {"ok": False, "error": "invalid_refresh_token"},
        {"ok": False, "error": "invalid_code"},
        "error=bad_refresh_token&error_description=The+refresh+token+is+incorrect",
    ],
    ids=str,
)
@pytest.mark.parametrize("status", [200, 400, 401, 403])
def test_only_these_codes_end_a_login(server, clock, tmp_path, status, body):
    """invalid_grant and its known spellings end it, after one request, for everybody.

    M30, M33.
    """
    auth = log_in(server, tmp_path)
    token, before = auth.token(), record_file(auth).read_bytes()
    server.token_faults.answer(status, body, times=None)
    with pytest.raises(errors.LoginRequired) as caught:
        auth.renew()
    assert str(caught.value).isprintable()
    assert len(caught.value.description) <= 200
    assert caught.value.status_code == status
    clock.wait(HOUR)
    for worker in (auth, OtherWorker(auth)):
        with pytest.raises(errors.LoginRequired):
            worker.renew()
    assert len(spent(server)) == 1
    # The access token is good for as long as it lives.
    assert auth.token() is token
    assert record_file(auth).read_bytes() == before


@pytest.mark.parametrize("status", [*REDIRECTS, *PAUSES, *FAILURES])
@pytest.mark.parametrize("code", ["invalid_grant", "bad_refresh_token"])
def test_a_code_in_the_wrong_place_ends_nothing(server, clock, tmp_path, status, code):
    """A status that tells of trouble on the way outweighs invalid_grant in its body."""
    auth = log_in(server, tmp_path)
    server.token_faults.answer(status, {"error": code}, times=2)
    with pytest.raises(errors.TokenEndpointError):
        auth.renew()
    server.token_faults.clear()
    clock.wait(HOUR)
    assert auth.renew()
    assert server.counts().families_revoked == 0


#: Header -> seconds that the server is left alone; a date is made of a number.
WAITS = {
    "120": 120.0,
    "1.5": 1.5,
    "86400": HOUR,
    "9" * 30: HOUR,
    "": 1.0,
    "-5": 1.0,
    "soon": 1.0,
    "nan": 1.0,
    "1e9": 1.0,
    "120, 60": 1.0,
    "Fri, 99 Foo 2026 99:99:99 GMT": 1.0,
    "Sun, 06 Nov 1994 08:49:37 GMT": 1.0,
    "Fri, 31 Dec 9999 23:59:59 GMT": HOUR,
}


@pytest.mark.parametrize(
    ("status", "wait"),
    [*((429, wait) for wait in WAITS), (503, "120"), (503, "soon"), (408, "120")],
)
def test_nobody_asks_before_the_server_allows_it(server, clock, tmp_path, status, wait):
    """Retry-After of any kind holds all workers back, who use the valid token. M31."""
    auth = log_in(server, tmp_path)
    token = auth.token()
    server.token_faults.answer(status, PAGE, headers={"Retry-After": wait})
    with pytest.raises(errors.TemporarilyUnavailableError):
        auth.renew()
    assert record_of(auth).mark.duration == pytest.approx(WAITS[wait])
    clock.wait(WAITS[wait] - 0.1)
    for worker in (auth, OtherWorker(auth)):
        for _ in range(5):
            with pytest.raises(errors.TemporarilyUnavailableError):
                worker.renew()
            assert worker.token() == token
    assert server.counts().token_requests == 1
    clock.wait(0.2)
    assert OtherWorker(auth).renew() == auth.renew()
    assert server.counts().token_requests == 2


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland", "America/St_Johns"])
def test_a_date_is_read_alike_in_every_time_zone(
    server, clock, tmp_path, monkeypatch, zone
):
    """Retry-After as a date means the same moment wherever the client is. M31, M35."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        auth = log_in(server, tmp_path)
        date = formatdate(time.time() + 120, usegmt=True)
        server.token_faults.answer(429, headers={"Retry-After": date})
        with pytest.raises(errors.TemporarilyUnavailableError):
            auth.renew()
        assert record_of(auth).mark.duration == pytest.approx(120, abs=1)
        clock.wait(121)
        assert auth.renew()
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_refused_client_asks_once_a_minute(server, clock, tmp_path):
    """100 requests within a minute bring one token request if that is refused.

    M26, M27, M38.
    """
    auth = log_in(server, tmp_path)
    for status, code in ((400, "invalid_request"), (401, "invalid_token")):
        server.reset_counts()
        server.token_faults.answer(status, {"error": code, "error_description": "old"})
        for number in range(100):
            with pytest.raises(errors.TokenEndpointError, match=f"{code}: old"):
                (auth if number % 2 else OtherWorker(auth)).renew()
            clock.wait(0.5)
        assert server.counts().token_requests == 1
        clock.wait(10)
    assert auth.renew()
