"""FileStore: what writers leave that are killed, and that it does not pile up."""

import functools
import threading

import pytest

from oauth_auth.stores.file import FileStore
from oauth_auth.testing.store_tools import (
    ID,
    OTHER,
    PATIENCE,
    a_journal,
    a_mark,
    a_record,
    save,
)
from tests.stores.children import survives
from tests.stores.places import place
from tests.stores.syscalls import Syscalls


@pytest.fixture
def store(tmp_path):
    return FileStore(tmp_path / "store")


def mark(store, number):
    with store.lock(ID, timeout=PATIENCE) as transaction:
        transaction.mark(a_mark(1))


def claim(store, number):
    """Claim another refresh token each time, as every renewal does."""
    with store.lock(ID, timeout=PATIENCE):
        store.claim(f"f{number}", ID)


def save_next(store, number):
    with store.lock(ID, timeout=PATIENCE) as transaction:
        transaction.save(a_record(transaction.read().generation + 1))


def reserve(store, number):
    with store.lock(ID, timeout=PATIENCE) as transaction:
        transaction.reserve(a_journal(1, fingerprint=str(number)))


def hidden(store):
    """Return the names of all temporary files."""
    return [path.name for path in store.path.rglob(".*")]


@pytest.mark.parametrize("act", [mark, claim, save_next])
def test_writers_killed_at_every_step_leave_one_file_at_most(store, act):
    """A hundred kills leave no more than one, and the next writer removes it.

    It was sealed and 0600, but one would have been left for ever by each. M82.
    """
    save(store, a_record(1))
    act(store, -1)
    number = left = 0
    while not survives(number, functools.partial(act, store, number), store.path):
        assert len(hidden(store)) <= 1
        left += len(hidden(store))
        number += 1
    assert number > 10
    assert (left > 0) == (act is not save_next), "a save has a file of its own name"
    act(store, number + 1)
    assert hidden(store) == []
    assert store.read(ID).generation >= 1


def test_makers_of_the_key_killed_at_every_step_leave_nothing(tmp_path):
    """The next one makes the key, and what the dead one left is gone. M82."""
    number, left = 0, 0
    while True:
        store = FileStore(tmp_path / str(number))
        lived = survives(number, store.sealer.chain.all, store.path)
        left += len(hidden(store))
        fresh = FileStore(store.path)
        save(fresh, a_record(1))
        assert hidden(fresh) == []
        assert FileStore(store.path).read(ID) == a_record(1)
        if lived:
            break
        number += 1
    assert number > 5
    assert left > 0


def test_a_writer_that_is_slow_keeps_its_file(store, monkeypatch):
    """Who claims for another record meanwhile does not take it away."""
    calls = Syscalls(monkeypatch, store.path)
    writing, enough = threading.Event(), threading.Event()

    def pause(name, path, args):
        if name == "write" and ID in path.name:
            writing.set()
            assert enough.wait(PATIENCE)

    calls.before = pause
    slow = threading.Thread(target=claim, args=(store, 1))
    slow.start()
    try:
        assert writing.wait(PATIENCE)
        other = FileStore(store.path)
        for number in range(3):
            with other.lock(OTHER, timeout=0):
                other.claim(f"other{number}", OTHER)
    finally:
        enough.set()
        slow.join()
    assert store.claim("f1") == ID
    assert [store.claim(f"other{number}") for number in range(3)] == [OTHER] * 3
    assert hidden(store) == []


def test_what_a_dead_writer_left_is_never_read(store):
    """A half-written mark or claim lies under another name until it is complete."""
    save(store, a_record(1))
    mark(store, 1)
    claim(store, 1)
    for path in (
        place(store, f".{ID}.mark.new"),
        store.path / "claims" / f".{ID}.new",
        store.path / ".keys.new",
    ):
        path.write_bytes(b"half")
        path.chmod(0o600)
    fresh = FileStore(store.path)
    assert fresh.read(ID) == a_record(1)._replace(mark=a_mark(1))
    assert fresh.claim("f1") == ID
    assert list(fresh.records()) == [ID]


def test_a_second_death_hides_no_journal(store):
    """Whoever comes after two dead workers knows that an answer may be lost. M82.

    The second one died while it wrote its own journal, at any of the steps.
    """
    save(store, a_record(1))
    reserve(store, -1)
    number = 0
    found = set()
    while not survives(number, functools.partial(reserve, store, number), store.path):
        with store.lock(ID, timeout=PATIENCE) as transaction:
            journal = transaction.read().journal
            assert journal is not None, f"killed before step {number}"
            found.add(journal.fingerprint)
        number += 1
    assert number > 5
    assert len(found) > 1, "none died after its own journal was there"
