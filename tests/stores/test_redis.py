"""RedisStore: the contract on real servers, and what a lease is worth."""

import time

import pytest
import redis

from oauth_auth import errors
from oauth_auth.stores import idle, redis_rows
from oauth_auth.stores.keys import new_key
from oauth_auth.stores.redis import RedisStore
from oauth_auth.testing.store_contract import StoreContract
from oauth_auth.testing.store_tools import ID, a_journal, a_mark, a_record, save
from tests.processes.fleet import until
from tests.servers import machines

LEASE = f"oauth_auth:{{{ID}}}:lease"
BESIDE = f"oauth_auth:{{{ID}}}:beside"


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OAUTH_AUTH_KEY", new_key().reveal())


@pytest.fixture
def client(redis_machine):
    """A client of an empty server."""
    with redis.Redis.from_url(redis_machine.url, decode_responses=True) as client:
        client.flushall()
        yield client


@pytest.fixture
def store(redis_machine, client):
    return RedisStore(redis_machine.url)


@pytest.fixture(scope="module")
def cluster():
    """A cluster of one node, where the keys of a script must lie in one slot."""
    options = ("--cluster-enabled", "yes", "--cluster-port", f"{machines.free_port()}")
    with (
        machines.directory_for("cluster") as path,
        machines.Redis(path, *options) as server,
        redis.Redis(port=server.port) as node,
    ):
        node.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        until(lambda: node.cluster("INFO")["cluster_state"] == "ok", "cluster")
        with redis.RedisCluster(host="127.0.0.1", port=server.port) as client:
            yield client


class TestContract(StoreContract):
    shared_between_processes = True

    @pytest.fixture(autouse=True)
    def storage(self, redis_machine, client):
        self.url = redis_machine.url

    def make_store(self):
        return RedisStore(self.url)


class TestContractOnACluster(StoreContract):
    """A client that is passed stays in its process."""

    @pytest.fixture(autouse=True)
    def storage(self, cluster):
        cluster.flushall()
        self.client = cluster

    def make_store(self):
        return RedisStore(self.client)


class TestContractOnValkey(StoreContract):
    """Through its own client, which has classes of its own for what goes wrong."""

    @pytest.fixture(autouse=True)
    def storage(self, valkey_machine):
        import valkey

        with valkey.Valkey.from_url(valkey_machine.url, protocol=2) as self.client:
            self.client.flushall()
            yield

    def make_store(self):
        return RedisStore(self.client)


def test_a_client_may_decode_what_it_reads(client):
    """How a program has set up its client does not matter."""
    store = RedisStore(client)
    save(store, a_record(1))
    store.claim("f1", ID)
    assert store.read(ID) == a_record(1)
    assert store.claim("f1") == ID
    assert repr(store).startswith("RedisStore('redis://127.0.0.1:")
    with pytest.raises(errors.ConfigurationError, match="stays in its process"):
        store.__reduce__()


def test_no_key_but_the_lease_ends_by_itself(store, client):
    """A server that evicts what expires keeps all logins."""
    with store.lock(ID, timeout=0) as transaction:
        transaction.save(a_record(1))
        transaction.reserve(a_journal(1))
        transaction.mark(a_mark(1, in_doubt=True))
        store.claim("f1", ID)
        keys = set(client.scan_iter("*"))
        assert len(keys) == 4
        assert {name for name in keys if client.ttl(name) != -1} == {LEASE}


class TestLease:
    def test_it_is_renewed_while_its_holder_works(self, store, client, monkeypatch):
        """However long that takes, as when a person logs in."""
        monkeypatch.setattr(redis_rows, "LEASE_SECONDS", 0.5)
        with store.lock(ID, timeout=0):
            for _ in range(2):
                left = client.pttl(LEASE)
                while client.pttl(LEASE) <= left:
                    left = min(left, client.pttl(LEASE))
                    assert left > 0
                    time.sleep(0.01)

    def test_what_lapsed_is_not_freed_for_another(self, store, client):
        """A leader that was paused finishes, and its successor's lock is there. M11."""
        with store.lock(ID, timeout=0):
            client.delete(LEASE)  # as time does
            successor = store.lock(ID, timeout=0)
            successor.__enter__()
        assert client.exists(LEASE)
        with pytest.raises(errors.StoreLocked):
            store.lock(ID, timeout=0).__enter__()
        successor.__exit__(None, None, None)
        assert not client.exists(LEASE)

    def test_a_second_sending_is_asked_for(self, store, client):
        """By then no answer has come for long, and another worker may have begun."""
        save(store, a_record(1))
        with store.lock(ID, timeout=0) as transaction:
            transaction.read()
            transaction.reserve(a_journal(1))
            transaction.confirm(1.0)
            client.set(LEASE, "another")
            with pytest.raises(errors.StoreLocked):
                transaction.confirm(1.0)


class TestJournal:
    """Who may have sent a refresh token keeps others away until that must be over."""

    @pytest.fixture
    def dead(self, store, client):
        """A worker that died after its reserve."""
        save(store, a_record(1))
        transaction = store.lock(ID, timeout=0).__enter__()
        transaction.reserve(a_journal(1))
        transaction._lease._heartbeat.stop()
        client.delete(LEASE)

    def test_it_outlasts_the_lease(self, store, client, dead):
        """A take-over waits it out, and then finds the journal."""
        with pytest.raises(errors.StoreLocked):
            store.lock(ID, timeout=0).__enter__()
        client.hset(BESIDE, "until", 1)
        with store.lock(ID, timeout=0) as transaction:
            assert transaction.read().journal == a_journal(1)

    def test_it_goes_by_the_servers_clock(self, store, client, monkeypatch):
        """The clocks of workers may differ by anything."""
        save(store, a_record(1))
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + 1e6)
        with store.lock(ID, timeout=0) as transaction:
            transaction.reserve(a_journal(1))
            seconds, _ = client.time()
            left = int(client.hget(BESIDE, "until")) / 1000 - seconds
            duration = a_journal(1).in_flight_until - a_journal(1).written_at
            assert 0 < left <= duration + 1


def test_an_answer_is_saved_though_memory_is_short(store, client):
    """It is refused before a refresh token is spent, and never afterwards."""
    save(store, a_record(1))
    try:
        with store.lock(ID, timeout=0) as transaction:
            transaction.reserve(a_journal(1))
            client.config_set("maxmemory", 1)
            transaction.save(a_record(2))
            with pytest.raises(errors.StoreNotWritable, match="more memory") as caught:
                transaction.reserve(a_journal(2))
            assert not caught.value.retryable
        with pytest.raises(errors.StoreNotWritable):
            store.lock(ID, timeout=0).__enter__()
    finally:
        client.config_set("maxmemory", 0)
    assert store.read(ID) == a_record(2)


def test_damage_is_told_from_what_is_there(store, client):
    """A version in plain that is not the sealed one is damage, and kept aside."""
    save(store, a_record(3))
    record = f"oauth_auth:{{{ID}}}"
    for field, value in (("generation", "9"), ("sealed", "AAAA"), ("sealed", "\x00")):
        before = client.hget(record, field)
        client.hset(record, field, value)
        with pytest.raises(errors.StoreCorrupt, match=ID):
            store.read(ID)
        client.hset(record, field, before)
    client.hset(record, "sealed", "AAAA")
    save(store, a_record(4))
    assert store.read(ID) == a_record(4)
    assert client.hget(record, "damaged") == "AAAA"


class TestErrors:
    def test_a_client_that_may_not(self, redis_machine, client):
        """It does not help to try that again."""
        client.execute_command(
            "ACL", "SETUSER", "me", "reset", "on", ">pass-word", "~other:*", "+@all"
        )
        place = redis_machine.url.partition("//")[2]
        try:
            for password, what in (("pass-word", "keys"), ("wrong-word", "password")):
                store = RedisStore(f"redis://me:{password}@{place}")
                with pytest.raises(errors.StoreNotWritable, match=what) as caught:
                    store.read(ID)
                assert not caught.value.retryable
                assert password not in str(caught.value)
        finally:
            client.execute_command("ACL", "DELUSER", "me")

    def test_a_restart_is_not_noticed(self):
        """A connection that it has cut is made anew, and what was saved is there."""
        with machines.directory_for("redis") as path, machines.Redis(path) as machine:
            store = RedisStore(machine.url)
            save(store, a_record(1))
            machine.restart()
            assert store.read(ID) == a_record(1)


def test_no_connection_is_kept_that_nobody_uses(store, client, monkeypatch):
    """Thousands of workers renew now and then, and a server has its limit."""
    save(store, a_record(1))
    monkeypatch.setattr(idle, "IDLE_SECONDS", 0.05)
    store._rows._server._unused._watched_in = 0  # it has begun to wait for longer
    store.read(ID)
    until(lambda: len(client.client_list()) == 1, "end of the others")
    assert store.read(ID) == a_record(1)
