"""A login whose authorization server is slow, unreachable or not the right one."""

import socket
import ssl
import threading
import time
import types
from concurrent.futures import ThreadPoolExecutor

import pytest

from oauth_auth import errors, renewal
from oauth_auth.http_clients.httpx import HttpxAuth
from oauth_auth.http_clients.httpx2 import Httpx2Auth
from oauth_auth.http_clients.requests import RequestsAuth
from oauth_auth.lookout import Lookout
from oauth_auth.testing import TestingServer
from oauth_auth.transport import HttpOptions
from tests.faults.certificates import DAY, certified
from tests.faults.clock import Clock
from tests.faults.logins import OtherWorker, log_in, over, record_file, record_of
from tests.faults.wire import held_until
from tests.transport.servers import FOREVER

KINDS = (RequestsAuth, HttpxAuth, Httpx2Auth)
#: Seconds for an exchange that is to end at its deadline.
SHORT = 0.3


@pytest.fixture(scope="module")
def _server():
    with TestingServer() as server:
        yield server


@pytest.fixture
def server(_server):
    """A server that repeats its answer for a minute."""
    _server.reset()
    _server.configure(rotation="grace", grace=60.0)
    return _server


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.fixture(params=KINDS, ids=lambda kind: kind._library)
def kind(request):
    return request.param


def assert_in_the_way(auth, *, sent=False):
    """Fail unless a renewal fails and costs nothing; return the error."""
    token, before = auth.token(), record_file(auth).read_bytes()
    with pytest.raises(errors.EndpointUnreachable) as caught:
        auth.renew()
    assert caught.value.retryable
    assert caught.value.outcome_unknown is sent
    assert record_file(auth).read_bytes() == before
    for worker in (auth, OtherWorker(auth)):
        with pytest.raises(errors.EndpointUnreachable):
            worker.renew()
        assert worker.token() == token
    return caught.value


# -- not reached -----------------------------------------------------------------------


def test_a_refused_connection_costs_nothing(server, wires, clock, tmp_path, kind):
    """With nobody at the port the old token is used on; then the login goes on. M24."""
    wire = wires(server.issuer, up=False)
    auth = over(wire, server, tmp_path, kind=kind)
    assert "Connection refused" in str(assert_in_the_way(auth))
    clock.wait(record_of(auth).mark.duration)
    assert "Connection refused" in str(assert_in_the_way(auth))
    clock.wait(record_of(auth).mark.duration)
    wire.connect()
    assert OtherWorker(auth).renew() == auth.renew()
    assert (wire.connections, server.counts().refreshes_granted) == (1, 1)


def test_a_name_that_does_not_resolve_costs_nothing(
    server, wires, clock, tmp_path, kind, monkeypatch
):
    """Without DNS the old token is used on; then the login goes on. M24."""
    wire = wires(server.issuer)
    where = {"token_endpoint": f"http://auth.invalid:{wire.port}/token"}
    auth = log_in(server, tmp_path, kind=kind, where={**where, "allow_http": True})
    assert "auth.invalid" in str(assert_in_the_way(auth))
    assert wire.connections == 0
    clock.wait(record_of(auth).mark.duration)
    lookup = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *args, **kw: lookup("127.0.0.1", *args, **kw),
    )
    assert auth.renew()
    assert server.counts().refreshes_granted == 1


@pytest.mark.parametrize(
    ("flaw", "said"),
    [
        ({}, "self-signed certificate"),
        ({"ends_in": -DAY}, "certificate has expired"),
        ({"name": "127.0.0.2"}, "IP address mismatch"),
        ({"name": "auth.example"}, "IP address mismatch"),
    ],
    ids=["unknown CA", "expired", "wrong address", "wrong name"],
)
def test_a_server_that_cannot_prove_itself_sees_nothing(
    server, wires, clock, tmp_path, kind, flaw, said
):
    """TLS failures come before the refresh token is sent, and cost nothing."""
    good, bad = certified(tmp_path), certified(tmp_path, **flaw)
    # The flaw is to be the only one.
    trusted = good.pem + bad.pem if flaw else good.pem
    client = ssl.create_default_context(cadata=trusted)
    wire = wires(server.issuer, tls=good.server)
    http = HttpOptions(verify=client)
    auth = over(wire, server, tmp_path / "store", kind=kind, http=http)
    wire.tls = bad.server
    error = str(assert_in_the_way(auth))
    assert said in error
    assert "HttpOptions(verify=" in error
    assert (wire.connections, wire.seen) == (1, [])
    clock.wait(record_of(auth).mark.duration)
    wire.tls = good.server
    assert auth.renew()
    assert server.counts().refreshes_granted == 1


def plain(exchange):
    """A server of plain http cannot make sense of TLS."""
    assert exchange.connection.recv(65536)
    exchange.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def test_a_server_without_tls_sees_nothing(server, wires, clock, tmp_path, kind):
    """A plain http server at an https URL does not get the refresh token."""
    good = certified(tmp_path)
    wire = wires(server.issuer, tls=good.server)
    http = HttpOptions(verify=ssl.create_default_context(cadata=good.pem))
    auth = over(wire, server, tmp_path / "store", kind=kind, http=http)
    wire.tls = None
    wire.script.append(plain)
    assert "SSL" in str(assert_in_the_way(auth))
    assert wire.seen == []
    clock.wait(record_of(auth).mark.duration)
    wire.tls = good.server
    assert auth.renew()


def test_plain_http_on_a_port_of_tls_costs_nothing(
    server, wires, tmp_path, kind, clock
):
    """A TLS server that is asked in plain http cannot answer; then it is all right."""
    wire = wires(server.issuer)
    auth = over(wire, server, tmp_path / "store", kind=kind)
    wire.tls = certified(tmp_path).server
    assert_in_the_way(auth, sent=True)
    assert wire.seen == []
    clock.wait(record_of(auth).mark.duration)
    wire.tls = None
    assert auth.renew()


# -- slow ------------------------------------------------------------------------------


def dribbling(start):
    """Return a step that goes on byte by byte after a start."""

    def step(exchange):
        assert exchange.request
        exchange.send(start)
        exchange.dribble()

    return step


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 2",
        b"HTTP/1.1 200 OK\r\nX-Long: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{",
    ],
    ids=["status line", "headers", "body"],
)
def test_a_dribbling_server_holds_nobody(server, wires, clock, tmp_path, kind, start):
    """The deadline is for the whole answer, and the lock is free afterwards. M77."""
    wire = wires(server.issuer)
    auth = over(wire, server, tmp_path, kind=kind, timeout=SHORT)
    token, before = auth.token(), record_file(auth).read_bytes()
    wire.script += [dribbling(start)] * 2
    with pytest.raises(errors.EndpointUnreachable, match=f"within {SHORT:g} s"):
        auth.renew()
    assert record_file(auth).read_bytes() == before
    assert auth.token() is token
    wire.script.clear()
    clock.wait(record_of(auth).mark.duration)
    patient = log_in_again(auth, timeout=FOREVER)
    assert OtherWorker(patient).renew().refresh_token != token.refresh_token
    assert server.counts().families_revoked == 0


def log_in_again(auth, **settings):
    """Return an object for the same login with other settings."""
    return type(auth)(auth._grant, **{**auth._settings(), **settings})


def test_a_worker_that_waits_never_steals_the_lock(
    server, wires, tmp_path, monkeypatch
):
    """While one worker waits for the server, another waits for it, or gives up. M21."""
    wire, go_on = wires(server.issuer), threading.Event()
    wire.script.append(held_until(go_on))
    auth = over(wire, server, tmp_path)
    holder = threading.Thread(target=auth.renew)
    holder.start()
    assert wire.met.wait(FOREVER)
    ahead = [0.0]
    looks = threading.Semaphore(0)

    rest = Lookout.rest

    def counted(self, hurried):
        looks.release()
        rest(self, hurried)

    monkeypatch.setattr(Lookout, "rest", counted)
    # Only the waiter looks at this clock: the holder has its deadline already.
    monkeypatch.setattr(
        renewal,
        "time",
        types.SimpleNamespace(
            time=time.time, monotonic=lambda: time.monotonic() + ahead[0]
        ),
    )
    caught = []

    def wait_for_it():
        with pytest.raises(errors.StoreLocked) as failure:
            OtherWorker(auth).renew()
        caught.append(failure.value)

    waiter = threading.Thread(target=wait_for_it)
    waiter.start()
    for _ in range(5):
        assert looks.acquire(timeout=FOREVER)
    assert not caught
    ahead[0] = 1000.0
    waiter.join(FOREVER)
    assert isinstance(caught[0], TimeoutError)
    assert caught[0].retryable
    assert len(wire.seen) == 1
    go_on.set()
    holder.join(FOREVER)
    assert OtherWorker(auth).token() == auth.token()
    assert len(wire.seen) == 1


def test_two_workers_that_overlap_make_one_request(server, wires, tmp_path):
    """The second begins when the first one's request is at the server. M04."""
    server.configure(rotation="strict")
    wire = wires(server.issuer)
    auth = over(wire, server, tmp_path)
    other = OtherWorker(auth)
    other.token()
    for life in range(20):
        go_on = threading.Event()
        wire.met.clear()
        wire.script.append(held_until(go_on))
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(auth.renew)
            assert wire.met.wait(FOREVER)
            second = pool.submit(other.renew)
            go_on.set()
            assert first.result(FOREVER) == second.result(FOREVER)
        assert len(wire.seen) == life + 1
    assert server.counts().families_revoked == 0


def test_a_failure_is_not_remembered_for_ever(server, wires, clock, tmp_path, kind):
    """After each failure the next attempt is a new one, and the last succeeds. M22."""
    wire = wires(server.issuer, up=False)
    auth = over(wire, server, tmp_path, kind=kind)
    errors_seen = []
    for _ in range(12):
        with pytest.raises(errors.EndpointUnreachable) as caught:
            auth.renew()
        errors_seen.append(caught.value)
        clock.wait(record_of(auth).mark.duration)
    assert len(set(map(id, errors_seen))) == 12
    assert record_of(auth).mark.failures == 12
    assert record_of(auth).mark.duration == 30.0
    wire.connect()
    assert auth.renew()
