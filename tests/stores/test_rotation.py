"""Rotating the sealing keys: everything is sealed anew, whatever stops it half way."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from oauth_auth import FileStore, FromEnv
from oauth_auth.errors import (
    ConfigurationError,
    KeyMismatch,
    StoreNotWritable,
    TokenStoreError,
)
from oauth_auth.stores import disk, rotation
from oauth_auth.stores.base import Journal, Mark
from oauth_auth.stores.keys import new_key


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store with a record, a mark, a claim, and a journal in doubt."""
    monkeypatch.delenv("OAUTH_AUTH_KEY", raising=False)
    monkeypatch.delenv("OAUTH_AUTH_KEYRING", raising=False)
    store = FileStore(tmp_path / "store")
    with store.lock("aa", timeout=5) as transaction:
        transaction.save(transaction.read().succeed(lineage="first"))
        transaction.mark(Mark("refused", 1, 0.0, 0.0, {"kind": "x"}))
        store.claim("c1", "aa", seed=True)
    with store.lock("bb", timeout=5) as transaction:
        transaction.save(transaction.read().succeed(lineage="second"))
        transaction.reserve(Journal(1, "fingerprint", 0.0, 0.0))
    with store.lock("cc-login", timeout=5) as transaction:
        transaction.mark(Mark("hold", 0, 0.0, 60.0, {"kind": "x"}))
    return store


def everything(store):
    """Return what the store holds, as it is read."""
    with store.lock("bb", timeout=5) as transaction:
        journal = transaction.read().journal
    return (
        store.read("aa").lineage,
        store.read("aa").mark.kind,
        store.read("bb").lineage,
        journal and journal.fingerprint,
        store.read("cc-login").mark.kind,
        store.claim("c1", seed=True),
    )


WHOLE = ("first", "refused", "second", "fingerprint", "hold", "aa")


def finished(store):
    """Seal everything anew; return what came of it."""
    *_, outcome = rotation.reseal(store)
    return outcome


def fresh(store):
    """Return the store as another process has it."""
    return FileStore(store.path)


def test_everything_is_sealed_anew_and_stays_readable(store):
    """Records, marks, journals and claims, which then need the new key alone."""
    rotation.add_key(store)
    assert len(rotation.sealed_with_old(store)) == 6
    outcome = finished(store)
    assert outcome == (6, 0, ())
    assert rotation.sealed_with_old(store) == []
    assert rotation.drop_old_keys(store) == 1
    assert len(fresh(store).sealer.chain.all()) == 1
    assert everything(fresh(store)) == WHOLE


def test_generations_stay(store):
    """To seal anew is no save: whoever holds the token goes on with it."""
    before = store.read("aa")
    rotation.add_key(store)
    finished(store)
    assert store.read("aa") == before


def test_a_second_run_has_nothing_to_do(store):
    """What the newest key has sealed is left as it is."""
    rotation.add_key(store)
    finished(store)
    files = {p: p.stat().st_mtime_ns for p in (store.path / "records").iterdir()}
    assert finished(store) == (0, 6, ())
    after = {p: p.stat().st_mtime_ns for p in files}
    assert after == files


def test_the_files_stay_private(store):
    """They are written with mode 0600."""
    rotation.add_key(store)
    finished(store)
    rotation.drop_old_keys(store)
    paths = [store.path / "keys", *(store.path / "claims").iterdir()]
    paths += [p for p in (store.path / "records").iterdir() if p.suffix != ".lock"]
    assert {oct(path.stat().st_mode & 0o777) for path in paths} == {"0o600"}


def test_older_keys_are_not_dropped_while_they_are_needed(store):
    """Something that is sealed with one keeps them all, and is named."""
    rotation.add_key(store)
    with pytest.raises(ConfigurationError, match="keys rotate"):
        rotation.drop_old_keys(store)
    assert everything(fresh(store)) == WHOLE


def test_another_process_goes_on_meanwhile(store):
    """One that has the old key alone reads what the new one sealed, and writes."""
    other = fresh(store)
    assert everything(other) == WHOLE
    rotation.add_key(store)
    finished(store)
    assert everything(other) == WHOLE
    with other.lock("aa", timeout=5) as transaction:
        transaction.save(transaction.read().succeed(lineage="third"))
    assert store.read("aa").lineage == "third"


@pytest.mark.parametrize("steps", range(1, 6))
def test_an_interrupted_rotation_goes_on(store, steps):
    """Wherever it stops, everything can be read, and the next run finishes it."""
    rotation.add_key(store)
    under_way = rotation.reseal(store)
    for _ in range(steps):
        next(under_way)
    under_way.close()
    assert everything(fresh(store)) == WHOLE
    outcome = finished(fresh(store))
    assert outcome.done + outcome.already == 6
    assert rotation.sealed_with_old(store) == []


def test_a_killed_rotation_goes_on(store):
    """A process that is killed in the midst of it loses nothing."""
    rotation.add_key(store)
    code = (
        "import os, signal, sys; from oauth_auth import FileStore;"
        "from oauth_auth.stores import rotation, disk;"
        "store = FileStore(sys.argv[1]); calls = [];"
        "replace = disk.replace\n"
        "def killed(source, target):\n"
        "    calls.append(1)\n"
        "    if len(calls) == int(sys.argv[2]): os.kill(os.getpid(), signal.SIGKILL)\n"
        "    replace(source, target)\n"
        "disk.replace = killed\n"
        "list(rotation.reseal(store))\n"
    )
    for nth in (1, 2, 3):
        done = subprocess.run(
            [sys.executable, "-c", code, str(store.path), str(nth)], check=False
        )
        assert done.returncode == -signal.SIGKILL
        assert everything(fresh(store)) == WHOLE
    finished(store)
    assert rotation.sealed_with_old(store) == []


def test_what_cannot_be_opened_is_named_and_the_rest_done(store):
    """A damaged file is no reason to leave the others under the old key."""
    (store.path / "records" / "aa").write_bytes(b"nonsense")
    rotation.add_key(store)
    outcome = finished(store)
    assert outcome.done == 4
    assert len(outcome.failures) == 1
    assert str(store.path / "records" / "aa") in outcome.failures[0]


def test_a_dead_workers_answer_is_put_in_place_first(store, monkeypatch):
    """A complete answer that was not renamed yet is the newest token, and stays."""

    def dies(source, target):
        raise OSError("killed just before the rename")

    with monkeypatch.context() as patched:
        patched.setattr(disk, "replace", dies)
        with pytest.raises(StoreNotWritable):
            with store.lock("bb", timeout=5) as transaction:
                transaction.save(transaction.read().succeed(lineage="newest"))
    rotation.add_key(store)
    assert finished(store).failures == ()
    assert rotation.drop_old_keys(store) == 1
    assert fresh(store).read("bb").lineage == "newest"


@pytest.mark.parametrize("suffix", [".mark", ".next"])
def test_a_damaged_mark_or_journal_is_none(store, suffix):
    """It counts as none, so it is removed, and the older key can go."""
    path = store.path / "records" / {".mark": "aa.mark", ".next": "bb.next"}[suffix]
    path.write_bytes(path.read_bytes()[:-9].rstrip(b"\0")[:-9])
    rotation.add_key(store)
    assert finished(store).failures == ()
    assert not path.exists()
    assert rotation.drop_old_keys(store) == 1


def test_it_waits_for_a_renewal_under_way(store):
    """A record is sealed anew only under its lock."""
    rotation.add_key(store)
    outcomes = []
    with store.lock("aa", timeout=5) as transaction:
        thread = threading.Thread(target=lambda: outcomes.append(finished(store)))
        thread.start()
        transaction.save(transaction.read().succeed(lineage="renewed"))
        assert outcomes == []
    thread.join(60)
    assert outcomes[0].failures == ()
    assert store.read("aa").lineage == "renewed"


def test_keys_from_elsewhere_are_not_touched(store, monkeypatch):
    """A variable's keys cannot be changed from here; what they seal can."""
    old = (store.path / "keys").read_text().strip()
    monkeypatch.setenv("OAUTH_AUTH_KEY", f"{old},{new_key().reveal()}")
    other = fresh(store)
    with pytest.raises(ConfigurationError, match="variable"):
        rotation.add_key(other)
    with pytest.raises(ConfigurationError, match="variable"):
        rotation.drop_old_keys(other)
    assert finished(other).done == 6
    monkeypatch.setenv("OAUTH_AUTH_KEY", os.environ["OAUTH_AUTH_KEY"].split(",")[1])
    assert everything(fresh(store)) == WHOLE


def test_keys_given_by_the_program(tmp_path, monkeypatch):
    """So is it with an argument's."""
    monkeypatch.setenv("A_KEY", new_key().reveal())
    store = FileStore(tmp_path / "s", keys=FromEnv("A_KEY"))
    with pytest.raises(ConfigurationError, match="argument"):
        rotation.add_key(store)


def test_a_foreign_key_is_said(store):
    """A record that none of our keys opens is named, and not overwritten."""
    before = (store.path / "records" / "aa").read_bytes()
    (store.path / "keys").write_text(f"{new_key().reveal()}\n")
    outcome = finished(fresh(store))
    assert outcome.done == 0
    assert len(outcome.failures) >= 4
    assert (store.path / "records" / "aa").read_bytes() == before
    with pytest.raises(KeyMismatch):
        fresh(store).read("aa")


def test_a_loose_key_file_is_not_used(store):
    """Others may know its key, so it is to be made private first."""
    (store.path / "keys").chmod(0o644)
    with pytest.raises(TokenStoreError, match="chmod 600"):
        rotation.add_key(fresh(store))
