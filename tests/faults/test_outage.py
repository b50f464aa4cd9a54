"""Riding through an outage: nobody waits, nobody hammers, everybody comes back."""

import threading

import pytest

from oauth_auth import OAuthAuth, errors
from oauth_auth.testing import TestingServer, fingerprint
from tests.faults.clock import Clock
from tests.faults.crew import Crew
from tests.faults.logins import log_in, record_of, settle
from tests.faults.wire import held_until, lost_before, relay
from tests.http_clients import drivers
from tests.transport.servers import FOREVER

DRIVERS = (
    drivers.RequestsSession,
    drivers.HttpxClient,
    drivers.Httpx2Client,
    drivers.HttpxAsyncio,
    drivers.HttpxTrio,
    drivers.Httpx2Asyncio,
    drivers.Httpx2Trio,
)
#: Seconds of a token's life, and when it is stale for certain.
LIFE, STALE = 1000.0, 801.0


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


@pytest.fixture(params=DRIVERS, ids=lambda kind: kind.name)
def driver(request):
    return request.param()


def over(wire, server, path, **settings):
    """Return a login whose token endpoint is at the other end of a wire."""
    where = {"token_endpoint": wire.url}
    return log_in(server, path, kind=OAuthAuth, where=where, life=LIFE, **settings)


def test_while_the_server_hangs_requests_use_the_stale_token(
    server, wires, clock, tmp_path, driver
):
    """No request waits: all are answered while the one token request is not. M06."""
    wire, go_on = wires(server.issuer), threading.Event()
    auth = over(wire, server, tmp_path)
    old = auth.token()
    clock.wait(STALE)
    wire.script.append(held_until(go_on))
    try:
        responses = driver.series(auth, server.api_url, 10)
        assert driver.crowd(auth, server.api_url, 10) == [200] * 10
        assert wire.met.wait(FOREVER)
        assert [response.status_code for response in responses] == [200] * 10
        assert server.counts().token_requests == 0
        assert len(wire.seen) == 1
    finally:
        go_on.set()
    settle()
    new = auth.token()
    assert driver.crowd(auth, server.api_url, 10) == [200] * 10
    used = [request.access_token for request in server.api_log()]
    assert (
        used
        == [fingerprint(old.access_token)] * 20 + [fingerprint(new.access_token)] * 10
    )
    assert len(wire.seen) == 1


def refused(exchange):
    """The connection is closed before the request is read."""


def unavailable(exchange):
    assert exchange.request
    exchange.send(
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
        b"Connection: close\r\n\r\n"
    )


def page(exchange):
    assert exchange.request
    exchange.send(b"HTTP/1.0 502 Bad Gateway\r\n\r\n<html>")


@pytest.mark.parametrize("outage", [refused, lost_before, unavailable, page])
@pytest.mark.parametrize(
    "kind", [drivers.RequestsSession, drivers.Httpx2Asyncio, drivers.HttpxTrio]
)
def test_an_outage_is_noticed_only_when_the_token_has_expired(
    server, wires, clock, tmp_path, kind, outage
):
    """Until the last second nothing fails; then all does, and then nothing again."""
    driver, wire = kind(), wires(server.issuer)
    auth = over(wire, server, tmp_path)
    wire.otherwise = outage
    clock.wait(STALE)
    holds = set()
    for _ in range(6):
        assert driver.crowd(auth, server.api_url, 3) == [200] * 3
        settle()
        holds.add(record_of(auth).mark.failures)
        # Longer than any hold.
        clock.wait(33.0)
    assert holds == {1, 2, 3, 4, 5, 6}
    assert driver.crowd(auth, server.api_url, 3) == [200] * 3
    clock.wait(LIFE)
    caught = driver.crowd(auth, server.api_url, 3)
    assert all(isinstance(error, errors.OAuthAuthError) for error in caught)
    assert all(error.retryable for error in caught)
    unreachable = outage in (refused, lost_before)
    assert [isinstance(e, driver.connection_error) for e in caught] == [unreachable] * 3
    assert [isinstance(e, errors.EndpointUnreachable) for e in caught] == [
        unreachable
    ] * 3
    wire.otherwise = relay
    clock.wait(record_of(auth).mark.duration)
    assert driver.crowd(auth, server.api_url, 10) == [200] * 10
    counts = server.counts()
    assert (counts.refreshes_granted, counts.families_revoked) == (1, 0)
    assert counts.api_unauthorized == counts.api_without_token == 0


def test_a_crowd_waits_for_one_slow_renewal(server, wires, clock, tmp_path, driver):
    """30 requests with an expired token wait for one renewal, and succeed. M23."""
    wire, go_on = wires(server.issuer), threading.Event()
    auth = over(wire, server, tmp_path)
    clock.wait(LIFE)
    wire.script.append(held_until(go_on))
    starter = threading.Thread(target=lambda: wire.met.wait(FOREVER) and go_on.set())
    starter.start()
    assert driver.crowd(auth, server.api_url, 30) == [200] * 30
    starter.join(FOREVER)
    assert len(wire.seen) == 1
    assert server.counts().api_without_token == 0


def test_one_request_per_hold_for_all_workers(server, wires, tmp_path):
    """Three processes of three threads ride through an outage as one.

    While the token lives nothing fails. After that all fail with the error of their
    library, at one attempt per hold for all of them, and come back at once.
    """
    wire = wires(server.issuer, up=False)
    auth = over(wire, server, tmp_path)
    with Crew(auth, server.api_url, processes=3) as crew:

        def failures():
            return record_of(auth).mark.failures

        assert crew.request() == {200}
        crew.wait(STALE)
        assert crew.request() == {200}
        assert failures() == 1
        crew.wait(LIFE - STALE)
        assert crew.request() == {"EndpointUnreachable of its own library"}
        assert failures() == 2
        assert crew.request() == {"EndpointUnreachable of its own library"}
        assert failures() == 2
        crew.wait(2.0)
        assert crew.request() == {"EndpointUnreachable of its own library"}
        assert failures() == 3
        wire.connect()
        assert crew.request() == {"EndpointUnreachable of its own library"}
        assert wire.connections == 0
        crew.wait(4.0)
        assert crew.request() == {200}
    assert len(wire.seen) == 1
    counts = server.counts()
    assert (counts.refreshes_granted, counts.families_revoked) == (1, 0)
    assert counts.api_unauthorized == counts.api_without_token == 0
