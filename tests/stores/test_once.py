"""What a store has one of is made once, and waited for no longer than need be."""

import threading

import pytest

from oauth_auth import FileStore, MemoryStore, errors
from oauth_auth.identity import Identifier
from oauth_auth.secret import Secret
from oauth_auth.stores import once
from oauth_auth.stores.base import Record
from oauth_auth.stores.file_lock import FileLock
from oauth_auth.stores.key_file import KeyFile


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_waiters_watch_the_id_key_and_not_its_lock(kind, tmp_path, monkeypatch):
    """A worker goes on as soon as the id key is there, though its lock is held."""
    store = MemoryStore() if kind == "memory" else FileStore(tmp_path)
    waiting = threading.Event()
    monkeypatch.setattr(once.time, "sleep", lambda seconds: waiting.set())
    found = []
    worker = threading.Thread(target=lambda: found.append(Identifier.of(store)))
    with store.lock("id-key", timeout=5) as transaction:
        worker.start()
        assert waiting.wait(30)
        key = Secret("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
        transaction.save(Record(generation=1, document={"key": key.reveal()}))
        worker.join(30)
        assert not worker.is_alive()
    assert found[0].record_id({}) == Identifier(key, kept=True).record_id({})


def test_waiters_watch_the_key_file_and_not_its_lock(tmp_path, monkeypatch):
    """A worker goes on as soon as the key file is there, though its lock is held."""
    waiting = threading.Event()
    monkeypatch.setattr(once.time, "sleep", lambda seconds: waiting.set())
    kept = []
    found = []
    key_file = KeyFile(tmp_path, lambda _: False)
    worker = threading.Thread(
        target=lambda: found.append(
            key_file.kept_or_made(
                lambda: kept[0] if kept else None, kept.append, "the test"
            )
        )
    )
    with FileLock(tmp_path / "keys.lock", 5):
        worker.start()
        assert waiting.wait(30)
        kept.append(Secret("made by another worker"))
        worker.join(30)
        assert not worker.is_alive()
    assert found == kept
    assert len(kept) == 1


def test_a_holder_that_makes_nothing_is_named(tmp_path, monkeypatch):
    """Waiting ends, and the error names the lock and what to do."""
    monkeypatch.setattr(once, "_PATIENCE", 0.01)
    store = FileStore(tmp_path)
    with (
        FileStore(tmp_path).lock("id-key", timeout=5),
        pytest.raises(
            errors.StoreLocked, match=r"id-key\.lock.*thread of this process hangs"
        ),
    ):
        Identifier.of(store)
