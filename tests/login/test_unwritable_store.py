"""A store that cannot keep a login refuses before the person is bothered."""

import signal
import sys
import time

import pytest

from oauth_auth import FileStore, errors
from oauth_auth.login.keep import check_writable
from oauth_auth.stores.base import Journal, Mark
from oauth_auth.stores.keys import new_key
from tests.login.people import app
from tests.stores.children import in_child

KEY, OTHER_KEY = new_key(), new_key()


@pytest.mark.skipif(sys.platform == "win32", reason="file limits are POSIX's")
def test_a_full_disk(server, browser, tmp_path):
    """No browser opens for a login that the disk has no room for."""
    auth = app(server, store=FileStore(tmp_path))
    auth._resolved()

    def work():
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (32 * 1024, 32 * 1024))
        try:
            auth.login()
        except errors.StoreNotWritable as error:
            return f"{error} {browser.opened}"

    assert "File too large" in (said := in_child(work))
    assert said.endswith(" []")
    assert server.counts().authorization_requests == 0
    assert auth.login().access_token


def test_no_directory(server, browser, tmp_path):
    """Nor for one that has no directory to be kept in."""
    store = FileStore(tmp_path / "store")
    auth = app(server, store=store)
    auth._resolved()
    records = tmp_path / "store" / "records"
    for file in records.iterdir():
        file.unlink()
    records.rmdir()
    records.write_text("a file in the directory's place")
    with pytest.raises(errors.TokenStoreError):
        auth.login()
    assert browser.opened == []


def test_a_record_that_cannot_be_opened(server, browser, tmp_path):
    """Nor for one that would replace what other keys have sealed."""
    auth = app(server, store=FileStore(tmp_path, keys=[KEY]))
    auth.login()
    name = auth._resolved().record_id
    newer = FileStore(tmp_path, keys=[KEY, OTHER_KEY])
    with newer.lock(name, timeout=5) as transaction:
        transaction.save(transaction.read().succeed())
    browser.opened.clear()
    with pytest.raises(errors.KeyMismatch):
        app(server, store=FileStore(tmp_path, keys=[KEY])).login()
    assert browser.opened == []


def test_trying_changes_nothing(server, browser, tmp_path):
    """Trying whether the store can be written changes nothing in it."""
    auth = app(server, store=FileStore(tmp_path))
    auth.login()
    source = auth._resolved()
    mark = Mark("hold", 1, time.time(), 60.0, errors.to_facts(errors.LoginFailed("")))
    journal = Journal(1, "somebody's", 1.0, 2.0)
    for change in ("mark", "journal"):
        with source.store.lock(source.record_id, timeout=5) as transaction:
            if change == "mark":
                transaction.mark(mark)
            else:
                transaction.reserve(journal)
            before = transaction.read()
        check_writable(source)
        with source.store.lock(source.record_id, timeout=5) as transaction:
            assert transaction.read() == before
            transaction.mark(None)
