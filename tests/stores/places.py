"""Where a FileStore keeps the files of the record that the tests use."""

import os

import pytest

from oauth_auth import errors
from oauth_auth.testing.store_tools import ID, a_journal, a_record

NEXT, MARK, LOCK = f"{ID}.next", f"{ID}.mark", f"{ID}.lock"


def place(store, name=ID):
    """Return the path of the record's own file, or of one beside it."""
    return store.path / "records" / name


def names(store, directory="records"):
    """Return the names of all files there, but for what waiters listen to.

    That is there as long as a lock is held; see test_bell.
    """
    found = (path.name for path in (store.path / directory).iterdir())
    return sorted(name for name in found if not name.endswith(".bell"))


def answer_of_a_dead_writer(store, monkeypatch):
    """Leave what a writer leaves that is killed just before the rename."""
    with monkeypatch.context() as patch:
        with store.lock(ID, timeout=0) as transaction:
            transaction.reserve(a_journal(1))
            patch.setattr(os, "replace", killed)
            with pytest.raises(errors.StoreNotWritable):
                transaction.save(a_record(2))
    return place(store, NEXT).read_bytes()


def killed(*args):
    """Stand in for a system call that its caller does not live to make."""
    raise OSError("killed")
