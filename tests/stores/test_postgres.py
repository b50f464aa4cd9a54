"""PostgresStore: the contract, directly and through a pooler; what a lock is worth."""

import time

import psycopg
import pytest

from oauth_auth import errors
from oauth_auth.stores import idle, postgres_rows
from oauth_auth.stores.keys import new_key
from oauth_auth.stores.postgres import PostgresStore
from oauth_auth.testing.store_contract import StoreContract
from oauth_auth.testing.store_tools import ID, a_journal, a_record, save
from tests.processes.fleet import until
from tests.stores.children import at_once

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
    def test_none_is_kept_that_nobody_uses(self, store, database, monkeypatch):
        """Thousands of workers renew now and then, and a server has a few hundred."""
        monkeypatch.setattr(idle, "IDLE_SECONDS", 0.05)
        # A test that moved the clock may have had it begin to wait for an hour.
        store._rows._server._unused._watched_in = 0
        save(store, a_record(1))
        others = (
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        until(lambda: database.execute(others).fetchone() == (0,), "end of them")
        assert store.read(ID) == a_record(1)

    def test_stores_for_one_place_share_them(self, store, database):
        """A program may build its store anew for every call."""
        for _ in range(20):
            assert PostgresStore(store._source).read(ID) is None
        assert len(store._rows._server._idle) == 1
