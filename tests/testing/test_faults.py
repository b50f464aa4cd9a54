"""What goes wrong on demand, as an HTTP client sees it."""

from http.client import IncompleteRead, RemoteDisconnected

import pytest
import requests

from oauth_auth.testing import Fault, HttpResponse
from tests.testing.talk import (
    ask,
    call,
    closed,
    connected,
    http,
    raw_get,
    raw_refresh,
    refresh,
    silent,
    until,
)

#: Seconds that no test waits for.
NEVER = 3600.0


def test_fixed_answer(server):
    """Status, headers, body and content type are sent as given, once."""
    server.token_faults.answer(
        429,
        "<html>slow down</html>",
        headers={"Retry-After": "120"},
        content_type="text/html",
    )
    tokens = server.issue()
    answer = refresh(server, tokens)
    assert answer.status_code == 429
    assert answer.text == "<html>slow down</html>"
    assert answer.headers["Retry-After"] == "120"
    assert answer.headers["Content-Type"] == "text/html"
    assert server.counts().refreshes_granted == 0
    assert refresh(server, tokens).status_code == 200


@pytest.mark.parametrize(
    ("body", "received"),
    [
        (b"\xff\x00", b"\xff\x00"),
        ("\u00e9", b"\xc3\xa9"),
        ({"error": "server_error"}, b'{"error": "server_error"}'),
        ([], b"[]"),
        ("", b""),
    ],
)
def test_bodies(server, body, received):
    """Bytes and text are sent as they are, other values as JSON."""
    server.token_faults.answer(200, body)
    assert ask(server).content == received


def test_no_content_type(server):
    """An answer can be without a content type, and without a body."""
    server.token_faults.answer(204, "HTTP allows no body here", content_type=None)
    server.token_faults.answer(503, content_type=None)
    for status in (204, 503):
        answer = ask(server)
        assert answer.status_code == status
        assert "Content-Type" not in answer.headers


def test_redirected_token_endpoint(server):
    """A redirect is an answer like any other."""
    server.token_faults.answer(307, headers={"Location": "https://evil.example/"})
    response = requests.post(server.token_endpoint, allow_redirects=False, timeout=30)
    assert response.headers["Location"] == "https://evil.example/"


def test_times_and_order(server):
    """Faults are used up in the order in which they were set."""
    server.api_faults.answer(500, times=2)
    server.api_faults.answer(502)
    tokens = server.issue()
    statuses = [call(server, tokens).status_code for _ in range(4)]
    assert statuses == [500, 500, 502, 200]


def test_for_ever_until_cleared(server):
    """A fault without a count stays until it is cleared."""
    server.api_faults.answer(500, times=None)
    tokens = server.issue()
    assert {call(server, tokens).status_code for _ in range(3)} == {500}
    server.api_faults.clear()
    assert call(server, tokens).status_code == 200


def test_endpoints_fail_separately(server):
    """Each endpoint has faults of its own."""
    server.token_faults.answer(501)
    server.api_faults.answer(502)
    server.revocation_faults.answer(503)
    server.metadata_faults.answer(504)
    urls = {
        server.token_endpoint: 501,
        server.api_url: 502,
        server.revocation_endpoint: 503,
        f"{server.issuer}/.well-known/openid-configuration": 504,
    }
    for url, status in urls.items():
        assert requests.post(url, timeout=30).status_code == status


def test_always_401(server):
    """A rejecting API refuses good tokens too, and says invalid_token."""
    server.api_faults.reject()
    tokens = server.issue()
    for _ in range(3):
        answer = call(server, tokens)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert server.counts().api_unauthorized == 3


def test_drop_before(server):
    """The connection ends without an answer, and nothing was processed."""
    server.token_faults.drop("before")
    tokens = server.issue()
    with pytest.raises(requests.ConnectionError) as caught:
        refresh(server, tokens)
    assert isinstance(caught.value.args[0].args[1], RemoteDisconnected)
    counts = server.counts()
    assert (counts.refreshes_granted, counts.replies_dropped) == (0, 1)
    assert server.token_log()[0].status is None
    assert refresh(server, tokens).status_code == 200


def test_drop_after(server):
    """The connection ends without an answer, and the refresh token is spent."""
    server.token_faults.drop("after")
    tokens = server.issue()
    with pytest.raises(requests.ConnectionError) as caught:
        refresh(server, tokens)
    assert isinstance(caught.value.args[0].args[1], RemoteDisconnected)
    counts = server.counts()
    assert (counts.refreshes_granted, counts.replies_dropped) == (1, 1)
    assert refresh(server, tokens).json()["error"] == "invalid_grant"
    assert server.counts().families_revoked == 1


def test_lost_reply_and_grace(server):
    """Within the grace window the lost answer can be had by asking again."""
    server.configure(rotation="grace", grace=NEVER)
    server.token_faults.drop("after")
    tokens = server.issue()
    with pytest.raises(requests.ConnectionError):
        refresh(server, tokens)
    first, second = (refresh(server, tokens).json() for _ in range(2))
    assert first["refresh_token"] == second["refresh_token"]
    assert first["access_token"] == second["access_token"]
    counts = server.counts()
    assert (counts.refreshes_granted, counts.replays_in_grace) == (1, 2)


def test_delay_before(server):
    """The request is seen at once, and processed later."""
    server.token_faults.delay(before=NEVER)
    tokens = server.issue(client=server.public_client_id)
    with connected(server) as connection:
        connection.sendall(raw_refresh(server, tokens))
        until(lambda: server.counts().token_requests)
        assert server.counts().refreshes_granted == 0
        assert server.token_log()[0].status is None


def test_delay_after(server):
    """The request is processed at once, and answered later."""
    server.token_faults.delay(after=NEVER)
    tokens = server.issue(client=server.public_client_id)
    with connected(server) as connection:
        connection.sendall(raw_refresh(server, tokens))
        until(lambda: server.counts().refreshes_granted)
        assert silent(connection)


def test_short_delays(server):
    """After its delays the answer comes, and the connection serves further requests."""
    server.api_faults.delay(before=0.01, after=0.01)
    headers = {"Authorization": f"Bearer {server.issue()['access_token']}"}
    with http(server) as connection:
        for _ in range(2):
            connection.request("GET", "/api", headers=headers)
            response = connection.getresponse()
            response.read()
            assert response.status == 200


def test_processed_after_the_client_left(server):
    """A request is processed although its sender has given up."""
    server.token_faults.delay(before=0.2)
    tokens = server.issue(client=server.public_client_id)
    with connected(server) as connection:
        connection.sendall(raw_refresh(server, tokens))
        until(lambda: server.counts().token_requests)
    until(lambda: server.counts().refreshes_granted)


def test_dribble_stalls_after_each_byte(server):
    """The first byte of the status line comes alone."""
    server.api_faults.dribble(interval=NEVER)
    with connected(server) as connection:
        connection.sendall(raw_get("/api"))
        assert connection.recv(100) == b"H"
        server.counts()  # whatever else it had to send at once would be here now
        assert silent(connection)


def test_dribble_is_complete(server):
    """All bytes come in the end."""
    server.api_faults.dribble(interval=0.0)
    assert call(server, server.issue()).json()["sub"] == "alice"


def test_truncate(server):
    """The body ends half-way, and so does the connection."""
    server.api_faults.truncate()
    with http(server) as connection:
        connection.request("GET", "/api")
        response = connection.getresponse()
        with pytest.raises(IncompleteRead) as caught:
            response.read()
    assert caught.value.partial == b'{"error": "u'


def test_combined_faults(server):
    """A fault can have several sides: late, fixed, and cut off."""
    answer = HttpResponse(203, (("X-Proxy", "yes"),), b"0123456789")
    server.api_faults.add(Fault(answer=answer, delay_after=0.01, truncate=True))
    with connected(server) as connection:
        connection.sendall(raw_get("/api"))
        received = closed(connection)
    assert received.startswith(b"HTTP/1.1 203 ")
    assert received.endswith(b"\r\n\r\n0123")


@pytest.mark.parametrize("status", [0, 100, 199, 600])
def test_impossible_status(server, status):
    """A status that HTTP cannot send as an answer is refused."""
    with pytest.raises(ValueError, match="status"):
        server.api_faults.answer(status)


@pytest.mark.parametrize("times", [0, -1])
def test_impossible_times(server, times):
    """A fault happens at least once."""
    with pytest.raises(ValueError, match="times"):
        server.api_faults.reject(times=times)


@pytest.mark.parametrize("header", ["content-length", "Transfer-Encoding"])
def test_computed_headers(server, header):
    """The length of an answer is not the test's to say."""
    with pytest.raises(ValueError, match="truncate"):
        server.api_faults.answer(200, headers={header: "7"})
