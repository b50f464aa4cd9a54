"""The id key, which the records' names come from: kept twice, healed by its copy."""

import errno
import logging

import pytest

from oauth_auth import FileStore, MemoryStore, errors
from oauth_auth.identity import Identifier
from oauth_auth.testing.store_tools import PATIENCE
from tests.stores.children import at_once, survives
from tests.stores.logins import Login
from tests.stores.places import names, place
from tests.stores.syscalls import Syscalls

KEY, COPY = "id-key", "id-key-copy"


@pytest.fixture
def store(tmp_path):
    return FileStore(tmp_path / "store")


def name_in(store):
    """Return a record's name in a store, as a process finds it that starts now."""
    return Identifier.of(FileStore(store.path)).record_id({"client_id": "cli"})


def aside(store):
    return [name for name in names(store) if ".corrupt-" in name]


@pytest.mark.parametrize("content", [b"", b"garbage", b"\0" * 4096, None])
def test_a_damaged_id_key_is_healed_by_its_copy(store, caplog, content):
    """No login loses its name; the damage is said once, and kept aside. M81."""
    before = name_in(store)
    kept = place(store, COPY).read_bytes()
    if content is None:
        place(store, KEY).unlink()
    else:
        place(store, KEY).write_bytes(content)
    with caplog.at_level(logging.WARNING, "oauth_auth"):
        assert [name_in(store) for _ in range(3)] == [before] * 3
    assert len(caplog.records) == len(aside(store)) == (content is not None)
    if content is not None:
        assert f"{place(store, KEY)} is damaged" in caplog.text
        assert "its copy is used" in caplog.text
        assert place(store, aside(store)[0]).read_bytes() == content
    assert place(store, COPY).read_bytes() == kept


def test_every_damage_is_healed(store):
    """Cut off anywhere, or with a bit changed anywhere: the names stay. M81."""
    before = name_in(store)
    whole = place(store, KEY).read_bytes()
    damages = [whole[:end] for end in range(0, len(whole), 9)]
    damages += [
        whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :]
        for at in range(0, len(whole), 9)
    ]
    for damaged in damages:
        place(store, KEY).write_bytes(damaged)
        assert name_in(store) == before
    assert len(aside(store)) >= len(damages) - 2


def test_a_login_goes_on_after_its_id_key_was_damaged(tmp_path):
    """The same record is found and renewed; nobody has to log in. M81."""
    login = Login(tmp_path / "store")
    token = login.auth.token()
    place(login.store, KEY).write_bytes(b"garbage")
    login.auth = login.worker()
    assert login.auth.token() == token
    login.goes_on()


def test_the_id_key_and_its_copy_lost_are_said(store):
    """Without either no record has a name, which no new login heals."""
    name_in(store)
    for name in (COPY, KEY):
        place(store, name).write_bytes(b"damaged")
    before = {name: place(store, name).read_bytes() for name in names(store)}
    with pytest.raises(errors.StoreCorrupt) as caught:
        name_in(store)
    assert "backup" in str(caught.value)
    assert str(store.path) in str(caught.value)
    assert "keeps it aside" not in str(caught.value)
    assert caught.value.__context__ is None
    after = {name: place(store, name).read_bytes() for name in names(store)}
    assert after == before, "somebody may know how to put it right"


def test_no_new_key_is_made_beside_a_damaged_copy(store):
    """With another key the records would be there, and nobody would find them."""
    name_in(store)
    place(store, KEY).unlink()
    place(store, COPY).write_bytes(b"damaged")
    with pytest.raises(errors.StoreCorrupt, match="backup"):
        name_in(store)
    assert not place(store, KEY).exists()


def test_a_copy_is_there_before_the_id_key_is(tmp_path):
    """A maker killed at any step leaves a store whose workers agree, now and later.

    They do so with the id key, and with the copy alone.
    """
    number = 0
    while True:
        store = FileStore(tmp_path / str(number))
        lived = survives(number, lambda: Identifier.of(store), store.path)  # noqa: B023  # done before the next round
        if KEY in names_if_any(store):
            assert COPY in names(store)
        first = name_in(store)
        place(store, KEY).write_bytes(b"damaged")
        assert name_in(store) == first
        if lived:
            break
        number += 1
    assert number > 30


def names_if_any(store):
    return names(store) if (store.path / "records").is_dir() else []


def test_workers_that_meet_a_damaged_id_key_together_agree(store):
    """One of them heals it; the others use the copy meanwhile."""
    before = name_in(store)
    for _ in range(3):
        place(store, KEY).write_bytes(b"damaged")
        assert set(at_once([lambda: name_in(store)] * 8)) == {before}
        assert name_in(store) == before


def test_a_worker_does_not_wait_for_who_heals(store):
    """The copy will do, though another process holds the id key's lock."""
    before = name_in(store)
    place(store, KEY).write_bytes(b"damaged")
    with FileStore(store.path).lock(KEY, timeout=PATIENCE):
        assert name_in(store) == before
    assert place(store, KEY).read_bytes() == b"damaged"
    assert name_in(store) == before
    assert place(store, KEY).read_bytes() != b"damaged"


def test_a_damaged_id_key_that_cannot_be_healed_is_no_obstacle(store, monkeypatch):
    """Where nothing can be written, as on a read-only disk, the copy is read."""
    before = name_in(store)
    place(store, KEY).write_bytes(b"damaged")
    calls = Syscalls(monkeypatch, store.path)
    calls.start(("open", f"{KEY}.lock"), errno.EROFS)
    assert name_in(store) == before
    assert place(store, KEY).read_bytes() == b"damaged"


def test_every_kind_of_store_keeps_the_copy():
    """It is kept like a record, for which any store will do."""
    store = MemoryStore()
    Identifier.of(store)
    assert store.read(COPY).document == store.read(KEY).document
    assert store.read(COPY).document["key"]
