"""Rotating the sealing keys of a server's records, while workers go on."""

import threading

import pytest

from oauth_auth import RefreshToken, errors
from oauth_auth.stores import shared_rotation
from oauth_auth.stores.base import Journal, Mark
from oauth_auth.stores.keys import new_key
from oauth_auth.testing.store_tools import a_record, save
from tests.fake_server import TOKEN_ENDPOINT, FakeServer
from tests.fleet.steps import Worker

OLD, NEW = new_key().reveal(), new_key().reveal()


def store(backend, *keys):
    """Return the store as a worker has it that knows these keys."""
    return backend.kind(backend.url, keys=keys)


@pytest.fixture
def kept(backend):
    """A store with a record, a mark, a claim, and a journal in doubt."""
    store_ = store(backend, OLD)
    save(store_, a_record(1), "aa")
    with store_.lock("aa", timeout=5) as transaction:
        transaction.mark(Mark("refused", 1, 0.0, 0.0, {"kind": "x"}))
        store_.claim("c1", "aa", seed=True)
    save(store_, a_record(7), "bb")
    with store_.lock("bb", timeout=5) as transaction:
        transaction.reserve(Journal(7, "fingerprint", 0.0, 1.0))
        transaction.mark(Mark("hold", 7, 0.0, 0.0, {"kind": "x"}, in_doubt=True))
    with store_.lock("cc-login", timeout=5) as transaction:
        transaction.mark(Mark("hold", 0, 0.0, 60.0, {"kind": "x"}))
    return store_


def everything(store):
    """Return what a store holds, as it is read."""
    with store.lock("bb", timeout=5) as transaction:
        bb = transaction.read()
    aa = store.read("aa")
    return (
        aa._replace(mark=None),
        aa.mark.kind,
        bb.generation,
        bb.journal.fingerprint,
        store.read("cc-login").mark.kind,
        store.claim("c1", seed=True),
    )


WHOLE = (a_record(1), "refused", 7, "fingerprint", "hold", "aa")


def finished(store):
    """Seal everything anew; return what came of it."""
    *_, outcome = shared_rotation.reseal(store)
    return outcome


def test_everything_is_sealed_anew_and_stays_readable(backend, kept):
    """Records, marks, journals and claims, which then need the new key alone."""
    assert finished(store(backend, OLD, NEW)) == (7, 0, ())
    assert everything(store(backend, NEW)) == WHOLE
    # Those that have not got the new key first are the mistake that is documented.
    with pytest.raises(errors.KeyMismatch):
        everything(kept)
    assert finished(store(backend, OLD, NEW)) == (0, 7, ())


@pytest.mark.parametrize("steps", [1, 3, 6])
def test_an_interrupted_rotation_goes_on(backend, kept, steps):
    """Wherever it stops, everything can be read, and the next run finishes it."""
    both = store(backend, OLD, NEW)
    under_way = shared_rotation.reseal(both)
    for _ in range(steps):
        next(under_way)
    under_way.close()
    assert everything(store(backend, NEW, OLD)) == WHOLE
    outcome = finished(both)
    assert outcome.done + outcome.already == 7
    assert everything(store(backend, NEW)) == WHOLE


def test_what_a_worker_writes_meanwhile_stays(backend, kept):
    """It is not replaced by what was there before, and is sealed anew in its turn."""
    both, other = store(backend, OLD, NEW), store(backend, NEW, OLD)
    replace = both._rows.replace
    written = []

    def after_another(kind, name, old, new):
        if (kind, name) not in written:
            written.append((kind, name))
            if kind == "record":
                with other.lock(name, timeout=5) as transaction:
                    transaction.save(transaction.read().succeed(lineage="newer"))
            if kind == "claim":
                other.claim(name, "bb")
        return replace(kind, name, old, new)

    both._rows.replace = after_another
    assert finished(both).failures == ()
    alone = store(backend, NEW)
    assert [alone.read(name).lineage for name in ("aa", "bb")] == ["newer"] * 2
    assert alone.claim("c1", seed=True) == "bb"
    # A save ends a mark, which no rotation brings back.
    assert alone.read("aa").mark is None


def test_no_renewal_fails_amid_it(backend, monkeypatch):
    """Workers renew without a pause while both keys are put in place by turns."""
    server = FakeServer()
    grant = RefreshToken(
        token_endpoint=TOKEN_ENDPOINT, client_id="app", refresh_token=server.seed()
    )
    monkeypatch.setenv("OAUTH_AUTH_KEY", f"{NEW},{OLD}")
    worker = Worker(backend, grant, server)
    worker.token()
    ended = threading.Event()
    failures = []

    def rotate():
        try:
            for pair in ((OLD, NEW), (NEW, OLD)) * 3:
                failures.extend(finished(store(backend, *pair)).failures)
        finally:
            ended.set()

    thread = threading.Thread(target=rotate)
    thread.start()
    tokens = [worker.auth.renew()]
    while not ended.is_set():
        tokens.append(worker.auth.renew())
    thread.join()
    assert failures == []
    assert len(set(tokens)) == len(tokens)
    assert server.families_revoked == 0
    assert Worker(backend, grant, server).token() == tokens[-1]


def test_what_cannot_be_opened_is_named_and_the_rest_done(backend, kept):
    """A value under a key that nobody has is no reason to leave the others."""
    save(store(backend, new_key().reveal()), a_record(1), "dd")
    outcome = finished(store(backend, OLD, NEW))
    assert outcome.done == 7
    assert len(outcome.failures) == 1
    assert f"record dd in {kept.name}" in outcome.failures[0]


def test_a_server_that_is_away_ends_it(backend, kept):
    """It says so once, and not for each record."""
    both = store(backend, OLD, NEW)

    def away(*_):
        raise errors.StoreUnreachable("away")

    both._rows.replace = away
    with pytest.raises(errors.StoreUnreachable):
        finished(both)
