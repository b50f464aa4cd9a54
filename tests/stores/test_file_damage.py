"""FileStore: damaged files, and what dead writers leave."""

import os
import stat

import pytest

from oauth_auth import errors
from oauth_auth.identity import Identifier
from oauth_auth.stores.base import Record
from oauth_auth.stores.file import FileStore
from oauth_auth.stores.keys import new_key
from oauth_auth.testing.store_tools import (
    ID,
    OTHER,
    a_journal,
    a_mark,
    a_record,
    save,
)
from tests.stores.places import (
    LOCK,
    MARK,
    NEXT,
    answer_of_a_dead_writer,
    killed,
    names,
    place,
)

OLD, NEW = a_record(1), a_record(2)


@pytest.fixture
def store(tmp_path):
    return FileStore(tmp_path / "store")


def damages(data):
    """Yield the data cut off at every byte, then with a bit of every byte changed."""
    for end in range(len(data)):
        yield data[:end]
    for at in range(len(data)):
        yield data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]


def test_no_damage_makes_a_wrong_record(store):
    """Cut off anywhere, or one byte changed: the record is right, or named as damaged.

    It is never taken for one of another key, which would keep it from being replaced.
    M81.
    """
    save(store, OLD)
    save(store, a_record(9), OTHER)
    path = place(store)
    data = path.read_bytes()
    refused = 0
    for damaged in damages(data):
        path.write_bytes(damaged)
        try:
            found = store.read(ID)
        except errors.StoreCorrupt as error:
            refused += 1
            assert str(path) in str(error)  # noqa: PT017  # most raise, some need not
        else:
            assert found == OLD
    assert refused > 1.9 * len(data)
    path.write_bytes(data.replace(b"oauth_auth 1", b"oauth_auth 2"))
    with pytest.raises(errors.StoreCorrupt):
        store.read(ID)
    assert store.read(OTHER) == a_record(9)


@pytest.mark.parametrize("content", [b"", b"garbage", b"{}", b"\0" * 4096])
def test_a_damaged_record_is_kept_aside_and_healed_by_a_save(store, content):
    """Its reader is told what happens; the next login does it, and nothing is lost.

    M81.
    """
    save(store, a_record(7))
    save(store, a_record(9), OTHER)
    place(store).write_bytes(content)
    for _ in range(2):
        with pytest.raises(errors.StoreCorrupt) as caught:
            store.read(ID)
        assert str(place(store)) in str(caught.value)
        assert "kept" in str(caught.value) or "keeps it aside" in str(caught.value)
    with store.lock(ID, timeout=0) as transaction:
        with pytest.raises(errors.StoreCorrupt):
            transaction.read()
        transaction.reserve(a_journal(7))
        assert place(store).read_bytes() == content
        transaction.save(a_record(8))
        assert transaction.read() == a_record(8)
    assert store.read(ID) == a_record(8)
    (aside,) = [name for name in names(store) if ".corrupt-" in name]
    assert place(store, aside).read_bytes() == content
    assert stat.S_IMODE(place(store, aside).stat().st_mode) == 0o600
    assert sorted(store.records()) == sorted([ID, OTHER])
    assert store.read(OTHER) == a_record(9)


def test_a_crash_while_healing_loses_neither_the_answer_nor_the_order(
    store, monkeypatch
):
    """Whichever rename it dies before, the next worker finds the complete answer.

    Otherwise the generation would begin at 1 again, and workers with the older token
    in memory would never take the new one over.
    """
    for survivors in (0, 1):
        fresh = FileStore(store.path / str(survivors))
        save(fresh, a_record(7))
        place(fresh).write_bytes(b"damaged")
        left = [os.replace] * survivors

        def replace(*args, left=left):
            return left.pop()(*args) if left else killed()

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", replace)
            with fresh.lock(ID, timeout=0) as transaction:
                with pytest.raises(errors.StoreNotWritable):
                    transaction.save(a_record(8))
        assert place(fresh).exists() is (survivors == 0)
        with fresh.lock(ID, timeout=0) as transaction:
            assert transaction.read() == a_record(8)
            with pytest.raises(errors.StoreConflict):
                transaction.save(a_record(8))
        assert fresh.read(ID) == a_record(8)
        assert len([n for n in names(fresh) if ".corrupt-" in n]) == 1


def test_a_file_in_anothers_place_is_damage(store):
    """A record is bound to its id, a mark to being one: no file can be exchanged."""
    save(store, a_record(1))
    save(store, a_record(9), OTHER)
    with store.lock(OTHER, timeout=0) as transaction:
        transaction.mark(a_mark(9))
    store.claim("f1", ID)
    place(store).write_bytes(place(store, OTHER).read_bytes())
    with pytest.raises(errors.StoreCorrupt):
        store.read(ID)
    place(store, MARK).write_bytes(place(store, f"{OTHER}.mark").read_bytes())
    save(store, a_record(2))
    assert store.read(ID) == a_record(2)
    (store.path / "claims" / "f2").write_bytes(
        (store.path / "claims" / "f1").read_bytes()
    )
    with pytest.raises(errors.StoreCorrupt) as caught:
        store.claim("f2")
    assert str(store.path / "claims" / "f2") in str(caught.value)
    assert "remove it" in str(caught.value)


def test_a_damaged_claim_is_not_guessed_but_set_anew(store):
    """Looked up it is an error, since the token may be spent; whoever knows sets it."""
    store.claim("f1", ID)
    (store.path / "claims" / "f1").write_bytes(b"damaged")
    with pytest.raises(errors.StoreCorrupt):
        store.claim("f1")
    assert store.claim("f1", OTHER) == OTHER
    assert store.claim("f1") == OTHER


def test_no_damage_makes_a_wrong_claim(store):
    """Looked up, it is the right record or an error that names the file. M81."""
    store.claim("f1", ID)
    store.claim("f2", OTHER)
    path = store.path / "claims" / "f1"
    data = path.read_bytes()
    for damaged in damages(data):
        path.write_bytes(damaged)
        with pytest.raises(errors.StoreCorrupt) as caught:
            store.claim("f1")
        assert str(path) in str(caught.value)
    path.write_bytes(data)
    assert store.claim("f1") == ID
    assert store.claim("f2") == OTHER


def test_no_damage_makes_a_wrong_journal(store):
    """It is the journal or none; the record beside it is whole. M81."""
    save(store, OLD)
    with store.lock(ID, timeout=0) as transaction:
        transaction.reserve(a_journal(1))
        held = OLD._replace(journal=a_journal(1))
        data = place(store, NEXT).read_bytes().rstrip(b"\0")
        found = []
        for damaged in damages(data):
            place(store, NEXT).write_bytes(damaged)
            found.append(transaction.read())
            assert store.read(ID) == OLD
    assert found.count(OLD) > 1.9 * len(data)
    assert all(record in (OLD, held) for record in found)


@pytest.mark.parametrize("count", [1, 2])
def test_no_damage_of_the_keys_makes_a_wrong_record(store, count):
    """The right record, or an error that names a file; nothing is replaced. M81, M94.

    A changed letter may make another good key, under which nothing must be sealed.
    """
    path = store.path / "keys"
    Identifier.of(store)
    if count == 2:
        path.write_text(path.read_text() + new_key().reveal() + "\n")
        store = FileStore(store.path)
    save(store, OLD)
    data = path.read_bytes()
    before = {name: place(store, name).read_bytes() for name in names(store)}
    refused = 0
    for damaged in damages(data):
        path.write_bytes(damaged)
        fresh = FileStore(store.path)
        try:
            Identifier.of(fresh)
            assert fresh.read(ID) == OLD
        except (errors.ConfigurationError, errors.KeyMismatch) as error:
            refused += 1
            assert str(store.path) in str(error)  # noqa: PT017  # some need not raise
        assert path.read_bytes() == damaged
    assert refused > len(data)
    assert {name: place(store, name).read_bytes() for name in names(store)} == before
    path.write_bytes(data)
    assert FileStore(store.path).read(ID) == OLD


def test_a_damaged_mark_is_none(store):
    """A mark only saves needless requests, and must not cost a login."""
    save(store, OLD)
    with store.lock(ID, timeout=0) as transaction:
        transaction.mark(a_mark(1))
    data = place(store, MARK).read_bytes()
    found = set()
    for damaged in damages(data):
        place(store, MARK).write_bytes(damaged)
        found.add(store.read(ID).mark is None)
    assert found == {True}
    place(store, MARK).write_bytes(data)
    assert store.read(ID).mark == a_mark(1)


def test_a_complete_answer_is_rolled_forward(store, monkeypatch):
    """A writer that died after its answer was on disk has renewed, if only just."""
    save(store, OLD)
    answer_of_a_dead_writer(store, monkeypatch)
    fresh = FileStore(store.path)
    assert fresh.read(ID) == OLD
    with fresh.lock(ID, timeout=0) as transaction:
        assert transaction.read() == NEW
        with pytest.raises(errors.StoreConflict):
            transaction.save(NEW)
    assert fresh.read(ID) == NEW
    assert names(store) == [ID, LOCK]


@pytest.mark.parametrize("act", ["reserve", "save", "mark"])
def test_an_answer_is_not_given_up_by_who_did_not_read(store, monkeypatch, act):
    """Whatever is done first in a transaction, a complete answer is found before."""
    save(store, OLD)
    answer_of_a_dead_writer(store, monkeypatch)
    with store.lock(ID, timeout=0) as transaction:
        if act == "reserve":
            transaction.reserve(a_journal(2))
        elif act == "mark":
            transaction.mark(None)
        else:
            with pytest.raises(errors.StoreConflict):
                transaction.save(a_record(2, "another"))
    assert store.read(ID) == NEW


def test_no_damaged_answer_is_rolled_forward(store, monkeypatch):
    """A half-written answer is none; the record is the old one or the new one. M81."""
    save(store, OLD)
    data = answer_of_a_dead_writer(store, monkeypatch)
    record = place(store).read_bytes()
    found = []
    with store.lock(ID, timeout=0) as transaction:
        for damaged in damages(data):
            place(store).write_bytes(record)
            place(store, NEXT).write_bytes(damaged)
            found.append(transaction.read())
    assert {r.generation for r in found} == {1, 2}
    journals = [OLD, OLD._replace(journal=a_journal(1))]
    assert all(r in (*journals, NEW) for r in found)
    # Cut off within the answer, what remains is the journal.
    assert found[len(data) - 1] == journals[1]


def test_a_void_answer_is_ignored(store, monkeypatch):
    """An answer or journal that is older than the record says nothing any more."""
    save(store, OLD)
    data = answer_of_a_dead_writer(store, monkeypatch)
    for generation in (2, 3):
        save(store, a_record(generation)) if generation != 2 else None
        with store.lock(ID, timeout=0) as transaction:
            transaction.read()
        place(store, NEXT).write_bytes(data)
        with store.lock(ID, timeout=0) as transaction:
            assert transaction.read() == a_record(generation)
        assert store.read(ID) == a_record(generation)


def test_two_writers_without_a_lock_do_not_mix_their_files(store):
    """Somebody removed the lock file: only the one whose file it is saves."""
    save(store, OLD)
    with store.lock(ID, timeout=0) as slow:
        slow.reserve(a_journal(1))
        place(store, LOCK).unlink()
        with store.lock(ID, timeout=0) as fast:
            fast.reserve(a_journal(1))
            with pytest.raises(errors.StoreNotWritable, match="lock file had been"):
                slow.save(a_record(2, "slow"))
            assert store.read(ID) == OLD
            fast.save(a_record(2, "fast"))
        with pytest.raises(errors.StoreConflict):
            slow.save(a_record(2, "slow"))
    assert store.read(ID) == a_record(2, "fast")


def test_names_that_could_lead_elsewhere_are_refused(store):
    """A record id is a name of ours, never a path."""
    for name in ("", ".", "..", "../keys", "a/b", "A", "a.next", "a" * 81, "a\0b"):
        for use in (store.read, lambda n: store.lock(n, timeout=0), store.claim):
            with pytest.raises(ValueError, match="is not a record id or fingerprint"):
                use(name)
    assert store.read("a" * 80) is None
    save(store, Record(generation=1), "a" * 80)
    assert list(store.records()) == ["a" * 80]


def test_a_claim_is_found_inside_a_record_beside_damaged_ones(store):
    """Records that cannot be opened are passed over, and only a claim counts as one."""
    save(store, a_record(1)._replace(claims=("f-1", "f-2"), configuration="f-3"))
    for name in ("damaged-1", "damaged-2"):
        save(store, OLD._replace(claims=("f-4",)), name)
        path = place(store, name)
        path.write_bytes(path.read_bytes()[:-1])
    assert store.claimed_inside("f-1") == store.claimed_inside("f-2") == ID
    assert store.claimed_inside("f-3") is None
    assert store.claimed_inside("f-4") is None
