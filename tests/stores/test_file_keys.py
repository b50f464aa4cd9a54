"""FileStore: foreign keys, lost keys, rotated keys."""

import pytest

from oauth_auth import errors
from oauth_auth.identity import Identifier
from oauth_auth.secret import FromEnv
from oauth_auth.stores.file import FileStore
from oauth_auth.stores.keys import new_key
from oauth_auth.testing.store_tools import ID, OTHER, a_journal, a_mark, a_record, save
from tests.stores.places import LOCK, MARK, NEXT, answer_of_a_dead_writer, names, place

OLD, NEW = a_record(1), a_record(2)


@pytest.fixture
def store(tmp_path):
    return FileStore(tmp_path / "store")


@pytest.fixture
def keys():
    return [new_key() for _ in range(3)]


def test_a_record_of_another_key_is_named_and_never_overwritten(store, keys):
    """Neither a save, nor a reserve, nor a mark replaces what it cannot open. M94."""
    first, second, _ = keys
    ours = FileStore(store.path, keys=[first])
    save(ours, OLD)
    with ours.lock(ID, timeout=0) as transaction:
        transaction.mark(a_mark(1))
    before = {name: place(ours, name).read_bytes() for name in (ID, MARK)}
    other = FileStore(store.path, keys=[second])
    key_ids = [chain.all()[0].id.hex() for chain in (ours.sealer.chain,)]
    with pytest.raises(errors.KeyMismatch) as caught:
        other.read(ID)
    assert str(place(ours)) in str(caught.value)
    assert key_ids[0] in str(caught.value)
    assert other.sealer.chain.all()[0].id.hex() in str(caught.value)
    with other.lock(ID, timeout=0) as transaction:
        for act in (
            transaction.read,
            lambda: transaction.save(a_record(99)),
            lambda: transaction.reserve(a_journal(1)),
            lambda: transaction.mark(a_mark(1)),
            lambda: transaction.mark(None),
        ):
            with pytest.raises(errors.KeyMismatch):
                act()
    assert {name: place(ours, name).read_bytes() for name in before} == before
    assert names(ours) == [ID, LOCK, MARK]
    assert FileStore(store.path, keys=[first]).read(ID).token == OLD.token


def test_an_answer_of_another_key_is_never_overwritten(store, keys, monkeypatch):
    """It may be the newest refresh token, left by a worker with a newer key."""
    first, second, _ = keys
    save(FileStore(store.path, keys=[first]), OLD)
    newer = FileStore(store.path, keys=[first, second])
    data = answer_of_a_dead_writer(newer, monkeypatch)
    older = FileStore(store.path, keys=[first])
    assert older.read(ID) == OLD
    for act in ("read", "save", "reserve", "mark"):
        with older.lock(ID, timeout=0) as transaction:
            with pytest.raises(errors.KeyMismatch):
                {
                    "read": transaction.read,
                    "save": lambda t=transaction: t.save(a_record(99)),
                    "reserve": lambda t=transaction: t.reserve(a_journal(1)),
                    "mark": lambda t=transaction: t.mark(None),
                }[act]()
    assert place(store, NEXT).read_bytes() == data
    with newer.lock(ID, timeout=0) as transaction:
        assert transaction.read() == NEW


def test_a_mark_of_another_key_is_none(store, keys):
    """It is no login, and must not keep a worker with older keys from its own."""
    first, second, _ = keys
    older = FileStore(store.path, keys=[first])
    save(older, OLD)
    newer = FileStore(store.path, keys=[first, second])
    with newer.lock(ID, timeout=0) as transaction:
        transaction.mark(a_mark(1))
    assert newer.read(ID).mark == a_mark(1)
    assert older.read(ID) == OLD
    save(older, NEW)
    assert older.read(ID) == NEW


def test_a_claim_of_another_key_is_never_overwritten(store, keys):
    """Looking it up and setting it are both refused."""
    first, second, _ = keys
    FileStore(store.path, keys=[first]).claim("f1", ID)
    other = FileStore(store.path, keys=[second])
    for record_id in (None, OTHER):
        with pytest.raises(errors.KeyMismatch, match="f1 was sealed with key"):
            other.claim("f1", record_id)
    assert FileStore(store.path, keys=[first]).claim("f1") == ID


def test_keys_are_rotated_while_workers_run(store):
    """The new key is placed before the old one, then last; no id changes.

    A running worker that meets an unknown key reads the key file once more.
    """
    worker = FileStore(store.path)
    save(worker, OLD)
    record_id = Identifier.of(worker).record_id({"client_id": "cli"})
    key_file = store.path / "keys"
    old_key, key = key_file.read_text(), new_key().reveal() + "\n"
    key_file.write_text(key + old_key)
    first = FileStore(store.path)
    save(first, a_record(2))
    assert worker.read(ID) == a_record(2), "the old key still seals"
    key_file.write_text(old_key + key)
    second = FileStore(store.path)
    assert second.read(ID) == a_record(2)
    save(second, a_record(3))
    assert worker.read(ID) == a_record(3), "the worker reads the keys again"
    save(worker, a_record(4))
    key_file.write_text(key)
    assert FileStore(store.path).read(ID) == a_record(4)
    # The id key was sealed before the rotation.
    key_file.write_text(old_key + key)
    last = Identifier.of(FileStore(store.path))
    assert last.record_id({"client_id": "cli"}) == record_id


def test_an_unknown_key_is_looked_for_once(store, keys, monkeypatch):
    """The keys are read once more, not for ever."""
    first, second, _ = keys
    save(FileStore(store.path, keys=[first]), OLD)
    monkeypatch.setenv("SEALING_KEY", second.reveal())
    other = FileStore(store.path, keys=FromEnv("SEALING_KEY"))
    other.sealer.chain.all()
    loads = []
    reload = other.sealer.chain.reload
    monkeypatch.setattr(
        type(other.sealer.chain),
        "reload",
        lambda chain: loads.append(1) or reload(),
    )
    with pytest.raises(errors.KeyMismatch):
        other.read(ID)
    assert len(loads) == 1
    monkeypatch.setenv("SEALING_KEY", f"{first.reveal()} {second.reveal()}")
    assert other.read(ID) == OLD


@pytest.mark.parametrize("left", ["record", "mark", "journal", "claim"])
def test_no_new_key_is_made_where_something_is_sealed(store, left):
    """A lost key file must not make the old logins unreadable for good (M94)."""
    if left == "claim":
        store.claim("f1", ID)
    else:
        with store.lock(ID, timeout=0) as transaction:
            if left == "record":
                transaction.save(OLD)
            elif left == "mark":
                transaction.mark(a_mark(0))
            else:
                transaction.reserve(a_journal(0))
    kept = (store.path / "keys").read_bytes()
    (store.path / "keys").unlink()
    fresh = FileStore(store.path)
    with pytest.raises(errors.KeyMismatch) as caught:
        fresh.claim("f1", ID) if left == "claim" else save(fresh, OLD, OTHER)
    assert f"there is no key in {store.path / 'keys'}" in str(caught.value)
    assert "put the key back" in str(caught.value)
    assert not (store.path / "keys").exists()
    (store.path / "keys").write_bytes(kept)
    (store.path / "keys").chmod(0o600)
    save(fresh, a_record(5), OTHER)


def test_a_store_emptied_by_hand_gets_a_new_key(store):
    """Locks and files kept aside need no key."""
    save(store, OLD)
    place(store).rename(place(store, f"{ID}.corrupt-1"))
    (store.path / "keys").unlink()
    fresh = FileStore(store.path)
    save(fresh, OLD)
    assert FileStore(store.path).read(ID) == OLD


def test_a_damaged_key_file_is_named(store):
    """The error says which key of which file, and shows nothing of it."""
    save(store, OLD)
    for content in ("c2hvcnQ=", "not base64 at all!", "\xff\xfe", " \n"):
        (store.path / "keys").write_text(content, encoding="latin-1")
        with pytest.raises(errors.ConfigurationError) as caught:
            FileStore(store.path).read(ID)
        assert str(store.path / "keys") in str(caught.value)
        assert "oauth-auth keys new" in str(caught.value)
        assert content.strip() == "" or content not in str(caught.value)
