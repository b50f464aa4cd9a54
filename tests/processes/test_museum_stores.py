"""One store and crowds of workers, in the numbers that were reported."""

import threading
import time

import pytest
import requests

from oauth_auth import FileStore
from oauth_auth.stores.base import Record
from oauth_auth.testing.store_tools import (
    ID,
    PATIENCE,
    a_journal,
    a_record,
    save,
    sized_record,
)
from oauth_auth.token import Token
from tests.http_clients.logins import record_of, turn
from tests.processes.workers import login
from tests.stores.children import at_once
from tests.stores.places import LOCK, names


@pytest.fixture
def store(tmp_path):
    return FileStore(tmp_path / "store")


def test_two_logins_that_save_all_the_time(oauth_server, tmp_path):
    """Each of 500 saves finds the login's own last one; accounts never mix. M17."""
    saves = 500
    auths = [
        login(oauth_server, tmp_path, oauth_server.issue()["refresh_token"], account=a)
        for a in ("one", "two")
    ]
    tokens = [auth.token() for auth in auths]
    for auth in auths:
        with turn(auth) as transaction:
            transaction.save(transaction.read().succeed(about={"number": "0"}))

    def work(auth):
        def save_often():
            source = auth._resolved()
            for number in range(saves):
                with turn(auth) as transaction:
                    record = transaction.read()
                    assert record.token == source.held.token
                    assert record.about["number"] == str(number)
                    transaction.save(record.succeed(about={"number": str(number + 1)}))

        return save_often

    assert at_once([work(auth) for auth in auths]) == ["", ""]
    assert tokens[0] != tokens[1]
    for auth, token in zip(auths, tokens, strict=True):
        assert record_of(auth).token == token
        assert record_of(auth).about == {"number": str(saves)}


def test_an_old_snapshot_is_never_written_back(store):
    """A worker that slept cannot put what it remembers over a newer login. M19."""
    save(store, a_record(3))
    snapshot = store.read(ID)

    def log_in_elsewhere():
        own = FileStore(store.path)
        login = Record(lineage="another", generation=4, token=Token("new login"))
        save(own, login)
        save(own, login.succeed())

    def write_back():
        save(store, snapshot.succeed(about={"used": "7"}))

    assert at_once([log_in_elsewhere]) == [""]
    (said,) = at_once([write_back])
    assert said.startswith("StoreConflict")
    found = store.read(ID)
    assert (found.generation, found.lineage) == (5, "another")
    assert found.token == Token("new login", obtained_at=found.token.obtained_at)


@pytest.mark.parametrize("threads", [pytest.param(64, marks=pytest.mark.long), 20])
def test_many_threads_of_many_processes_take_turns(store, threads):
    """Many in each of 4 processes: nobody meets an error of the system. M76."""
    processes = 4
    save(store, a_record(1))

    def work():
        failures = []

        def take_turn():
            try:
                with FileStore(store.path).lock(ID, timeout=PATIENCE) as transaction:
                    record = transaction.read()
                    transaction.save(a_record(record.generation + 1))
            except Exception as error:
                failures.append(repr(error))

        crowd = [threading.Thread(target=take_turn) for _ in range(threads)]
        for thread in crowd:
            thread.start()
        for thread in crowd:
            thread.join()
        return failures or None

    assert at_once([work] * processes) == [""] * processes
    assert store.read(ID) == a_record(1 + processes * threads)


@pytest.mark.parametrize(
    "saves", [pytest.param(5000, marks=pytest.mark.long), 100], ids=str
)
def test_a_file_is_never_seen_half_written(store, saves):
    """16 workers save records of other lengths while 8 read. M80."""
    writers, readers = 16, 8
    save(store, sized_record(1))

    def write():
        own = FileStore(store.path)
        while True:
            with own.lock(ID, timeout=10 * PATIENCE) as transaction:
                record = transaction.read()
                if record.generation > saves:
                    return
                transaction.reserve(a_journal(record.generation))
                transaction.save(sized_record(record.generation + 1))

    def read():
        own, newest = FileStore(store.path), 0
        while newest <= saves:
            found = own.read(ID)
            assert found == sized_record(found.generation)
            assert found.generation >= newest
            newest = found.generation
            time.sleep(0.001)  # eight that spin would leave the writers no processor

    said = at_once([write] * writers + [read] * readers)
    assert said == [""] * (writers + readers)
    assert store.read(ID) == sized_record(1 + saves)
    assert names(store) == [ID, LOCK]


@pytest.mark.parametrize("workers", [pytest.param(256, marks=pytest.mark.long), 64])
def test_workers_that_start_together_need_no_lock(oauth_server, tmp_path, workers):
    """They find a good token at once, though others hold every lock there is. M96."""
    import filelock

    seed = oauth_server.issue()["refresh_token"]
    auth = login(oauth_server, tmp_path, seed)
    token = auth.access_token()
    source = auth._resolved()
    held = [
        filelock.FileLock(path, preserve_lock_file=True)
        for path in tmp_path.rglob("*.lock")
    ]
    assert len(held) >= 3

    def work():
        return login(oauth_server, FileStore(tmp_path).path, seed).access_token()

    # Their memory is as empty as that of a new process.
    source.held = None
    for lock in held:
        lock.acquire()
    try:
        assert at_once([work] * workers) == [token] * workers
    finally:
        for lock in held:
            lock.release()
    assert oauth_server.counts().token_requests == 1
    assert requests.get(oauth_server.api_url, auth=auth, timeout=60).status_code == 200
