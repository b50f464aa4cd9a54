"""FileStore between real processes: killed, forked, many at once."""

import atexit
import gc
import os
import random
import time

import pytest

from oauth_auth import errors
from oauth_auth.identity import Identifier
from oauth_auth.stores.file import FileStore
from oauth_auth.testing.store_tools import (
    ID,
    PATIENCE,
    a_journal,
    a_record,
    save,
    sized_record,
)
from oauth_auth.testing.store_tools import turn as take_turn
from tests.stores.children import Child, at_once, child, in_child
from tests.stores.places import LOCK, NEXT, names, place


@pytest.fixture
def store(tmp_path):
    return FileStore(tmp_path / "store")


def contender(path):
    """Say in another process whether the lock is to be had."""

    def work():
        try:
            with FileStore(path).lock(ID, timeout=0):
                return "had it"
        except errors.StoreLocked:
            return "locked"

    return in_child(work)


def test_processes_that_start_together_make_one_key_and_one_id_key(tmp_path):
    """Eight first uses at the same moment, of an empty store, three times over."""

    def work():
        store = FileStore(path)
        identifier = Identifier.of(store)
        keys = ",".join(key.id.hex() for key in store.sealer.chain.all())
        return f"{keys} {identifier.record_id({'client_id': 'cli'})}"

    for n in range(3):
        path = tmp_path / f"{n}" / "store"
        said = at_once([work] * 8)
        assert len(set(said)) == 1, said
        assert len(said[0]) == 16 + 1 + 40, said
        assert names(FileStore(path), ".") == [
            "keys",
            "keys.lock",
            "records",
        ]


@pytest.mark.parametrize("kills", [40, pytest.param(500, marks=pytest.mark.long)])
def test_a_writer_killed_at_any_instant_leaves_a_whole_record(store, kills):
    """Writers are killed: what was saved stays, and the order goes on (M82)."""
    save(store, sized_record(1))
    moments = random.Random(7)  # where in its turn each one dies

    def write(pipe):
        while True:
            with store.lock(ID, timeout=PATIENCE) as transaction:
                record = transaction.read()
                transaction.reserve(a_journal(record.generation))
                transaction.save(sized_record(record.generation + 1))
            os.write(pipe, f"{record.generation + 1}\n".encode())

    newest, died_in_a_turn = 1, 0
    for _ in range(kills):
        with child(write) as writer:
            first = int(writer.line())
            time.sleep(moments.uniform(0, 0.006))
            rest = writer.kill().splitlines()
        acknowledged = int(rest[-1]) if rest else first
        died_in_a_turn += not set(names(store)) <= {ID, LOCK}
        found = store.read(ID)
        assert found == sized_record(found.generation)
        assert found.generation >= acknowledged > newest
        with store.lock(ID, timeout=0) as transaction:
            record = transaction.read()
        assert record.generation in (found.generation, found.generation + 1)
        newest = record.generation
    assert died_in_a_turn > kills / 10, "the writers were not killed while they wrote"
    assert set(names(store)) <= {ID, LOCK, NEXT, f".{NEXT}.new"}


def test_the_lock_of_a_killed_holder_is_free_at_once(store):
    """The kernel frees it: no file that merely exists blocks anybody (M87)."""

    def hold(pipe):
        with store.lock(ID, timeout=0) as transaction:
            transaction.reserve(a_journal(0))
            os.write(pipe, b"held\n")
            time.sleep(PATIENCE)

    with child(hold) as holder:
        assert holder.line() == "held"
        with pytest.raises(errors.StoreLocked):
            store.lock(ID, timeout=0).__enter__()
        holder.kill()
    with store.lock(ID, timeout=0) as transaction:
        assert transaction.read().journal == a_journal(0)


def test_a_forked_child_does_not_free_its_parents_lock(store):
    """Neither by leaving the block, nor by its finalisers, nor by its end (M70)."""
    attempt = store.lock(ID, timeout=0)

    def leave():
        attempt.__exit__(None, None, None)
        gc.collect()
        atexit._run_exitfuncs()

    with attempt as transaction:
        transaction.reserve(a_journal(0))
        assert in_child(leave) == ""
        assert contender(store.path) == "locked"
        transaction.save(a_record(1))
    assert contender(store.path) == "had it"
    assert store.read(ID) == a_record(1)


def test_an_attempt_made_before_a_fork_works_after_it(store):
    """A child can use the store objects that it inherited."""
    save(store, a_record(1))
    attempt = store.lock(ID, timeout=0)
    with store.lock(ID, timeout=0):
        with pytest.raises(errors.StoreLocked):
            attempt.__enter__()

    def work():
        with attempt as transaction:
            transaction.save(a_record(2))

    assert in_child(work) == ""
    assert store.read(ID) == a_record(2)


def test_lock_files_are_never_removed(store):
    """Their inode stays: a removed one could be held beside its successor (M82)."""
    save(store, a_record(1))
    locks = [place(store, LOCK), store.path / "keys.lock"]
    before = [path.stat().st_ino for path in locks]
    take_turn(store)
    place(store).write_bytes(b"damaged")
    save(store, a_record(9))
    with store.lock(ID, timeout=0) as transaction:
        transaction.mark(None)
    assert contender(store.path) == "had it"
    assert [path.stat().st_ino for path in locks] == before


def test_many_writers_and_readers_at_once(store):
    """16 processes take turns while 8 read: nothing is lost or torn (M80)."""
    save(store, sized_record(1))

    def write():
        own = FileStore(store.path)
        for _ in range(5):
            with own.lock(ID, timeout=PATIENCE) as transaction:
                record = transaction.read()
                transaction.reserve(a_journal(record.generation))
                transaction.save(sized_record(record.generation + 1))

    def read():
        own, newest, seen = FileStore(store.path), 0, set()
        while len(seen) < 5:
            found = own.read(ID)
            assert found == sized_record(found.generation)
            assert found.generation >= newest
            newest = found.generation
            seen.add(newest)
            if newest == 81:
                break
            time.sleep(0.001)  # eight that spin would leave the writers no processor

    assert at_once([write] * 16 + [read] * 8) == [""] * 24
    assert store.read(ID) == sized_record(81)
    assert names(store) == [ID, LOCK]


def test_two_records_are_written_at_once(store):
    """Workers with different logins do not overwrite each other (M17)."""

    def work(name):
        def save_often():
            own = FileStore(store.path)
            for generation in range(1, 21):
                save(own, sized_record(generation), name)
                assert own.claim(f"{name}-{generation}", name) == name

        return save_often

    assert at_once([work("one"), work("two"), work("three")]) == [""] * 3
    for name in ("one", "two", "three"):
        assert store.read(name) == sized_record(20)
        assert [store.claim(f"{name}-{n}") for n in (1, 20)] == [name] * 2
    assert sorted(store.records()) == ["one", "three", "two"]


def test_many_readers_start_at_once_without_any_lock(store):
    """32 processes read a warm store while its locks are held by others (M96)."""
    save(store, a_record(1))
    Identifier.of(store)

    def work():
        fresh = FileStore(store.path)
        identifier = Identifier.of(fresh)
        assert fresh.claim(identifier.record_id({"a": "b"})) is None
        return fresh.read(ID).generation

    import filelock

    with (
        store.lock(ID, timeout=0),
        store.lock("id-key", timeout=0),
        filelock.FileLock(store.path / "keys.lock", preserve_lock_file=True),
    ):
        assert at_once([work] * 32) == ["1"] * 32


def test_a_waiting_process_sees_what_the_holder_saved(store):
    """A waiter in another process gets the lock when it is free, and reads after it."""

    def wait(pipe):
        os.write(pipe, b"waiting\n")
        with FileStore(store.path).lock(ID, timeout=PATIENCE) as transaction:
            return transaction.read().generation

    with store.lock(ID, timeout=0) as transaction:
        waiter = Child(wait)
        assert waiter.line() == "waiting"
        transaction.save(a_record(5))
    assert waiter.said() == "5"
