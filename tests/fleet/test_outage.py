"""The records' server is away, was put back, or is cut off amid a renewal."""

import asyncio
import contextlib
import logging
import threading

import httpx
import pytest

from oauth_auth import ClientCredentials, OAuthAuth, RefreshToken, errors, renewal, turn
from oauth_auth.stores import postgres_rows, redis_rows
from oauth_auth.stores.shared import SharedStore
from oauth_auth.testing.store_tools import a_record
from tests.fake_server import TOKEN_ENDPOINT, FakeServer
from tests.faults.clock import Clock
from tests.faults.logins import settle
from tests.fleet.proxy import Wire, goes_round_meanwhile
from tests.fleet.steps import Trouble, Worker
from tests.stores.children import in_child
from tests.transport.servers import FOREVER


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Nobody is waited for any longer than a test needs."""
    monkeypatch.setattr(turn, "SAVE_SECONDS", 0.1)
    monkeypatch.setattr(renewal, "_OUTAGE_SECONDS", 0.2)
    monkeypatch.setattr(redis_rows, "LEASE_SECONDS", 0.3)
    monkeypatch.setattr(postgres_rows, "SETTLE_SECONDS", 0.3)
    monkeypatch.setattr(postgres_rows, "BEAT_SECONDS", 0.05)


@pytest.fixture
def server():
    """The strictest server: rotation, family revocation, no grace."""
    return FakeServer()


@pytest.fixture
def grant(server):
    return RefreshToken(
        token_endpoint=TOKEN_ENDPOINT, client_id="app", refresh_token=server.seed()
    )


@pytest.fixture
def wire(backend):
    with Wire(backend.machine.port) as wire:
        yield wire


@pytest.fixture
def auth(backend, wire, grant, server):
    """A login whose records are at the other end of the wire."""
    store = backend.kind(backend.address(wire.port))
    return OAuthAuth(grant, store=store, http=server.http, timeout=2.0)


def test_a_fresh_token_needs_no_store(auth, wire, server):
    """Workers that have one do not notice that the server is away."""
    token = auth.token()
    wire.cut()
    assert [auth.token() for _ in range(100)] == [token] * 100
    settle()
    assert server.token_requests == 1


def test_a_stale_token_is_used_while_the_store_is_away(
    auth, wire, server, monkeypatch, caplog
):
    """A renewal behind the requests' back fails, is not tried at each of them."""
    token = auth.token()
    wire.cut()
    Clock(monkeypatch).wait(3600 * 0.9)
    with caplog.at_level(logging.WARNING, "oauth_auth"):
        for _ in range(100):
            assert auth.token() == token
            settle()
    failures = [line for line in caplog.messages if line.startswith("not renewed")]
    assert 1 <= len(failures) <= 2
    assert server.token_requests == 1


def test_a_renewal_without_a_store_fails_and_loses_nothing(
    auth, wire, server, backend, monkeypatch
):
    """Its error names the store and says that it may be tried again; then it may be."""
    old = auth.token()
    wire.cut()
    with pytest.raises(errors.TokenStoreError) as caught:
        auth.renew()
    assert caught.value.retryable
    assert auth._store.name in str(caught.value)
    settle()
    assert server.token_requests == 1
    wire.mend()
    Clock(monkeypatch).wait(2.0)
    assert auth.renew() != old
    assert server.token_requests == 2


def test_a_renewal_waits_for_a_restart(auth, wire, server, monkeypatch):
    """A server that is started anew amid it costs nobody an error."""
    monkeypatch.setattr(renewal, "_OUTAGE_SECONDS", FOREVER)
    old = auth.token()
    wire.cut()
    threading.Timer(0.3, wire.mend).start()
    assert auth.renew() != old
    assert server.token_requests == 2


@pytest.mark.parametrize("back", [True, False])
def test_the_connection_is_lost_amid_the_request(
    auth, wire, server, backend, grant, back
):
    """The answer is kept and saved when the network is back; others wait for that."""
    old = auth.token()
    other = Worker(backend, grant, server).forget()

    def cut(form):
        wire.cut()
        if back:
            wire.mend()
        return server.process(form)

    server.script.append(cut)
    new = auth.renew()
    assert new != old
    wire.mend()
    settle()
    assert other.token() == new
    assert server.token_requests == 2
    assert server.families_revoked == 0


def test_nobody_takes_over_while_the_answer_may_come(auth, server, backend, grant):
    """A holder whose connections are lost goes on, and its successor waits for it."""
    old = auth.token()
    other = Worker(backend, grant, server).forget()
    found = []
    waiter = threading.Thread(target=lambda: found.append(other.auth.renew()))

    def cut(form):
        backend.cut()
        waiter.start()
        waiter.join(0.5)  # it has all the time to do something wrong
        return server.process(form)

    server.script.append(cut)
    new = auth.renew()
    waiter.join(FOREVER)
    settle()
    assert new != old
    assert server.families_revoked == 0
    assert found
    assert server.token_requests <= 3


def test_a_holder_that_was_overtaken_asks_no_second_time(
    auth, server, backend, grant, monkeypatch
):
    """Its request was lost, and meanwhile another worker's was not. M21."""
    monkeypatch.setattr(postgres_rows, "BEAT_SECONDS", FOREVER)
    monkeypatch.setattr(redis_rows, "_BEATS", 1 / FOREVER)
    monkeypatch.setattr(postgres_rows, "SETTLE_SECONDS", 0.0)
    auth.token()
    other = Worker(backend, grant, server)
    other.token()
    found = []

    def lose(form):
        backend.lapse(auth._resolved().record_id)
        found.append(other.auth.renew())
        raise httpx.ReadError("lost")

    server.script.append(lose)
    assert auth.renew() == found[0]
    assert server.token_requests == 3
    assert server.families_revoked == 0


def test_a_save_whose_answer_was_lost_is_made_again(backend, grant, server):
    """The second one finds that the first was done, and is no conflict."""
    store = backend.kind(backend.url)
    trouble = store._rows._server = Trouble(store._rows._server)
    with store.lock("r", timeout=0) as transaction:
        transaction.read()
        record = a_record(1)
        trouble.number, trouble.fault = len(trouble.steps), "answer lost"
        with pytest.raises(errors.StoreUnreachable):
            transaction.save(record)
        transaction.save(record)
        with pytest.raises(errors.StoreConflict):
            transaction.save(a_record(1, "another"))
    assert backend.kind(backend.url).read("r") == record


def test_memory_is_newer_than_a_store_that_was_put_back(
    auth, server, backend, monkeypatch, caplog
):
    """It is written back first: what the store has was spent, and ends the login."""
    first = auth.token()
    put_back = backend.put_back(auth._resolved().record_id)
    second = auth.renew()
    put_back()
    assert auth._store.read(auth._resolved().record_id).token == first
    third = auth.renew()
    assert len({first, second, third}) == 3
    assert server.families_revoked == 0
    assert server.token_requests == 3
    found = auth._store.read(auth._resolved().record_id)
    assert found.token == third
    assert "written back from memory" in caplog.text


def test_a_store_that_lost_everything_gets_it_back(auth, server, backend):
    """A worker that goes on brings the login along, as far as it can."""
    auth.token()
    backend.empty()
    new = auth.renew()
    assert server.token_requests == 2
    assert Worker(backend, auth._grant, server).token() == new
    assert server.token_requests == 2


def test_a_logout_is_not_undone_by_memory(auth, server, backend, grant):
    """A worker with a newer generation than the store's does not bring it back."""
    auth.token()
    other = Worker(backend, grant, server)
    other.token()
    put_back = backend.put_back(auth._resolved().record_id)
    for _ in range(3):
        auth.renew()
    put_back()
    source = other.auth._resolved()
    with source.store.lock(source.record_id, timeout=1) as transaction:
        record = transaction.read()
        transaction.save(record.succeed(token=None, logged_out=True))
    with pytest.raises(errors.LoginRequired):
        auth.renew()


def test_a_logout_that_was_just_made_is_not_undone(backend, server, grant):
    """Not by one who was about to write back when it was made."""
    worker, other = (Worker(backend, grant, server) for _ in range(2))
    worker.token()
    source = worker.auth._resolved()
    put_back = backend.put_back(source.record_id)
    for _ in range(3):
        worker.auth.renew()
    put_back()
    lock = source.store.lock

    @contextlib.contextmanager
    def after_a_logout(record_id, *, timeout):
        if timeout == 0:  # the renewal's own
            with other.auth._store.lock(record_id, timeout=1) as transaction:
                record = transaction.read()
                transaction.save(record.succeed(token=None, logged_out=True))
        with lock(record_id, timeout=timeout) as transaction:
            yield transaction

    source.store.lock = after_a_logout
    with pytest.raises(errors.LoginRequired):
        worker.auth.renew()
    assert backend.kind(backend.url).read(source.record_id).logged_out


def test_a_seed_is_found_without_reading_all_records(
    auth, backend, server, monkeypatch
):
    """There may be 100,000 of them; the one it may belong to is looked up."""
    auth.token()
    record_id = auth._resolved().record_id
    store = backend.kind(backend.url)
    record = store.read(record_id)
    store._rows.drop_claim(record.claims[-1])  # its writer died before it was written
    monkeypatch.delattr(SharedStore, "records")
    for refresh_token, known in (
        (record.token.refresh_token, True),
        (server.seed(), False),
    ):
        seed = RefreshToken(
            token_endpoint=TOKEN_ENDPOINT, client_id="app", refresh_token=refresh_token
        )
        found = OAuthAuth(seed, store=store, http=server.http)._resolved().record_id
        assert (found == record_id) is known


def test_a_worker_that_starts_waits_for_a_restart(auth, wire, server, monkeypatch):
    """A server that is started anew at that moment costs it no error."""
    monkeypatch.setattr(renewal, "_OUTAGE_SECONDS", FOREVER)
    wire.cut()
    threading.Timer(0.3, wire.mend).start()
    assert auth.token()
    assert server.token_requests == 1


def test_connections_that_were_cut_are_made_anew(backend, wire):
    """Whoever finds one asks again at once, and nobody notices."""
    store = backend.kind(backend.address(wire.port))
    for generation in (1, 2, 3):
        with store.lock("r", timeout=0) as transaction:
            transaction.save(a_record(generation))
        wire.mend()
    assert store.read("r") == a_record(3)


def test_async_callers_do_not_block_their_loop(auth, wire, server, monkeypatch):
    """Others of its tasks go on while the records' server says nothing."""
    monkeypatch.setattr(renewal, "_OUTAGE_SECONDS", FOREVER)
    auth.token()
    wire.silent = True
    assert asyncio.run(goes_round_meanwhile(auth.arenew(), wire)) == auth.token()


def test_a_forked_child_goes_on(auth, server, backend):
    """It finds its parent's login, with connections of its own."""
    token = auth.token()

    def work():
        store = backend.kind(backend.url)
        found = store.read(auth._resolved().record_id).token
        return found == token == auth.token()

    assert in_child(work) == "True"
    assert auth.renew() != token


def test_a_machine_gets_its_token_without_a_store(
    backend, wire, server, grant, monkeypatch
):
    """Nothing can be lost there, and nobody waits; later it shares its token again."""
    machine = ClientCredentials(
        token_endpoint=TOKEN_ENDPOINT, client_id="app", client_secret="s3cret-s3cret"
    )
    wire.cut()
    store = backend.kind(backend.address(wire.port))

    def auth(grant):
        return OAuthAuth(grant, store=store, http=server.http)

    token = auth(machine).token()
    assert auth(machine).token() == token
    with pytest.raises(errors.StoreUnreachable):
        auth(grant).token()
    assert list(backend.kind(backend.url).records()) == []
    wire.mend()
    clock = Clock(monkeypatch)
    clock.wait(2.0)
    # For a login it matters that the records' names are those that all workers use.
    assert auth(grant).token() == Worker(backend, grant, server).token()
    clock.wait(3600.0)
    assert auth(machine).token() == Worker(backend, machine, server).token()
    assert server.token_requests == 3
