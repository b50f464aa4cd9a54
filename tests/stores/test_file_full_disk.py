"""FileStore: a full disk is met before the refresh token is spent, not after it."""

import errno
import os

from oauth_auth import errors
from oauth_auth.stores.file import FileStore
from oauth_auth.testing.store_tools import ID, a_journal, a_record, save
from oauth_auth.token import Token
from tests.stores.children import in_child
from tests.stores.places import NEXT, names, place

OLD, NEW = a_record(1), a_record(2)


def test_the_room_for_the_answer_is_reserved(tmp_path):
    """After a reserve an answer of 40 KB needs no free block, since it has them."""
    store = FileStore(tmp_path / "store")
    save(store, OLD)
    with store.lock(ID, timeout=0) as transaction:
        transaction.reserve(a_journal(1))
        held = place(store, NEXT).stat()
        assert held.st_blocks * 512 >= 64 * 1024
        big = NEW._replace(token=Token("a" * 100_000, obtained_at=1.0))
        transaction.save(big)
        assert place(store).stat().st_size > 100_000
        transaction.reserve(a_journal(2))
        held = place(store, NEXT).stat()
        assert held.st_size > 200_000, "the next answer may be as large as this one"


def test_room_is_written_where_it_cannot_be_allocated(monkeypatch, tmp_path):
    """Without posix_fallocate the room is made of zeros, which take real blocks."""

    def unsupported(fd, offset, size):
        raise OSError(errno.ENOTSUP, "not supported")

    monkeypatch.setattr(os, "posix_fallocate", unsupported)
    for path in (tmp_path / "refused", tmp_path / "absent"):
        store = FileStore(path)
        with store.lock(ID, timeout=0) as transaction:
            transaction.reserve(a_journal(0))
            held = place(store, NEXT).stat()
            assert held.st_blocks * 512 >= 64 * 1024
            transaction.save(OLD)
        assert store.read(ID) == OLD
        monkeypatch.delattr(os, "posix_fallocate", raising=False)


def test_a_full_disk_is_met_before_the_refresh_token_is_spent(monkeypatch, tmp_path):
    """With a real limit, that of a file's size: nothing is spent, nothing is lost."""
    store = FileStore(tmp_path / "store")
    save(store, OLD)

    def work():
        import resource
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (32 * 1024, 32 * 1024))
        with store.lock(ID, timeout=0) as transaction:
            try:
                transaction.reserve(a_journal(1))
            except errors.StoreNotWritable as error:
                return f"{error} {names(store)} {transaction.read() == OLD}"

    said = in_child(work)
    assert os.strerror(errno.EFBIG) in said
    assert said.endswith(f"{[ID, f'{ID}.lock']} True")
    assert store.read(ID) == OLD
