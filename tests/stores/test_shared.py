"""What is alike in Redis and PostgreSQL: what holding a record is worth, and errors."""

import threading

import pytest

from oauth_auth import PostgresStore, RedisStore, errors
from oauth_auth.stores.keys import new_key
from oauth_auth.testing.store_tools import ID, a_journal, a_mark, a_record, save
from tests.servers import machines
from tests.stores.children import in_child


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OAUTH_AUTH_KEY", new_key().reveal())


@pytest.fixture
def store(backend):
    """A store that is empty."""
    return backend.kind(backend.url)


@pytest.fixture
def lose(backend):
    """Has a turn lose its record without noticing, as one that stands still."""

    def lose(transaction):
        transaction._lease._heartbeat.stop()
        backend.lapse(ID)

    return lose


def is_held(store):
    """Whether nobody else can have the record now."""
    try:
        with store.lock(ID, timeout=0):
            return False
    except errors.StoreLocked:
        return True


class TestTurn:
    """What a worker may do that holds a record, or believes so."""

    def test_its_holder_is_named(self, store):
        """For who waits, and wants to know for whom."""
        attempt = store.lock(ID, timeout=0)
        assert attempt.holder() is None
        with store.lock(ID, timeout=0):
            assert attempt.holder().startswith("process ")

    def test_it_ends_where_another_has_taken_over(self, store, lose):
        """Before anything is spent: the other may spend it."""
        save(store, a_record(1))
        with store.lock(ID, timeout=0) as transaction:
            transaction.read()
            lose(transaction)
            with store.lock(ID, timeout=0) as successor:
                with pytest.raises(errors.StoreLocked):
                    transaction.reserve(a_journal(1))
                with pytest.raises(errors.StoreLocked):
                    transaction.mark(a_mark(1))
                assert successor.read().mark is None

    @pytest.mark.parametrize("takes_it_again", [True, False])
    def test_nothing_is_spent_that_another_has_replaced(
        self, store, lose, takes_it_again
    ):
        """A turn that lost the record for a while sees that, if it is free again."""
        save(store, a_record(1))
        with store.lock(ID, timeout=0) as transaction:
            transaction.read()
            lose(transaction)
            save(store, a_record(2))
            if takes_it_again:
                transaction._lease._heartbeat._beat()
            with pytest.raises(errors.StoreLocked):
                transaction.reserve(a_journal(1))

    def test_a_save_needs_no_lock(self, store, lose):
        """An answer that is there is kept; only one that is newer keeps it out."""
        save(store, a_record(1))
        with store.lock(ID, timeout=0) as transaction:
            transaction.read()
            lose(transaction)
            with store.lock(ID, timeout=0) as successor:
                successor.read()
                transaction.save(a_record(2, "kept"))
                with pytest.raises(errors.StoreConflict):
                    successor.save(a_record(2, "too late"))
        assert store.read(ID) == a_record(2, "kept")

    def test_a_new_login_is_not_overwritten(self, store, lose):
        """Not by a generation that is higher, if it follows another login."""
        save(store, a_record(1))
        login = a_record(2)._replace(lineage="another")
        with store.lock(ID, timeout=0) as transaction:
            transaction.read()
            lose(transaction)
            save(store, login)
            with pytest.raises(errors.StoreConflict):
                transaction.save(a_record(9))
        assert store.read(ID) == login

    def test_one_that_ended_keeps_nobody_away(self, store):
        """Nothing is on its way any more, even if the outcome is in doubt."""
        save(store, a_record(1))
        for end in (lambda turn: turn.mark(a_mark(1, in_doubt=True)), lambda _: None):
            with store.lock(ID, timeout=0) as transaction:
                transaction.reserve(a_journal(1))
                end(transaction)
            with store.lock(ID, timeout=0) as transaction:
                assert transaction.read().journal == a_journal(1)


class TestProcess:
    """Threads, forked children and lost connections."""

    def test_threads_share_a_store(self, store):
        """Each has a connection for as long as it asks."""
        save(store, a_record(1))
        found = []
        threads = [
            threading.Thread(target=lambda: found.append(store.read(ID)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [a_record(1)] * 8

    def test_a_child_has_connections_of_its_own(self, store, backend):
        """Two processes on one socket would read each other's answers."""
        save(store, a_record(1))
        mine = backend.connection_of(store)
        assert int(in_child(lambda: backend.connection_of(store))) != mine
        with store.lock(ID, timeout=0):
            assert in_child(lambda: store.read(ID).generation) == "1"
            # Its end has not ended what its parent holds.
            assert is_held(store)
        assert backend.connection_of(store) == mine

    def test_a_child_frees_nothing(self, store):
        """Which leaves what its parent was amid, as an exception there would."""
        attempt = store.lock(ID, timeout=0)
        with attempt:
            assert in_child(lambda: attempt.__exit__(None, None, None)) == ""
            assert is_held(store)

    def test_a_restart_is_not_noticed(self, store, backend):
        """Connections that the server has ended are made anew."""
        save(store, a_record(1))
        backend.cut()
        assert store.read(ID) == a_record(1)
        save(store, a_record(2))


def test_another_key_overwrites_nothing(backend, store):
    """What it cannot open may be the newer one."""
    save(store, a_record(1))
    other = backend.kind(backend.url, keys=new_key().reveal())
    with pytest.raises(errors.KeyMismatch, match="put that key back"):
        other.read(ID)
    with pytest.raises(errors.KeyMismatch):
        save(other, a_record(5))
    assert store.read(ID) == a_record(1)


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        (RedisStore, "redis://{}127.0.0.1:{}/3"),
        (PostgresStore, "postgresql://{}127.0.0.1:{}/tokens"),
    ],
)
def test_a_server_that_is_down(kind, url):
    """Who and where is said, and that it may be tried again; a password is not."""
    port = machines.free_port()
    store = kind(url.format("me:pass-word@", port))
    for act in (
        lambda: store.read(ID),
        lambda: store.lock(ID, timeout=0).__enter__(),
        lambda: list(store.records()),
        lambda: store.claim("f1"),
        store.prepare,
    ):
        with pytest.raises(errors.StoreUnreachable) as caught:
            act()
        assert caught.value.retryable
        assert f"{url.format('', port)} does not answer" in str(caught.value)
        assert "pass-word" not in str(caught.value)
