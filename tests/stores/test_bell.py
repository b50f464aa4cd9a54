"""What waiters of a FileStore listen to: it rings when the holder is done, or dead."""

import errno
import fcntl
import os
import threading
from pathlib import Path

import pytest

from oauth_auth import errors
from oauth_auth.stores import bell
from oauth_auth.stores.file import FileStore
from oauth_auth.testing.store_tools import ID, a_journal, a_mark, a_record, save
from tests.stores.children import Child
from tests.stores.places import place

BELL = f"{ID}.bell"
LIMIT = 20.0

pytestmark = pytest.mark.skipif(
    not hasattr(os, "mkfifo"), reason="Windows has none: waiters look now and then"
)


@pytest.fixture
def store(tmp_path):
    store = FileStore(tmp_path / "store")
    save(store, a_record(1))
    return store


@pytest.fixture
def open_files():
    """Find what this process leaves open."""
    before, known = sorted(Path("/dev/fd").iterdir()), set(bell._open)
    yield
    assert sorted(Path("/dev/fd").iterdir()) == before
    assert bell._open == known


def holder(store):
    """Hold the lock in another process until that is killed."""

    def work(say):
        with store.lock(ID, timeout=0) as transaction:
            transaction.reserve(a_journal(1))
            os.write(say, b"held\n")
            threading.Event().wait(LIMIT)

    child = Child(work)
    assert child.line() == "held"
    return child


def test_it_rings_for_all_when_the_holder_has_saved(store, open_files):
    """Before the lock is free: what they wait for is there."""
    with store.lock(ID, timeout=0) as transaction:
        with store.listen(ID) as first, store.listen(ID) as second:
            assert not first.wait(0)
            transaction.save(a_record(2))
            assert first.wait(LIMIT)
            assert second.wait(LIMIT)
        assert store.read(ID).generation == 2
        assert store.listen(ID) is None


def test_it_rings_when_the_holder_has_marked_a_failure(store, open_files):
    """All who wait fail together."""
    with store.lock(ID, timeout=0) as transaction, store.listen(ID) as listener:
        transaction.mark(a_mark(1))
        assert listener.wait(LIMIT)
        assert store.read(ID).mark == a_mark(1)


def test_it_rings_when_the_holder_lets_go(store, open_files):
    """The lock is free then, and is had at the first try."""
    had = []

    def wait():
        with store.listen(ID) as listener:
            listening.set()
            if listener.wait(LIMIT):
                with store.lock(ID, timeout=0):
                    had.append(True)

    listening = threading.Event()
    thread = threading.Thread(target=wait, daemon=True)
    with store.lock(ID, timeout=0):
        thread.start()
        assert listening.wait(LIMIT)
    thread.join(LIMIT)
    assert had == [True]


def test_its_name_goes_before_the_lock_and_it_rings_after(store, monkeypatch):
    """The next holder's has the same name, and who is woken tries the lock."""
    done = []
    unlock, unlink, close = fcntl.flock, os.unlink, os.close
    with store.lock(ID, timeout=0) as transaction:
        fd = transaction._bell._fd
        monkeypatch.setattr(
            fcntl, "flock", lambda *args: (done.append(args[1]), unlock(*args))[1]
        )
        monkeypatch.setattr(
            os, "unlink", lambda path: (done.append(path), unlink(path))[1]
        )
        monkeypatch.setattr(
            os, "close", lambda each: (done.append(each), close(each))[1]
        )
    of_interest = (place(store, BELL), fcntl.LOCK_UN, fd)
    assert [each for each in done if each in of_interest] == list(of_interest)


def test_it_rings_when_the_holder_is_killed(store, open_files):
    """The kernel rings it; the next holder takes over what was left."""
    child = holder(store)
    with store.listen(ID) as listener:
        assert not listener.wait(0)
        child.kill()
        assert listener.wait(LIMIT)
    assert place(store, BELL).is_fifo()
    assert store.listen(ID) is None
    with store.lock(ID, timeout=0), store.listen(ID) as listener:
        assert not listener.wait(0)
    assert not place(store, BELL).exists()


def test_a_forked_child_of_the_holder_keeps_it_from_nothing(store):
    """It has what its parent had open, and may live for long."""
    reader, writer = os.pipe()

    def live_on():
        os.close(writer)
        os.read(reader, 1)

    with store.lock(ID, timeout=0):
        child = Child(live_on)
        listener = store.listen(ID)
    with listener:
        assert listener.wait(LIMIT)
    os.close(writer)
    child.said()
    os.close(reader)


def test_a_child_closes_nothing_that_is_its_own(store, open_files):
    """A number that was a bell's in the parent may be any file's in the child."""
    with store.lock(ID, timeout=0) as transaction:
        inherited, fd = transaction._bell, transaction._bell._fd

        def work():
            reader, writer = os.pipe()
            os.dup2(reader, fd)
            inherited.ring()
            os.write(writer, b"x")
            return os.read(fd, 1)

        assert Child(work).said() == str(b"x")


def test_nobody_listens_where_nobody_is_at_work(store, open_files):
    """Neither without a holder, nor to what is none."""
    path = place(store, BELL)
    assert store.listen(ID) is None
    path.write_text("a file")
    assert store.listen(ID) is None
    path.unlink()
    with store.lock("another", timeout=0):
        path.symlink_to(place(store, "another.bell"))
        assert store.listen(ID) is None
    path.unlink()
    path.mkdir()
    assert store.listen(ID) is None
    path.rmdir()
    os.mkfifo(path)
    assert store.listen(ID) is None


@pytest.mark.parametrize("planted", ["file", "link", "directory"])
def test_what_has_its_name_is_no_hindrance(store, planted, open_files):
    """Waiters do without, and nothing is written through it."""
    path = place(store, BELL)
    if planted == "file":
        path.write_text("kept")
    elif planted == "link":
        path.symlink_to(store.path / "keys")
    else:
        path.mkdir()
    with store.lock(ID, timeout=0) as transaction:
        assert store.listen(ID) is None
        transaction.save(a_record(2))
    assert store.read(ID).generation == 2
    assert (store.path / "keys").read_bytes()


@pytest.mark.parametrize("failing", ["mkfifo", "open", "unlink", "close"])
def test_whatever_fails_the_holder_goes_on(store, monkeypatch, failing):
    """A full disk, a filesystem without FIFOs, no more files to open."""
    path, failed = place(store, BELL), []

    def fail(target, *args, **kwargs):
        found = real(target, *args, **kwargs) if failing == "close" else None
        if target in {path} | bell._open | closing:
            failed.append(target)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return found if failing == "close" else real(target, *args, **kwargs)

    real, closing = getattr(os, failing), set()
    with monkeypatch.context() as patch:
        patch.setattr(os, failing, fail)
        with store.lock(ID, timeout=0) as transaction:
            if failing == "close":
                closing.add(transaction._bell._fd)
            transaction.save(a_record(2))
    assert failed
    assert store.read(ID).generation == 2
    with store.lock(ID, timeout=0), store.listen(ID) as listener:
        assert not listener.wait(0)


def test_a_new_store_is_new_all_the_same(tmp_path):
    """A FIFO holds nothing that only another key opens."""
    store = FileStore(tmp_path / "store")
    (store.path / "records").mkdir(parents=True, mode=0o700)
    os.mkfifo(place(store, BELL))
    save(store, a_record(1))
    assert store.read(ID) == a_record(1)


def test_a_lock_that_is_not_had_leaves_the_holders_bell(store, open_files):
    """Only the holder makes and removes it."""
    with store.lock(ID, timeout=0), store.listen(ID) as listener:
        with pytest.raises(errors.StoreLocked), store.lock(ID, timeout=0):
            raise AssertionError("two hold it")
        assert not listener.wait(0)
        assert store.listen(ID).__exit__() is None
