"""PostgresStore: the contract, directly and through a pooler; what a lock is worth."""

import threading
import time

import psycopg
import pytest

from oauth_auth import errors
from oauth_auth.stores import idle, postgres_rows
from oauth_auth.stores.keys import new_key
from oauth_auth.stores.postgres import PostgresStore
from oauth_auth.testing.store_contract import StoreContract
from oauth_auth.testing.store_tools import ID, a_journal, a_mark, a_record, save
from tests.processes.fleet import until
from tests.servers import machines
from tests.stores.children import at_once, in_child

TABLE = "oauth_auth_records"
LOCKERS = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OAUTH_AUTH_KEY", new_key().reveal())


@pytest.fixture
def database(postgres_machine):
    """A connection to an empty database: no table, no connection of others."""
    with psycopg.connect(postgres_machine.dsn(), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        connection.execute(f"DROP TABLE IF EXISTS {TABLE}")
        yield connection


@pytest.fixture
def store(postgres_machine, database):
    return PostgresStore(postgres_machine.dsn())


def lockers(database):
    """Return the sessions that hold a record."""
    return [pid for (pid,) in database.execute(LOCKERS).fetchall()]


def cut(database):
    """End the sessions that hold a record."""
    for pid in lockers(database):
        database.execute("SELECT pg_terminate_backend(%s)", [pid])
    until(lambda: not lockers(database), "end of a session")


class TestContract(StoreContract):
    shared_between_processes = True

    @pytest.fixture(autouse=True)
    def storage(self, postgres_machine, database):
        self.dsn = postgres_machine.dsn()

    def make_store(self):
        return PostgresStore(self.dsn)


class TestContractThroughAPooler(StoreContract):
    """A server for each transaction, and none for a session."""

    shared_between_processes = True

    @pytest.fixture(autouse=True)
    def storage(self, postgres_machine, pgbouncer_machine, database):
        # It may not have noticed yet that `database` has ended all its sessions, and
        # would give them out: as many as the last test had workers.
        pgbouncer_machine.forget()
        self.dsn = postgres_machine.dsn(pgbouncer_machine.port)

    def make_store(self):
        return PostgresStore(self.dsn)


def test_a_pooler_ends_its_sessions(postgres_machine, pgbouncer_machine, database):
    """It tells its clients in a way of its own, and they connect anew."""
    store = PostgresStore(postgres_machine.dsn(pgbouncer_machine.port))
    save(store, a_record(1))
    pgbouncer_machine.forget()
    assert store.read(ID) == a_record(1)


class TestTable:
    def test_many_may_be_the_first_to_use_it(self, store):
        """It is made once, whoever comes at the same moment."""

        def work():
            save(PostgresStore(store._source), a_record(1), f"r-{time.time_ns()}")
            return "made"

        assert at_once([work] * 6) == ["made"] * 6
        assert len(list(store.records())) == 6

    def test_whoever_may_not_make_it_is_told_who_makes_it(
        self, store, database, postgres_machine
    ):
        """Its owner does that with a command, and allows the rest."""
        database.execute("DROP ROLE IF EXISTS worker")
        database.execute("CREATE ROLE worker LOGIN")
        dsn = postgres_machine.dsn().replace(postgres_machine.role, "worker")
        worker = PostgresStore(dsn)
        try:
            for _ in range(2):
                with pytest.raises(
                    errors.StoreNotWritable, match="store init"
                ) as caught:
                    worker.read(ID)
                assert not caught.value.retryable
                store.prepare()
            database.execute(
                f"GRANT SELECT, INSERT, UPDATE, DELETE ON {TABLE} TO worker"
            )
            save(worker, a_record(1))
            worker.prepare()
            assert store.read(ID) == a_record(1)
        finally:
            del worker
            database.execute(f"DROP TABLE {TABLE}")
            database.execute("DROP ROLE worker")

    @pytest.mark.parametrize(
        "number", [3000, pytest.param(100_000, marks=pytest.mark.long)]
    )
    def test_many_records(self, store, database, number):
        """They are listed by the page, found by an index, cleaned up by their age."""
        save(store, a_record(1)._replace(claims=("f1",)))
        database.execute(
            f"INSERT INTO {TABLE} (kind, name, sealed, generation, claim, changed_at) "
            "SELECT 'record', 'r-' || n, 'x', 1, 'c-' || n, now() - interval '2 years' "
            "FROM generate_series(2, %s) n",
            [number],
        )
        database.execute(f"ANALYZE {TABLE}")
        names = list(store.records())
        assert len(names) == len(set(names)) == number
        assert store.read(ID) is not None
        assert store.claimed_inside("c-7") == "r-7"
        assert store.claimed_inside("none") is None
        for question in (
            f"SELECT * FROM {TABLE} WHERE kind = 'record' AND name = 'r-7'",
            f"SELECT name FROM {TABLE} WHERE kind = 'record' AND claim = 'c-7'",
        ):
            plan = str(database.execute(f"EXPLAIN {question}").fetchall())
            assert "Index" in plan
            assert "Seq Scan" not in plan
        database.execute(
            f"DELETE FROM {TABLE} WHERE kind = 'record' "
            "AND changed_at < now() - interval '400 days'"
        )
        assert list(store.records()) == [ID]


class TestLock:
    def test_its_holder_is_named(self, store):
        """For who waits, and wants to know for whom."""
        attempt = store.lock(ID, timeout=0)
        assert attempt.holder() is None
        with store.lock(ID, timeout=0):
            assert attempt.holder().startswith("process ")

    def test_the_server_frees_it_when_its_session_ends(self, store, database):
        """As when the holder is killed, or its machine; nobody waits for a time-out."""
        attempt = store.lock(ID, timeout=0)
        attempt.__enter__()
        attempt._lease._heartbeat.stop()
        cut(database)
        with store.lock(ID, timeout=0):
            pass
        attempt.__exit__(None, None, None)

    def test_a_holder_that_lives_takes_it_again(self, store, database, monkeypatch):
        """It has only lost its connection, and sees that by itself."""
        monkeypatch.setattr(postgres_rows, "BEAT_SECONDS", 0.02)
        with store.lock(ID, timeout=0):
            (before,) = lockers(database)
            cut(database)
            until(lambda: lockers(database) not in ([], [before]), "holder")
            with pytest.raises(errors.StoreLocked):
                store.lock(ID, timeout=0).__enter__()

    @pytest.mark.parametrize("lives", [True, False])
    def test_one_that_has_sent_something_is_given_the_time(
        self, store, database, monkeypatch, lives
    ):
        """Only if it does not come back, its journal is another's to settle."""
        monkeypatch.setattr(postgres_rows, "SETTLE_SECONDS", 0.2)
        save(store, a_record(1))
        holder = store.lock(ID, timeout=0)
        with holder as transaction:
            transaction.reserve(a_journal(1))
            transaction._lease._heartbeat.stop()
            cut(database)
            successor = store.lock(ID, timeout=0)
            with pytest.raises(errors.StoreLocked):
                successor.__enter__()
            if lives:
                transaction.confirm(1.0)
                for _ in range(2):
                    with pytest.raises(errors.StoreLocked):
                        successor.__enter__()
                    time.sleep(0.2)
            else:
                found = until(lambda: _entered(successor), "successor")
                assert found.read().journal == a_journal(1)
                with pytest.raises(errors.StoreLocked):
                    transaction.confirm(1.0)
                successor.__exit__(None, None, None)

    def test_a_turn_that_ended_keeps_nobody_away(self, store):
        """Nothing is on its way any more, even if the outcome is in doubt."""
        save(store, a_record(1))
        for end in (lambda turn: turn.mark(a_mark(1, in_doubt=True)), lambda _: None):
            with store.lock(ID, timeout=0) as transaction:
                transaction.reserve(a_journal(1))
                end(transaction)
            with store.lock(ID, timeout=0) as transaction:
                assert transaction.read().journal == a_journal(1)

    def test_it_ends_a_turn_that_has_lost_it(self, store, database):
        """Before anything is spent: another worker may spend it."""
        save(store, a_record(1))
        with store.lock(ID, timeout=0) as transaction:
            transaction.read()
            transaction._lease._heartbeat.stop()
            cut(database)
            with store.lock(ID, timeout=0) as successor:
                for act in (
                    lambda: transaction.reserve(a_journal(1)),
                    lambda: transaction.mark(a_mark(1)),
                ):
                    with pytest.raises(errors.StoreLocked):
                        act()
                assert successor.read().mark is None

    def test_nothing_is_spent_that_another_has_replaced(self, store, database):
        """A turn that lost the record for a while sees that, if it is free again."""
        save(store, a_record(1))
        with store.lock(ID, timeout=0) as transaction:
            transaction.read()
            transaction._lease._heartbeat.stop()
            cut(database)
            save(store, a_record(2))
            transaction._lease._beat()
            with pytest.raises(errors.StoreLocked):
                transaction.reserve(a_journal(1))

    def test_a_save_needs_none(self, store, database):
        """An answer that is there is kept; only one that is newer keeps it out."""
        save(store, a_record(1))
        with store.lock(ID, timeout=0) as transaction:
            transaction.read()
            transaction._lease._heartbeat.stop()
            cut(database)
            with store.lock(ID, timeout=0) as successor:
                successor.read()
                transaction.save(a_record(2, "kept"))
                with pytest.raises(errors.StoreConflict):
                    successor.save(a_record(2, "too late"))
        assert store.read(ID) == a_record(2, "kept")

    def test_a_new_login_is_not_overwritten(self, store, database):
        """Not by a generation that is higher, if it follows another login."""
        save(store, a_record(1))
        login = a_record(2)._replace(lineage="another")
        with store.lock(ID, timeout=0) as transaction:
            transaction.read()
            transaction._lease._heartbeat.stop()
            cut(database)
            save(store, login)
            with pytest.raises(errors.StoreConflict):
                transaction.save(a_record(9))
        assert store.read(ID) == login

    def test_a_session_that_says_nothing_is_ended(self, store, database, monkeypatch):
        """As of a machine that has lost the network: the server waits for so long."""
        monkeypatch.setattr(postgres_rows, "SILENCE_SECONDS", 0.1)
        attempt = store.lock(ID, timeout=0)
        attempt.__enter__()
        attempt._lease._heartbeat.stop()
        until(lambda: not lockers(database), "end of the session")
        with store.lock(ID, timeout=0):
            pass
        attempt.__exit__(None, None, None)


def _entered(attempt):
    try:
        return attempt.__enter__()
    except errors.StoreLocked:
        return None


class TestErrors:
    def test_a_server_that_is_down(self):
        """Who and where is said, and that it may be tried again; a password is not."""
        port = machines.free_port()
        store = PostgresStore(f"postgresql://me:pass-word@127.0.0.1:{port}/tokens")
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
            where = f"postgresql://127.0.0.1:{port}/tokens does not answer"
            assert where in str(caught.value)
            assert "pass-word" not in str(caught.value)

    def test_a_database_that_is_not_there(self, postgres_machine):
        """It does not help to try that again."""
        store = PostgresStore(postgres_machine.dsn(database="nowhere"))
        with pytest.raises(errors.StoreNotWritable, match="does not exist") as caught:
            store.read(ID)
        assert not caught.value.retryable

    def test_a_standby_is_no_place_for_writes(self, store, database):
        """After a failover the old primary may be one: it passes."""
        save(store, a_record(1))
        database.execute(
            "ALTER ROLE CURRENT_USER SET default_transaction_read_only = on"
        )
        store._rows._server._drop_idle()
        try:
            with pytest.raises(errors.StoreUnreachable, match="read-only"):
                save(store, a_record(2))
        finally:
            database.execute("ALTER ROLE CURRENT_USER RESET ALL")
            store._rows._server._drop_idle()

    def test_an_answer_that_does_not_come(self, store, database, monkeypatch):
        """A network that is cut says nothing; nobody waits for it without an end."""
        from oauth_auth.stores import postgres_driver

        save(store, a_record(1))
        monkeypatch.setattr(postgres_driver, "_TIMEOUT", 0.3)
        database.execute("BEGIN")
        database.execute(f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE")
        try:
            with pytest.raises(errors.StoreUnreachable, match="no answer within"):
                store.read(ID)
        finally:
            database.execute("ROLLBACK")
        assert store.read(ID) == a_record(1)


class TestConnections:
    def test_a_restart_is_not_noticed(self, store, database):
        """Connections that the server has ended are made anew."""
        save(store, a_record(1))
        database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        assert store.read(ID) == a_record(1)
        save(store, a_record(2))

    def test_none_is_kept_that_nobody_uses(self, store, database, monkeypatch):
        """Thousands of workers renew now and then, and a server has a few hundred."""
        monkeypatch.setattr(idle, "IDLE_SECONDS", 0.05)
        save(store, a_record(1))
        others = (
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        until(lambda: database.execute(others).fetchone() == (0,), "end of them")
        assert store.read(ID) == a_record(1)

    def test_a_child_has_connections_of_its_own(self, store, database):
        """Two processes on one socket would read each other's answers."""
        save(store, a_record(1))

        def number():
            return store._rows._server.ask("SELECT pg_backend_pid()", {})[0][0]

        mine = number()
        assert int(in_child(number)) != mine
        with store.lock(ID, timeout=0):
            before = lockers(database)
            assert in_child(lambda: store.read(ID).generation) == "1"
            # Its end has not ended what its parent holds.
            assert lockers(database) == before
        assert number() == mine

    def test_a_child_frees_nothing(self, store, database):
        """Which leaves what its parent was amid, as an exception there would."""
        attempt = store.lock(ID, timeout=0)
        with attempt:
            before = lockers(database)
            assert in_child(lambda: attempt.__exit__(None, None, None)) == ""
            assert lockers(database) == before

    def test_stores_for_one_place_share_them(self, store, database):
        """A program may build its store anew for every call."""
        for _ in range(20):
            assert PostgresStore(store._source).read(ID) is None
        assert len(store._rows._server._idle) == 1

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
