"""FileStore on a full, failing or read-only disk: each system call fails in turn."""

import errno
import os

import pytest

from oauth_auth import errors
from oauth_auth.stores.file import FileStore
from oauth_auth.testing.store_tools import ID, a_journal, a_mark, a_record, save
from tests.stores.places import LOCK, MARK, NEXT, names
from tests.stores.syscalls import Syscalls

#: What each failure's error tells the user to do.
REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "the quota is used up",
    errno.EIO: "check the disk",
    errno.EROFS: "read-only",
}
OLD, NEW = a_record(1), a_record(2)


@pytest.fixture
def calls(monkeypatch, tmp_path):
    return Syscalls(monkeypatch, tmp_path)


def failing(calls, tmp_path, prepare, act, failure):
    """Run `act` on a fresh store as often as it has calls, another failing each time.

    Yields the store, its open transaction, the failing call and the error, if any.
    """
    step = 0
    while True:
        store = FileStore(tmp_path / f"{failure}-{step}")
        save(store, OLD)
        with store.lock(ID, timeout=0) as transaction:
            prepare(transaction)
            calls.start(step, failure)
            error = None
            try:
                act(transaction)
            except errors.OAuthAuthError as raised:
                error = raised
            seen = list(calls.calls)
            calls.start()
            if step >= len(seen):
                assert error is None
                assert step > 3, "no call was made to fail"
                return
            yield store, transaction, seen[step], error
        step += 1


def check_error(error, store, failure):
    """The error names the place, what happened and what to do."""
    assert isinstance(error, errors.TokenStoreError)
    assert str(store.path) in str(error)
    assert os.strerror(failure) in str(error)
    if isinstance(error, errors.StoreNotWritable):
        assert REMEDIES[failure] in str(error)
    else:
        assert "cannot be read" in str(error)
    assert error.__cause__ is None
    assert "access" not in str(error)


@pytest.mark.parametrize("failure", REMEDIES)
def test_a_reserve_fails_before_anything_is_spent(calls, tmp_path, failure):
    """Whatever fails in it, there is no journal, the record is whole, and it retries.

    The caller may then be sure that the refresh token can be spent later.
    """

    def reserve(transaction):
        transaction.reserve(a_journal(1))

    harmless = set()
    for store, transaction, call, error in failing(
        calls, tmp_path, lambda t: None, reserve, failure
    ):
        if error is None:
            harmless.add(call)
            assert transaction.read().journal == a_journal(1)
            continue
        check_error(error, store, failure)
        assert transaction.read() == OLD
        assert store.read(ID) == OLD
        if call != ("unlink", NEXT):
            assert NEXT not in names(store), "half a reservation fills the disk"
        transaction.reserve(a_journal(1))
        transaction.save(NEW)
        assert store.read(ID) == NEW
    assert harmless <= {("close", ID), ("close", NEXT)}


@pytest.mark.parametrize("failure", REMEDIES)
@pytest.mark.parametrize("reserved", [True, False])
def test_a_failed_save_leaves_a_whole_record_and_is_tried_again(
    calls, tmp_path, failure, reserved
):
    """The old record stays readable until the new one is in place; a retry succeeds.

    M83.
    """

    def prepare(transaction):
        transaction.mark(a_mark(1))
        if reserved:
            transaction.read()
            transaction.reserve(a_journal(1))

    harmless = set()
    for store, transaction, call, error in failing(
        calls, tmp_path, prepare, lambda t: t.save(NEW), failure
    ):
        if error is None:
            harmless.add(call)
            assert store.read(ID) == NEW
            continue
        check_error(error, store, failure)
        # After the rename only the directory is touched.
        after = call[1] == "records" and call[0] in ("open", "fsync", "close")
        assert store.read(ID) == (NEW if after else OLD._replace(mark=a_mark(1)))
        transaction.save(NEW)
        assert store.read(ID) == NEW
        assert names(store) == [ID, LOCK]
        with pytest.raises(errors.StoreConflict):
            transaction.save(NEW)
    assert harmless == {("close", ID), ("unlink", MARK)}


@pytest.mark.parametrize("failure", REMEDIES)
def test_another_worker_finds_what_a_failed_save_left(calls, tmp_path, failure):
    """If its writer gives up after a failed save, the next one goes on from it.

    Either from the answer, or from the journal, which says that it may be lost.
    """
    rolled_forward = 0
    for store, transaction, _, error in failing(
        calls,
        tmp_path,
        lambda t: t.reserve(a_journal(1)),
        lambda t: t.save(NEW),
        failure,
    ):
        if error is None:
            continue
        transaction.__exit__(None, None, None)
        with FileStore(store.path).lock(ID, timeout=0) as other:
            found = other.read()
            assert found in (NEW, OLD._replace(journal=a_journal(1)))
            rolled_forward += found == NEW
            assert FileStore(store.path).read(ID) == found._replace(journal=None)
        transaction.__enter__()
    assert rolled_forward > 3


@pytest.mark.parametrize("failure", REMEDIES)
def test_a_mark_that_cannot_be_written_is_an_error_and_no_more(
    calls, tmp_path, failure
):
    """The record is untouched, and marking again succeeds."""
    harmless = set()
    for store, transaction, call, error in failing(
        calls,
        tmp_path,
        lambda t: t.reserve(a_journal(1)),
        lambda t: t.mark(a_mark(1)),
        failure,
    ):
        if error is None:
            harmless.add(call)
        else:
            check_error(error, store, failure)
            assert store.read(ID) == OLD
        transaction.mark(a_mark(1))
        assert transaction.read() == OLD._replace(mark=a_mark(1))
        assert names(store) == [ID, LOCK, MARK]
    assert harmless <= {("close", ID), ("close", NEXT)}


@pytest.mark.parametrize("failure", REMEDIES)
def test_a_lock_that_cannot_be_made_is_not_writable(calls, tmp_path, failure):
    """Whatever fails before the lock is held names the place, and frees the lock."""
    step = 0
    while True:
        store = FileStore(tmp_path / f"{step}")
        attempt = store.lock(ID, timeout=0)
        calls.start(step, failure)
        error = None
        try:
            attempt.__enter__()
        except errors.OAuthAuthError as raised:
            error = raised
        if error is not None:
            check_error(error, store, failure)
            assert isinstance(error, errors.StoreNotWritable)
        else:
            attempt.__exit__(None, None, None)
            if step >= len(calls.calls):
                break
        calls.start()
        with attempt:
            pass
        step += 1
    assert step >= 3


@pytest.mark.parametrize("failure", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_filesystem_without_locks_is_said_and_never_replaced(
    monkeypatch, tmp_path, failure
):
    """No lock that merely exists takes the place of a kernel lock (M88)."""
    import fcntl

    def flock(fd, operation):
        raise OSError(failure, os.strerror(failure))

    store = FileStore(tmp_path / "store")
    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(errors.StoreNotWritable) as caught:
        store.lock(ID, timeout=0).__enter__()
    assert str(store.path / "records") in str(caught.value)
    assert "cannot lock files" in str(caught.value)
    assert "OAUTH_AUTH_HOME" in str(caught.value)


@pytest.mark.parametrize("times", [1, 2])
def test_a_lock_that_cannot_be_freed_costs_nothing(
    monkeypatch, tmp_path, caplog, times
):
    """What was saved counts: it is tried again, and then said rather than raised.

    Network filesystems may fail so. M88.
    """
    import fcntl

    real, left = fcntl.flock, [errno.EIO] * times

    def flock(fd, operation):
        if operation == fcntl.LOCK_UN and left:
            raise OSError(left.pop(), "Input/output error")
        real(fd, operation)

    store = FileStore(tmp_path / "store")
    attempt = store.lock(ID, timeout=0)
    transaction = attempt.__enter__()
    transaction.save(OLD)
    monkeypatch.setattr(fcntl, "flock", flock)
    attempt.__exit__(None, None, None)
    assert not left
    if times == 1:
        assert not caplog.records
    else:
        (said,) = caplog.records
        assert (
            f"{store.path / 'records' / LOCK} cannot be unlocked" in said.getMessage()
        )
        assert "Input/output error" in said.getMessage()
        del attempt, transaction  # closes the file, by which the kernel frees it
    with FileStore(store.path).lock(ID, timeout=0) as other:
        assert other.read() == OLD


@pytest.mark.parametrize("failure", REMEDIES)
def test_a_claim_that_cannot_be_written_keeps_the_old_one(calls, tmp_path, failure):
    """A claim is replaced as a whole, or not at all."""
    step = 0
    while True:
        store = FileStore(tmp_path / f"{step}")
        assert store.claim("f1", "old") == "old"
        calls.start(step, failure)
        try:
            store.claim("f1", "new")
        except errors.OAuthAuthError as error:
            made = calls.calls[step]
            calls.start()
            check_error(error, store, failure)
            after = made[1] == "claims" and made[0] in ("open", "fsync", "close")
            assert store.claim("f1") == ("new" if after else "old")
        else:
            if step >= len(calls.calls):
                break
        calls.start()
        assert store.claim("f1", "new") == "new"
        assert names(store, "claims") == ["f1"]
        step += 1
    assert step > 5


def test_what_is_written_is_on_disk_before_it_counts(calls, tmp_path):
    """Write, sync the file, rename, sync the directory: in this order (M84)."""
    store = FileStore(tmp_path / "store")
    save(store, OLD)
    with store.lock(ID, timeout=0) as transaction:
        transaction.read()
        for reserved in (True, False):
            if reserved:
                calls.start()
                transaction.reserve(a_journal(1))
                assert calls.calls[-8:] == [
                    ("write", f".{NEXT}.new"),
                    ("close", f".{NEXT}.new"),
                    ("replace", f".{NEXT}.new"),
                    ("open", NEXT),
                    ("fsync", NEXT),
                    ("open", "records"),
                    ("fsync", "records"),
                    ("close", "records"),
                ]
            calls.start()
            transaction.save(a_record(2 if reserved else 3))
            written = calls.calls
            durable = written[written.index(("write", NEXT)) :]
            assert durable[-9:-1] == [
                ("write", NEXT),
                ("ftruncate", NEXT),
                ("fsync", NEXT),
                ("close", NEXT),
                ("replace", NEXT),
                ("open", "records"),
                ("fsync", "records"),
                ("close", "records"),
            ]
    calls.start()
    store.claim("f1", ID)
    made = [call for call, _ in calls.calls]
    assert made[-7:] == [
        "write",
        "fsync",
        "close",
        "replace",
        "open",
        "fsync",
        "close",
    ]


def test_a_rolled_forward_answer_is_synced_anew(calls, tmp_path):
    """Its writer may have died before the sync, or failed to sync.

    After a failed sync the pages count as clean, so they are written once more.
    """
    store = FileStore(tmp_path / "store")
    save(store, OLD)
    with store.lock(ID, timeout=0) as transaction:
        transaction.reserve(a_journal(1))
        calls.start(("fsync", NEXT), errno.EIO)
        with pytest.raises(errors.StoreNotWritable):
            transaction.save(NEW)
        calls.start()
        assert transaction.read() == NEW
    made = calls.calls[calls.calls.index(("write", NEXT)) :]
    assert made[:6] == [
        ("write", NEXT),
        ("fsync", NEXT),
        ("close", NEXT),
        ("replace", NEXT),
        ("open", "records"),
        ("fsync", "records"),
    ]


@pytest.mark.parametrize("failure", REMEDIES)
def test_an_answer_that_cannot_be_rolled_forward_stays(calls, tmp_path, failure):
    """Whatever fails, the answer is not lost, and the next attempt puts it in place."""

    def leave_an_answer(transaction):
        transaction.reserve(a_journal(1))
        calls.start(("replace", NEXT), failure)
        with pytest.raises(errors.StoreNotWritable):
            transaction.save(NEW)

    for store, transaction, _, error in failing(
        calls, tmp_path, leave_an_answer, lambda t: t.read(), failure
    ):
        if error is not None:
            check_error(error, store, failure)
        assert store.read(ID) in (OLD, NEW)
        assert transaction.read() == NEW
        assert store.read(ID) == NEW
        assert names(store) == [ID, LOCK]


def test_a_close_that_fails_at_the_end_is_no_error(calls, tmp_path):
    """Nothing that counts is in that file, and the lock must become free."""
    store = FileStore(tmp_path / "store")
    with store.lock(ID, timeout=0) as transaction:
        transaction.reserve(a_journal(0))
        calls.start(("close", NEXT), errno.EIO)
    assert calls.calls[0] == ("close", NEXT)
    calls.start()
    with store.lock(ID, timeout=0) as transaction:
        assert transaction.read().journal == a_journal(0)
