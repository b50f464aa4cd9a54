"""FileStore: who else could read, plant or take away its files."""

import logging
import os
import shutil
import stat
import tempfile
import threading
from pathlib import Path

import pytest

from oauth_auth import errors
from oauth_auth.identity import Identifier
from oauth_auth.stores import disk
from oauth_auth.stores.file import FileStore
from oauth_auth.testing.store_tools import ID, a_journal, a_mark, a_record, save
from tests.stores.children import NOBODY, in_child
from tests.stores.places import LOCK, MARK, NEXT, names, place
from tests.stores.syscalls import NAMES, Syscalls

#: Somebody who is neither root, nor nobody, nor who runs the tests.
STRANGER = 54321
OTHERS = stat.S_IRWXG | stat.S_IRWXO


@pytest.fixture(params=[0o000, 0o002, 0o022], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.fixture
def store(tmp_path):
    return FileStore(tmp_path / "store")


def give_away(path, monkeypatch):
    """Make a file somebody else's, or look so to those who are not root."""
    if os.geteuid() == 0:
        os.chown(path, STRANGER, STRANGER, follow_symlinks=False)
        return
    number = path.lstat().st_ino

    def foreign(real):
        def look(*args, **kwargs):
            found = real(*args, **kwargs)
            if found.st_ino != number:
                return found
            fields = list(found)
            fields[stat.ST_UID] = STRANGER
            return os.stat_result(fields)

        return look

    for name in ("stat", "fstat"):
        monkeypatch.setattr(os, name, foreign(getattr(os, name)))


def everything(store, generation):
    """Do whatever a store does that makes files."""
    Identifier.of(store)
    save(store, a_record(generation))
    with store.lock(ID, timeout=0) as transaction:
        transaction.reserve(a_journal(generation))
        transaction.mark(a_mark(generation, in_doubt=True))
        transaction.save(a_record(generation + 1))
        transaction.mark(a_mark(generation + 1))
    store.claim(f"f{generation}", ID, replaces=f"f{generation - 2}")
    place(store).write_bytes(b"damaged")
    with store.lock(ID, timeout=0) as transaction:
        transaction.save(a_record(generation + 2))


def test_no_file_is_open_to_others_when_it_is_made(umask, monkeypatch, tmp_path):
    """Files are 0600 and directories 0700 from birth, whatever the umask (M89)."""
    loose, made = [], set()

    def watch(name, path, result):
        if name in ("open", "mkdir"):
            made.add(path.name)
        if name in ("open", "mkdir", "fchmod"):
            mode = path.lstat().st_mode
            if mode & OTHERS:
                loose.append((name, path, oct(mode)))

    calls = Syscalls(monkeypatch, tmp_path, (*NAMES, "fchmod"))
    calls.watch = watch
    everything(FileStore(tmp_path / "store"), 1)
    assert not loose
    assert {"store", "records", "claims", ".keys.new", "keys.lock", LOCK} <= made
    assert {
        NEXT,
        f".{MARK}.new",
        f".{ID}.new",
        "id-key.next",
        "id-key-copy.next",
    } <= made


def test_no_file_is_open_to_others_at_any_instant(umask, tmp_path):
    """A watcher of the directory never sees a looser mode as files come and go. M89."""
    store = FileStore(tmp_path / "store")
    loose, seen = set(), set()
    ended = threading.Event()

    def look():
        for folder, _, found in os.walk(store.path):
            for name in (".", *found):
                path = Path(folder, name)
                try:
                    mode = path.lstat().st_mode
                except FileNotFoundError:
                    continue
                seen.add(name.split(".")[-1])
                if mode & OTHERS:
                    loose.add((str(path), oct(mode)))

    def watch():
        while not ended.is_set():
            look()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for generation in range(1, 46, 3):
            everything(store, generation)
    finally:
        ended.set()
        watcher.join()
    look()
    assert not loose
    assert {"keys", "lock", "mark"} <= seen
    assert any(name.startswith("corrupt-") for name in seen)


def test_a_loose_file_is_tightened_and_said(store, caplog):
    """It is sealed, but others could read it: find out what loosened it. M89."""
    save(store, a_record(1))
    place(store).chmod(0o644)
    with caplog.at_level(logging.WARNING, "oauth_auth"):
        assert store.read(ID) == a_record(1)
    assert stat.S_IMODE(place(store).stat().st_mode) == 0o600
    assert str(place(store)) in caplog.text
    assert "0644" in caplog.text
    assert "is now mode 0600" in caplog.text
    caplog.clear()
    store.read(ID)
    assert not caplog.records


def test_a_loose_file_on_a_read_only_mount_is_read(store, caplog, monkeypatch):
    """Where its mode cannot be changed, that is said, and the record is used."""

    def refuse(fd, mode):
        raise OSError(30, "Read-only file system")

    save(store, a_record(1))
    place(store).chmod(0o640)
    monkeypatch.setattr(os, "fchmod", refuse)
    with caplog.at_level(logging.WARNING, "oauth_auth"):
        assert store.read(ID) == a_record(1)
    assert "stays so (Read-only file system)" in caplog.text


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_loose_key_file_is_refused(store, mode):
    """Whoever could read the key may have it, which tightening would only hide."""
    save(store, a_record(1))
    keys = store.path / "keys"
    keys.chmod(mode)
    with pytest.raises(errors.TokenStoreError) as caught:
        FileStore(store.path).read(ID)
    assert f"chmod 600 {keys}" in str(caught.value)
    assert "oauth-auth keys rotate" in str(caught.value)
    assert stat.S_IMODE(keys.stat().st_mode) == mode
    keys.chmod(0o600)
    assert FileStore(store.path).read(ID) == a_record(1)


def turn(store):
    with store.lock(ID, timeout=0) as transaction:
        record = transaction.read()
        transaction.reserve(a_journal(record.generation))
        transaction.mark(a_mark(record.generation, in_doubt=True))
        transaction.save(a_record(record.generation + 1))


@pytest.mark.parametrize("name", [ID, NEXT, MARK, LOCK, "../keys", "../keys.lock"])
def test_a_planted_symlink_is_refused_and_its_target_untouched(store, tmp_path, name):
    """In place of a file a link makes us read, write or lock somebody's file. M90."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    if name == "../keys.lock":
        store.path.mkdir(mode=0o700)
    else:
        turn(store)
    planted = Path(os.path.normpath(place(store, name)))
    planted.unlink(missing_ok=True)
    planted.symlink_to(victim)
    fresh = FileStore(store.path)
    with pytest.raises(errors.TokenStoreError) as caught:
        turn(fresh)
    assert str(planted) in str(caught.value)
    assert "remove it" in str(caught.value)
    assert victim.read_bytes() == b"precious"
    planted.unlink()
    if name != "../keys":
        turn(fresh)


def test_a_planted_symlink_at_a_claim_is_refused(store, tmp_path):
    """Claims are looked up and set like records."""
    store.claim("f1", ID)
    (store.path / "claims" / "f1").unlink()
    (store.path / "claims" / "f1").symlink_to(tmp_path / "victim")
    for record_id in (None, ID):
        with pytest.raises(errors.TokenStoreError, match="symbolic link"):
            store.claim("f1", record_id)
    assert not (tmp_path / "victim").exists()


@pytest.mark.parametrize("name", [ID, NEXT, MARK])
def test_what_is_no_plain_file_is_refused(store, name):
    """A fifo would block its reader for ever, and a directory is no record."""
    turn(store)
    for make in (os.mkfifo, os.mkdir):
        path = place(store, name)
        path.unlink(missing_ok=True)
        make(path)
        with pytest.raises(errors.TokenStoreError, match="is not a plain file"):
            turn(store)
        path.rmdir() if path.is_dir() else path.unlink()


def test_a_symlinked_directory_is_written_through(tmp_path):
    """People link their state directory to another disk."""
    real = tmp_path / "real"
    real.mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(real)
    linked = FileStore(tmp_path / "link")
    turn(linked)
    (real / "records").rename(tmp_path / "elsewhere")
    (real / "records").symlink_to(tmp_path / "elsewhere")
    turn(linked)
    assert (tmp_path / "elsewhere" / ID).is_file()
    assert FileStore(real).read(ID) == a_record(2)


@pytest.mark.parametrize("name", [ID, NEXT, MARK, "../keys"])
def test_a_foreign_file_is_refused_with_its_owner_and_the_remedy(
    store, monkeypatch, name
):
    """A run with sudo leaves such files; endless renewals would follow (M86)."""
    turn(store)
    with store.lock(ID, timeout=0) as transaction:
        transaction.reserve(a_journal(1))
        transaction.mark(a_mark(1, in_doubt=True))
    path = Path(os.path.normpath(place(store, name)))
    give_away(path, monkeypatch)
    with pytest.raises(errors.TokenStoreError) as caught:
        turn(FileStore(store.path))
    assert f"{path} belongs to user id {STRANGER}" in str(caught.value)
    assert f"chown {os.geteuid()} {path}" in str(caught.value)


@pytest.mark.parametrize("name", ["", "records"])
def test_a_foreign_directory_is_refused(store, monkeypatch, name):
    """Its owner could replace what is kept there."""
    turn(store)
    give_away(store.path / name, monkeypatch)
    with pytest.raises(errors.TokenStoreError) as caught:
        turn(store)
    assert f"belongs to user id {STRANGER}" in str(caught.value)
    assert f"chown -R {os.geteuid()} {store.path / name}" in str(caught.value)


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o1777])
def test_a_directory_that_others_can_write_to_is_refused(store, mode):
    """They could put their files in place of ours."""
    turn(store)
    (store.path / "records").chmod(mode)
    with pytest.raises(errors.TokenStoreError) as caught:
        turn(store)
    assert f"chmod 700 {store.path / 'records'}" in str(caught.value)
    (store.path / "records").chmod(0o755)
    turn(store)


def test_a_foreign_lock_file_is_refused(store, monkeypatch):
    """Its owner could hold the lock for ever; root alone can make this real."""
    turn(store)
    if os.geteuid() != 0:
        give_away(place(store), monkeypatch)
        with pytest.raises(errors.TokenStoreError, match="belongs to user id"):
            store.read(ID)
        return

    def work():
        try:
            turn(FileStore(place_of_nobody / "store"))
        except errors.StoreNotWritable as error:
            return error

    place_of_nobody = Path(tempfile.mkdtemp())
    try:
        os.chown(place_of_nobody, NOBODY, NOBODY)
        assert in_child(work, unprivileged=True) == ""
        lock = place_of_nobody / "store" / "records" / LOCK
        os.chown(lock, 0, 0)
        said = in_child(work, unprivileged=True)
    finally:
        shutil.rmtree(place_of_nobody)
    assert f"{lock} cannot be written: Permission denied; check owner and mode" in said


def test_a_read_only_directory_is_read_and_refuses_to_be_written(tmp_path):
    """A mount that cannot keep a rotated refresh token must not spend one (M14)."""
    turn(FileStore(tmp_path))  # loads modules, which nobody may not be able to

    def work():
        store = FileStore(home / "store")
        turn(store)
        store.claim("f1", ID)
        for directory in (store.path / "records", store.path / "claims", store.path):
            directory.chmod(0o500)
        said = []
        for attempt in (lambda: turn(store), lambda: store.claim("f2", ID)):
            try:
                attempt()
            except errors.StoreNotWritable as error:
                said.append(str(error))
        with store.lock(ID, timeout=0) as transaction:
            try:
                transaction.reserve(a_journal(1))
            except errors.StoreNotWritable as error:
                said.append(str(error))
        fresh = FileStore(store.path)
        assert fresh.read(ID) == a_record(1)
        assert fresh.claim("f1") == ID
        try:
            save(FileStore(home / "store" / "new"), a_record(1))
        except errors.StoreNotWritable as error:
            said.append(str(error))
        for directory in (store.path, store.path / "records", store.path / "claims"):
            directory.chmod(0o700)
        return "\n".join(said)

    home = Path(tempfile.mkdtemp())
    try:
        if os.geteuid() == 0:
            os.chown(home, NOBODY, NOBODY)
        said = in_child(work, unprivileged=True).splitlines()
    finally:
        shutil.rmtree(home)
    denied = "cannot be written: Permission denied; check owner and mode, or point"
    places = ["records/" + NEXT, "claims/f2", "records/" + NEXT, "new"]
    assert len(said) == len(places)
    for line, name in zip(said, places, strict=True):
        assert line.startswith(f"{home / 'store' / name} {denied}")
        assert "OAUTH_AUTH_HOME" in line


def test_a_directory_that_cannot_be_listed_is_named(store):
    """A file where the directory should be is said with its path."""
    store.path.mkdir(mode=0o700)
    (store.path / "records").write_text("no directory")
    with pytest.raises(errors.TokenStoreError) as caught:
        list(store.records())
    assert str(store.path / "records") in str(caught.value)
    with pytest.raises(errors.StoreNotWritable) as caught:
        turn(store)
    assert str(store.path / "records") in str(caught.value)


def test_the_store_of_a_system_without_owners_works(store, monkeypatch):
    """Windows has no user ids, no modes and no O_NOFOLLOW."""
    monkeypatch.delattr(os, "geteuid")
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    for name in ("_CLOEXEC", "_NOFOLLOW", "_NONBLOCK"):
        monkeypatch.setattr(disk, name, 0)
    turn(store)
    assert store.read(ID) == a_record(1)
    assert names(store) == [ID, LOCK]
