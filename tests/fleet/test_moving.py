"""Logins move from one store to another, and are live in one of them at any time."""

import pytest

from oauth_auth import (
    FileStore,
    OAuthAuth,
    RefreshToken,
    errors,
    sources,
    token_auth,
)
from oauth_auth.identity import Identifier
from oauth_auth.stores.moving import move
from oauth_auth.testing.store_tools import a_journal, a_mark, a_record
from tests.fake_server import TOKEN_ENDPOINT, FakeServer
from tests.fleet.steps import Died


class Mortal:
    """A store whose user dies at one of its calls, before or after it is done."""

    def __init__(self, store, clock):
        self._store = store
        self._clock = clock

    def __getattr__(self, name):
        found = getattr(self._store, name)
        if name == "lock":
            return lambda *args, **kwargs: Turn(found(*args, **kwargs), self._clock)
        if name in ("read", "records", "claim", "claims"):
            return lambda *args, **kwargs: self._clock(lambda: found(*args, **kwargs))
        return found

    def __eq__(self, other):
        return isinstance(other, Mortal) and other._store == self._store

    def __hash__(self):
        return hash(self._store)


class Turn:
    """A transaction of it."""

    def __init__(self, inner, clock):
        self._inner = inner
        self._clock = clock

    def __enter__(self):
        entered = []
        try:
            self._clock(lambda: entered.append(self._inner.__enter__()))
        except Died:
            # The lock of a process that dies is freed, one way or another.
            for _ in entered:
                self._inner.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *exc_info):
        self._inner.__exit__(*exc_info)

    def __getattr__(self, name):
        found = getattr(self._inner, name)
        return lambda *args: self._clock(lambda: found(*args))


class Clock:
    """Counts calls, and ends their maker at one of them."""

    def __init__(self, last=None, *, done=False):
        self.calls = 0
        self._last = last
        self._done = done

    def __call__(self, work):
        self.calls += 1
        if self.calls - 1 != self._last:
            return work()
        if self._done:
            work()
        raise Died


class Login:
    """A login that moves from a directory to a server."""

    def __init__(self, backend, path):
        backend.empty()
        # As in a process that has just begun.
        sources._sources.clear()
        token_auth._identifiers.clear()
        self.server = FakeServer()
        self.grant = RefreshToken(
            token_endpoint=TOKEN_ENDPOINT,
            client_id="app",
            refresh_token=self.server.seed(),
        )
        self.old, self.new = FileStore(path), backend.kind(backend.url)
        self.auth = self.at(self.old)
        self.auth.token()

    def at(self, store):
        """Return a worker's object."""
        return OAuthAuth(self.grant, store=store, http=self.server.http)

    def live(self):
        """Return in which stores it can be spent."""
        record_id = self.auth._resolved().record_id
        records = ((s, s.read(record_id)) for s in (self.old, self.new))
        return [
            store
            for store, record in records
            if record and record.token and record.token._refresh_token
        ]

    def move(self, clock):
        """Move it."""
        *_, outcome = move(Mortal(self.old, clock), Mortal(self.new, clock), "new")
        return outcome


@pytest.mark.parametrize("done", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_move_that_is_killed_is_finished_by_the_next(backend, tmp_path, done):
    """At each of its steps; no step leaves the login in both, and none loses it."""
    login = Login(backend, tmp_path / "all")
    clock = Clock()
    outcome = login.move(clock)
    assert (outcome.moved, outcome.failures) == (1, ())
    assert login.live() == [login.new]
    steps = clock.calls
    assert steps > 15
    for last in range(steps):
        login = Login(backend, tmp_path / f"{last}")
        with pytest.raises(Died):
            login.move(Clock(last, done=done))
        where = f"step {last} of {steps}"
        assert len(login.live()) <= 1, where
        login.move(Clock())
        assert login.live() == [login.new], where
        new = login.at(login.new)
        assert new.token() == login.auth.token(), where
        new.renew()
        with pytest.raises(errors.LoginRequired, match="moved to the store new"):
            login.auth.renew()
        assert login.server.token_requests == 2, where
        assert login.server.families_revoked == 0, where


def test_what_lies_beside_goes_along(backend, tmp_path):
    """Marks, doubts, claims and seeds are known in the new place as in the old."""
    old, new = FileStore(tmp_path), backend.kind(backend.url)
    key = Identifier.of(old)
    with old.lock("r", timeout=0) as transaction:
        transaction.save(a_record(3)._replace(claims=("f1",)))
        old.claim("f1", "r")
        old.claim("s1", "r", seed=True)
        transaction.reserve(a_journal(3))
        transaction.mark(a_mark(3, in_doubt=True))
    with old.lock("gone", timeout=0) as transaction:
        transaction.save(a_record(1)._replace(token=None, logged_out=True))
    *_, outcome = move(old, new, "new")
    assert outcome._asdict() == {"moved": 1, "copied": 1, "already": 0, "failures": ()}
    with new.lock("r", timeout=0) as transaction:
        found = transaction.read()
    assert found.generation == 3
    assert found.mark == a_mark(3, in_doubt=True)
    assert found.journal == a_journal(3)
    assert (new.claim("f1"), new.claim("f1", seed=True)) == ("r", None)
    assert new.claim("s1", seed=True) == "r"
    assert new.read("gone").logged_out
    assert Identifier.of(new).record_id({"a": "b"}) == key.record_id({"a": "b"})
    *_, again = move(old, new, "new")
    assert (again.moved, again.copied, again.already) == (0, 0, 2)


def test_a_store_with_records_of_its_own_is_refused(backend, tmp_path):
    """It names records in another way, so none could be found again."""
    old, new = FileStore(tmp_path), backend.kind(backend.url)
    Identifier.of(old)
    Identifier.of(new)
    with pytest.raises(errors.ConfigurationError, match="into a new store"):
        list(move(old, new, "new"))
    with pytest.raises(errors.ConfigurationError, match="into itself"):
        list(move(old, FileStore(tmp_path), "new"))


def test_back_to_a_directory(backend, tmp_path):
    """Any kind moves into any other."""
    login = Login(backend, tmp_path / "old")
    login.move(Clock())
    token = login.at(login.new).token()
    back = FileStore(tmp_path / "back")
    *_, outcome = move(login.new, back, "back")
    assert outcome.failures == ()
    assert login.at(back).token() == token
    assert login.at(back).renew() != token
    assert login.server.families_revoked == 0


def test_what_cannot_be_opened_is_told(backend, tmp_path):
    """The others move all the same."""
    login = Login(backend, tmp_path / "old")
    with login.old.lock("bad", timeout=0) as transaction:
        transaction.save(a_record(1))
    (tmp_path / "old" / "records" / "bad").write_bytes(b"damaged")
    outcome = login.move(Clock())
    assert outcome.moved == 1
    assert len(outcome.failures) == 1
    assert "bad is damaged" in outcome.failures[0]
