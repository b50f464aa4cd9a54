"""One login for all workers that need it: one person, one browser window. M98e."""

import collections
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from oauth_auth import FileStore, MemoryStore, errors
from oauth_auth.login import interactive
from oauth_auth.login.interactive import log_in_once, logged_in_since
from oauth_auth.login.waiting import GivenUp, Waiting
from oauth_auth.login.ways import Way
from tests.login.people import app, token_requests
from tests.processes.starting import LOADED
from tests.testing.talk import until

BROWSE = Path(__file__).with_name("browse.py")


@pytest.fixture(autouse=True)
def _look_often(monkeypatch):
    monkeypatch.setattr(interactive, "_LOOK", 0.005)


@pytest.fixture
def busy(browser):
    """Keep the person busy until `busy.done()`; `busy.since` says when one began."""

    class Busy:
        since = threading.Event()
        go_on = threading.Event()

        def done(self):
            self.go_on.set()

    busy = Busy()

    def wait(url):
        busy.since.set()
        busy.go_on.wait(30)
        return url

    browser.answer = wait
    yield busy
    busy.done()


def outcome(auth):
    try:
        return auth.login(show=lambda url: None).access_token
    except errors.OAuthAuthError as error:
        return type(error).__name__


def crowd(auths, busy, waiting_for=None):
    """Have all log in while the first one's person is busy; return what came."""
    with ThreadPoolExecutor(len(auths)) as pool:
        first = pool.submit(outcome, auths[0])
        assert busy.since.wait(30)
        others = [pool.submit(outcome, auth) for auth in auths[1:]]
        if waiting_for is not None:
            waiting_for()
        busy.done()
        return [each.result(60) for each in (first, *others)]


@pytest.fixture
def arrivals(monkeypatch):
    """Count the workers that have found the login lock taken."""
    counts = collections.Counter()
    honest = Waiting.sleep

    def sleep(self, seconds):
        counts[id(self)] += 1
        honest(self, seconds)

    monkeypatch.setattr(Waiting, "sleep", sleep)
    return counts


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_threads(server, browser, busy, arrivals, tmp_path, kind):
    """Of many threads one opens a browser, and all have its token. M98e."""
    store = MemoryStore() if kind == "memory" else FileStore(tmp_path)
    auths = [app(server, store=store) for _ in range(8)]
    tokens = crowd(auths, busy, lambda: until(lambda: len(arrivals) == 7))
    assert len(browser.opened) == 1
    assert len(set(tokens)) == 1
    assert token_requests(server) == 1


def test_a_refusal_is_for_all(server, browser, busy, arrivals):
    """When the person says no, nobody who waited asks again."""
    server.configure(authorization_error="access_denied")
    store = MemoryStore()
    auths = [app(server, store=store) for _ in range(4)]
    said = crowd(auths, busy, lambda: until(lambda: len(arrivals) == 3))
    assert said == ["AccessDeniedError"] * 4
    assert len(browser.opened) == 1


def test_after_a_refusal(server, browser):
    """Who asks anew after a refusal is asked anew."""
    server.configure(authorization_error="access_denied")
    auth = app(server)
    assert outcome(auth) == "AccessDeniedError"
    assert outcome(auth) == "AccessDeniedError"
    server.configure(authorization_error=None)
    assert outcome(auth) == auth.access_token()
    assert len(browser.opened) == 3
    name = f"{auth._resolved().record_id}-login"
    assert auth._store.read(name).mark is None, "what is past is forgotten"


def test_a_person_who_logs_in_again(server, browser):
    """A login that was finished before this one was asked for is not its result."""
    auth = app(server)
    assert outcome(auth) != outcome(auth)
    assert len(browser.opened) == 2


def test_a_login_that_ends_just_before_the_lock_is_free(server, browser):
    """Who gets the lock looks once more before the person is asked again."""
    auth = app(server)
    source = auth._resolved()
    honest = logged_in_since(source)

    def found():
        # The other worker finishes between this look and the lock.
        held = honest()
        if not browser.opened:
            outcome(app(server, store=auth._store))
        return held

    way = Way(lambda: pytest.fail("a second browser"), 60.0)
    held = log_in_once(source, way, found, waiting=Waiting())
    assert held.token == auth.token()
    assert len(browser.opened) == 1


def test_a_renewal_is_no_login(server, busy, arrivals):
    """Who waits for a login is not content with a renewal of the one before."""
    store = MemoryStore()
    busy.done()
    auth = app(server, store=store)
    auth.login(show=lambda url: None)
    busy.since.clear()
    busy.go_on.clear()

    def renew():
        until(lambda: len(arrivals) == 1)
        renewed.append(auth.renew().access_token)
        seen = sum(arrivals.values())
        until(lambda: sum(arrivals.values()) > seen + 2)

    renewed = []
    tokens = crowd([auth, app(server, store=store)], busy, renew)
    assert len(set(tokens)) == 1
    assert tokens[0] not in renewed


def test_renewals_go_on_while_a_person_is_busy(server, busy):
    """A login that still lives is renewed while somebody logs in anew."""
    store = MemoryStore()
    busy.done()
    auth = app(server, store=store)
    auth.login(show=lambda url: None)
    busy.since.clear()
    busy.go_on.clear()
    with ThreadPoolExecutor(1) as pool:
        login = pool.submit(outcome, auth)
        assert busy.since.wait(30)
        for _ in range(3):
            auth.renew()
        busy.done()
        token = login.result(60)
    assert auth.access_token() == token
    assert auth.renew().access_token != token
    counts = server.counts()
    assert counts.refreshes_granted == 4
    assert counts.families_revoked == 0


def test_impatience(server, busy, monkeypatch):
    """Another worker's login that does not end is named after a while."""
    monkeypatch.setattr("oauth_auth.login.ways._MORE", 0.0)
    store = MemoryStore()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(outcome, app(server, store=store))
        assert busy.since.wait(30)
        with pytest.raises(errors.StoreLocked, match="another worker's login"):
            app(server, store=store).login(timeout=0.02)
        busy.done()
        first.result(60)


def test_a_waiter_leaves(server, busy):
    """A login that is given up while it waits for another one just ends."""
    store = MemoryStore()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(outcome, app(server, store=store))
        assert busy.since.wait(30)
        source = app(server, store=store)._resolved()
        waiting = Waiting()
        threading.Timer(0.02, waiting.give_up).start()
        way = Way(lambda: pytest.fail("a second browser"), 60.0)
        with pytest.raises(GivenUp):
            log_in_once(source, way, logged_in_since(source), waiting=waiting)
        busy.done()
        first.result(60)


def test_an_accident_leaves_no_lock(server, browser):
    """A login that breaks lets the next one begin."""
    auth = app(server)
    source = auth._resolved()

    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        log_in_once(source, Way(fail, 1.0), logged_in_since(source), waiting=Waiting())
    assert outcome(auth) == auth.access_token()


def test_no_word_can_be_left(server, monkeypatch):
    """A store that cannot keep word of a failure does not hide the failure."""
    server.configure(authorization_error="access_denied")
    auth = app(server)
    source = auth._resolved()
    honest = type(source.store).lock

    def lock(self, record_id, *, timeout):
        transaction = honest(self, record_id, timeout=timeout)
        if record_id.endswith("-login"):
            transaction.mark = unwritable
        return transaction

    def unwritable(mark):
        raise errors.StoreNotWritable("full")

    monkeypatch.setattr(type(source.store), "lock", lock)
    with pytest.raises(errors.AccessDeniedError):
        auth.login()


def _worker(server, path, waits, outcomes):
    honest = Waiting.sleep

    def sleep(self, seconds):
        waits.release()
        honest(self, seconds)

    Waiting.sleep = sleep
    outcomes.put(outcome(app(server, store=FileStore(path))))


class TestProcesses:
    @pytest.fixture
    def run(self, server, tmp_path, monkeypatch):
        """Return a function that has processes log in at once.

        The person is busy until all others are waiting.
        """
        log, go = tmp_path / "opened", tmp_path / "go"
        command = f"{sys.executable} {BROWSE} {log} {go} %s &"
        monkeypatch.setenv("BROWSER", command)

        def run(processes):
            waits = [LOADED.Semaphore(0) for _ in range(processes)]
            outcomes = LOADED.SimpleQueue()
            workers = [
                LOADED.Process(
                    target=_worker, args=(server, tmp_path / "store", wait, outcomes)
                )
                for wait in waits
            ]
            for worker in workers:
                worker.start()
            until(lambda: sum(wait.get_value() > 0 for wait in waits) == processes - 1)
            go.touch()
            said = [outcomes.get() for _ in workers]
            for worker in workers:
                worker.join(60)
                assert worker.exitcode == 0
            assert len(log.read_text().splitlines()) == 1
            return said

        return run

    def test_one_browser(self, server, run):
        """Of several processes one opens a browser, and all have its token. M98e."""
        tokens = run(3)
        assert len(set(tokens)) == 1
        assert tokens[0] not in ("LoginFailed", "StoreLocked")
        assert token_requests(server) == 1

    def test_one_refusal(self, server, run):
        """The person's no reaches the other processes, too."""
        server.configure(authorization_error="access_denied")
        assert run(2) == ["AccessDeniedError"] * 2
