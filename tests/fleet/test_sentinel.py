"""A replica takes the primary's place, as a Sentinel has it do, amid renewals."""

import threading

import pytest

from oauth_auth import RefreshToken, errors, renewal
from oauth_auth.stores import redis_rows
from tests.fake_server import TOKEN_ENDPOINT, FakeServer
from tests.faults.logins import settle
from tests.fleet.sentinels import ReplicatedRedis
from tests.fleet.steps import Worker
from tests.processes.fleet import until
from tests.transport.servers import FOREVER


@pytest.fixture
def pair():
    """A primary, a replica and a Sentinel."""
    with ReplicatedRedis() as pair:
        yield pair


@pytest.fixture
def server():
    """The strictest server: rotation, family revocation, no grace."""
    return FakeServer()


@pytest.fixture
def workers(pair, server, monkeypatch):
    """Two workers of one login, as if on two machines."""
    monkeypatch.setattr(redis_rows, "LEASE_SECONDS", 2.0)
    grant = RefreshToken(
        token_endpoint=TOKEN_ENDPOINT, client_id="app", refresh_token=server.seed()
    )
    return [Worker(pair, grant, server, timeout=20.0) for _ in range(2)]


def amid_a_request(pair, server):
    """Have the primary fail while a token request is under way."""

    def fail_over(form):
        pair.copied()
        pair.fail_over()
        return server.process(form)

    server.script.append(fail_over)


def test_a_replica_replaces_the_primary(pair, server, workers, caplog):
    """The answer is saved there; and what it had not got yet comes back from memory."""
    first, second = workers
    assert first.token() == second.token()
    amid_a_request(pair, server)
    new = first.auth.renew()
    settle()
    assert second.auth.renew() == new
    assert server.token_requests == 2
    pair.repair()
    pair.cut_off()
    lost = second.auth.renew()
    pair.fail_over()
    newest = second.auth.renew()
    assert "written back from memory" in caplog.text
    assert len({new, lost, newest}) == 3
    assert first.auth.renew() == newest
    assert server.token_requests == 4
    assert server.families_revoked == 0


@pytest.mark.long
def test_failover_after_failover(pair, server, workers, monkeypatch):
    """None of ten costs a login, or one of the workers a renewal."""
    # A Sentinel whose first try comes to nothing waits before the next.
    monkeypatch.setattr(renewal, "_OUTAGE_SECONDS", FOREVER)
    failures, going_on = [], threading.Event()
    going_on.set()

    def work(worker):
        while going_on.is_set():
            try:
                worker.auth.renew()
            except errors.OAuthAuthError as error:
                failures.append(error)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            known = server.token_requests
            amid_a_request(pair, server)
            until(lambda: not server.script, "renewal")
            until(lambda: server.token_requests > known + 20, "renewals")  # noqa: B023
            pair.repair()
    finally:
        going_on.clear()
        for thread in threads:
            thread.join()
    assert failures == []
    assert server.families_revoked == 0
