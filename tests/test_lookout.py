"""Waiting for a record: who looks when, and what must not be missed."""

import threading
import time

import pytest

from oauth_auth import FileStore, errors, lookout
from oauth_auth.flight import Flight
from oauth_auth.lookout import Lookout
from oauth_auth.stores.file_transaction import FileTransaction
from tests.fake_server import FakeServer
from tests.test_renewal import expire, machine

LIMIT = 20.0
#: Longer than any test waits.
NEVER = (1e6, 1e6)


class Time:
    """Plays the module `time`: sleeping is what makes it go on."""

    def __init__(self):
        self.now = 0.0
        self.slept = []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        assert self.now < 100.0, "it waits for ever"
        self.now += seconds
        self.slept.append(seconds)


@pytest.fixture
def played(monkeypatch):
    played = Time()
    monkeypatch.setattr(lookout, "time", played)
    return played


class Bare:
    """A store that says nothing about waiting."""


class Stamped:
    """A store whose record changes when the test says so."""

    pauses = (0.01, 0.04)
    version = 1

    def stamp(self, record_id):
        assert record_id == "id"
        return (self.version, record_id)


def never():
    return False


def test_without_a_stamp_every_pause_ends_in_a_look(played):
    """A store of one's own needs no more than the protocol asks for."""
    waiter = Lookout(Bare(), "id")
    looks = 0
    while played.now < 1.0:
        assert waiter.look()
        looks += 1
        waiter.rest(never)
    assert len(played.slept) == looks
    assert min(played.slept) == played.slept[0] == lookout._PAUSES[0]
    assert max(played.slept) == lookout._PAUSES[1]


def test_with_a_stamp_a_record_is_read_only_when_it_has_changed(played):
    """The first time, and after each change; the lock is tried now and then."""
    store = Stamped()
    waiter = Lookout(store, "id")
    assert waiter.look()
    times = []
    for _ in range(5):
        waiter.rest(never)
        times.append(played.now)
        assert not waiter.look()
    gaps = [after - before for before, after in zip([0.0, *times], times, strict=False)]
    for gap, least in zip(gaps, (0.1, 0.2, 0.4, 0.4, 0.4), strict=True):
        assert least <= gap <= least + store.pauses[1]
    assert max(played.slept) == store.pauses[1]
    store.version = 2
    before = played.now
    waiter.rest(never)
    assert played.now - before == pytest.approx(store.pauses[1])
    assert waiter.look()
    assert not waiter.look()


def test_a_record_whose_stamp_is_none_is_read_at_the_first_look():
    """Nothing need be there for it to be the first time."""
    store = Stamped()
    store.stamp = lambda record_id: None
    waiter = Lookout(store, "id")
    assert waiter.look()
    assert not waiter.look()


def test_who_is_hurried_does_not_wait_for_a_change(played):
    """At the end of the interpreter nobody waits for what may never change."""
    waiter = Lookout(Stamped(), "id")
    waiter.look()
    waiter.rest(lambda: len(played.slept) == 2)
    assert len(played.slept) == 2


class Told(Stamped):
    """A store that knows of a holder, who is done when the test says so."""

    def __init__(self, played):
        self.played = played
        self.held = True
        self.done_at = self.saved_at = float("inf")
        self.listening = self.listened = 0

    def listen(self, record_id):
        assert record_id == "id"
        return self if self.held else None

    def __enter__(self):
        self.listening += 1
        self.listened += 1
        return self

    def __exit__(self, *exc_info):
        self.listening -= 1

    def wait(self, seconds):
        until = min(self.played.now + seconds, max(self.done_at, self.played.now))
        self.played.sleep(until - self.played.now)
        if self.played.now >= self.saved_at:
            self.version += 1
            self.saved_at = float("inf")
        return until >= self.done_at


def test_who_is_told_leaves_the_lock_alone(played):
    """It wakes now and then, and asks for the stamp; it is told the moment it ends."""
    store = Told(played)
    waiter = Lookout(store, "id")
    assert waiter.look()
    assert not waiter.should_try_lock()
    store.done_at = 1.5
    waiter.rest(never)
    assert played.now == 1.5
    assert played.slept == pytest.approx([*[lookout._WAKE] * 3, 0.3])
    assert not waiter.look()
    assert (store.listened, store.listening) == (1, 0)
    # Another worker may have been quicker, and is waited for in turn.
    assert not waiter.should_try_lock()
    store.held = False
    assert waiter.should_try_lock()


def test_a_holder_that_turns_up_after_the_lock_was_tried_is_waited_for(played):
    """It had the lock, and nothing to listen to yet."""
    store = Told(played)
    store.held = False
    waiter = Lookout(store, "id")
    assert waiter.look()
    assert waiter.should_try_lock()
    store.held, store.done_at = True, 0.3
    waiter.rest(never)
    assert played.slept == [pytest.approx(0.3)]


def test_the_lock_is_tried_now_and_then_although_nobody_said_it_is_free(played):
    """A holder's forked child may keep the news back; each try is followed by none."""
    store = Told(played)
    waiter = Lookout(store, "id")
    waiter.look()
    for _ in range(2):
        assert not waiter.should_try_lock()
        before = played.now
        waiter.rest(never)
        waited = played.now - before
        assert 0 <= waited - lookout._ANYWAY_TOLD <= lookout._WAKE
        assert waiter.should_try_lock()
    assert not waiter.should_try_lock()


def test_a_change_is_seen_although_it_is_not_told(played):
    """As from another machine, whose holder took over from this one's."""
    store = Told(played)
    store.saved_at = 1.0
    waiter = Lookout(store, "id")
    waiter.look()
    assert not waiter.should_try_lock()
    waiter.rest(never)
    assert played.now == pytest.approx(3 * lookout._WAKE)
    assert waiter.look()
    assert not waiter.should_try_lock()


def test_a_change_before_one_listens_is_not_waited_out(played):
    """Somebody saved between the look and that; the next holder may take long."""
    store = Told(played)
    waiter = Lookout(store, "id")
    waiter.look()
    store.version += 1
    assert not waiter.should_try_lock()
    waiter.rest(never)
    assert played.slept == []
    assert waiter.look()


def test_who_is_hurried_is_not_told_but_tries(played):
    """At the end of the interpreter the lock says whether to give up."""
    store = Told(played)
    waiter = Lookout(store, "id")
    waiter.look()
    assert not waiter.should_try_lock()
    waiter.rest(lambda: len(played.slept) == 2)
    assert len(played.slept) == 2
    assert waiter.should_try_lock()


class Waiting:
    """A worker whose token has expired, and a record that another one holds."""

    def __init__(self, path):
        self.server = FakeServer()
        self.store = FileStore(path)
        self.auth = machine(self.server, self.store)
        self.auth.token()
        expire(self.auth)
        self.source = self.auth._resolved()
        self.tokens = []
        self.thread = threading.Thread(target=self.wait, daemon=True)

    def wait(self):
        try:
            self.tokens.append(self.auth.token())
        except errors.OAuthAuthError as error:
            self.tokens.append(error)

    def lock(self):
        return FileStore(self.store.path).lock(self.source.record_id, timeout=LIMIT)

    def renew(self, transaction):
        """Save what another worker has been given."""
        record = transaction.read()
        token = type(record.token)("another", expires_at=time.time() + 1000.0)
        transaction.save(record.succeed(token=token))

    def wait_for_looks(self, monkeypatch, looks=2):
        """Start the worker; return when it has tried the lock in vain."""
        tried = threading.Semaphore(0)
        rest = Lookout.rest

        def counted(self, hurried):
            tried.release()
            rest(self, hurried)

        monkeypatch.setattr(Lookout, "rest", counted)
        self.thread.start()
        for _ in range(looks):
            assert tried.acquire(timeout=LIMIT)

    def end(self):
        self.thread.join(LIMIT)
        assert self.tokens, "it waits for ever"
        return self.tokens[0]


@pytest.fixture(params=["told", "not told"])
def waiting(request, tmp_path, monkeypatch):
    waiting = Waiting(tmp_path / "store")
    waiting.told = request.param == "told"
    if not waiting.told:
        monkeypatch.setattr(FileStore, "listen", lambda self, record_id: None)
    return waiting


def test_a_waiter_is_content_before_the_lock_is_free(waiting, monkeypatch):
    """It watches the record, not the lock."""
    monkeypatch.setattr(lookout, "_ANYWAY", NEVER)
    with waiting.lock() as transaction:
        waiting.wait_for_looks(monkeypatch, looks=1)
        waiting.renew(transaction)
        assert waiting.end()._access_token.reveal() == "another"
    assert waiting.server.token_requests == 1


def test_who_is_told_does_not_try_the_lock(waiting, monkeypatch):
    """Where nobody tells, it is tried: the holder may have died."""
    monkeypatch.setattr(lookout, "_ANYWAY", NEVER)
    tried = []
    enter = FileTransaction.__enter__

    def counted(transaction):
        tried.append(threading.current_thread().name)
        return enter(transaction)

    monkeypatch.setattr(FileTransaction, "__enter__", counted)
    with waiting.lock() as transaction:
        waiting.wait_for_looks(monkeypatch, looks=1)
        waiting.renew(transaction)
        assert waiting.end()._access_token.reveal() == "another"
    assert tried.count("oauth_auth renewal") == (0 if waiting.told else 1)


def test_a_change_that_the_stamp_misses_is_noticed_all_the_same(waiting, monkeypatch):
    """As on filesystems with a coarse clock, or where another machine's are cached."""
    monkeypatch.setattr(FileStore, "stamp", lambda self, record_id: "always the same")
    with waiting.lock() as transaction:
        waiting.wait_for_looks(monkeypatch)
        waiting.renew(transaction)
    assert waiting.end()._access_token.reveal() == "another"
    assert waiting.server.token_requests == 1


def test_a_lock_that_is_freed_without_a_change_is_taken(waiting, monkeypatch):
    """Its holder has died, or given up: the waiter renews."""
    with waiting.lock():
        waiting.wait_for_looks(monkeypatch)
    assert waiting.end()._access_token.reveal() != "another"
    assert waiting.server.token_requests == 2


def test_a_change_just_after_the_read_is_not_taken_for_seen(waiting, monkeypatch):
    """The stamp is older than what is read, never newer."""
    monkeypatch.setattr(lookout, "_ANYWAY", NEVER)
    read = FileStore.read
    with waiting.lock() as transaction:

        def overtaken(store, record_id):
            record = read(store, record_id)
            if threading.current_thread().name == "oauth_auth renewal":
                monkeypatch.setattr(FileStore, "read", read)
                waiting.renew(transaction)
            return record

        monkeypatch.setattr(FileStore, "read", overtaken)
        waiting.thread.start()
        assert waiting.end()._access_token.reveal() == "another"


def test_a_flight_that_nobody_needs_any_more_ends_soon(waiting, monkeypatch):
    """The interpreter's end waits neither for a change nor for the lock."""
    monkeypatch.setattr(lookout, "_ANYWAY", NEVER)
    with waiting.lock():
        waiting.wait_for_looks(monkeypatch, looks=1)
        monkeypatch.setattr(Flight, "abandoned", True)
        assert isinstance(waiting.end(), errors.StoreLocked)
