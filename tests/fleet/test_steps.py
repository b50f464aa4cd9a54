"""Every step of a worker fails, is cut off, is its last, or finds it standing still.

What the explorer of `tests.faults` does to files, as far as it is a server's: a fault
of one step ("refused", and "answer lost", which a disk does not know), of all steps
from then on ("cut off"), a death before and after each step, and a worker that is
overtaken at any step, which is the explorer's preemption of one who holds the lock.
Each is done at every step, with one deviation per run, and a second worker follows.

What it does besides, and where that is tested with these stores: two workers whose
steps alternate in all orders (not at all; `test_storm` and `test_hosts` leave it to
chance), a store that takes no more writes (`tests.stores.test_redis`), a server that
crashes (`test_hosts`, `test_sentinel`), faults of the authorization server and of the
clock, which no store has a part in, and logouts and new logins (`test_outage`).
"""

import logging

import pytest

from oauth_auth import RefreshToken, errors, renewal, sources, turn
from oauth_auth.stores import postgres_rows, redis_rows
from tests.fake_server import TOKEN_ENDPOINT, FakeServer
from tests.faults.logins import settle
from tests.fleet.steps import FAULTS, Worker


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Nobody is waited for any longer than a test needs."""
    monkeypatch.setattr(turn, "SAVE_SECONDS", 0.1)
    monkeypatch.setattr(renewal, "_OUTAGE_SECONDS", 0.2)
    monkeypatch.setattr(redis_rows, "LEASE_SECONDS", 0.3)
    monkeypatch.setattr(postgres_rows, "SETTLE_SECONDS", 0.1)


def login(server):
    """Return a grant for a new login."""
    return RefreshToken(
        token_endpoint=TOKEN_ENDPOINT, client_id="app", refresh_token=server.seed()
    )


def first_use(server, *workers):
    """An empty store, where nobody has a name for the record yet."""


def expiry(server, first, second):
    """An expired token, and a worker that knows the login."""
    first.token()
    first.expire()
    second.forget()


def refusal(server, first, second):
    """An expired token of a login that the server has ended."""
    expiry(server, first, second)
    server._live.clear()


def steps_of(backend, situation):
    """Return how many steps there are if nothing happens."""
    server = FakeServer()
    grant = login(server)
    first, second = (Worker(backend, grant, server) for _ in range(2))
    situation(server, first, second)
    first.trouble.steps.clear()
    first.token()
    settle()
    return len(first.trouble.steps)


LONG = pytest.mark.long
CASES = [
    *((expiry, fault) for fault in FAULTS),
    *((first_use, fault) for fault in FAULTS if fault != "stood still"),
    *((refusal, fault) for fault in FAULTS),
]
#: The others take their time: a first use is 30 steps.
SHORT = [
    (expiry, fault) for fault in FAULTS if fault not in ("refused", "cut off before")
]


@pytest.mark.parametrize(
    ("situation", "fault"),
    [
        pytest.param(
            situation,
            fault,
            id=f"{situation.__name__}-{fault}",
            marks=() if (situation, fault) in SHORT else LONG,
        )
        for situation, fault in CASES
    ],
)
def test_whatever_happens_the_login_lives(backend, situation, fault, caplog):
    """Nothing is spent twice, and all go on; only a dead worker's answer is lost."""
    # That a worker dies is unexpected.
    caplog.set_level(logging.CRITICAL, "oauth_auth")
    steps = steps_of(backend, situation)
    lost = 0
    for number in range(steps):
        backend.empty()
        sources._outages.clear()
        where = f"{fault} at step {number} of {steps}"
        lost += case(backend, situation, number, fault, where)
    # The answer dies with its worker between the request and the save; or another
    # takes over at that moment, since it stood still for longer than DESIGN allows.
    ends = situation is not refusal and fault in ("died before", "stood still")
    assert lost == ends


def case(backend, situation, number, fault, where):
    """Let one step meet its fault; return whether that ended the login."""
    server = FakeServer()
    grant = login(server)
    first, second = (Worker(backend, grant, server) for _ in range(2))
    situation(server, first, second)
    trouble = first.trouble
    trouble.number, trouble.fault = number, fault

    def overtaken():
        backend.lapse(first.auth._resolved().record_id)
        second.token()

    trouble.meanwhile = overtaken
    asked = server.token_requests
    result = first.token()
    trouble.cut = False  # and the network is there again
    settle()
    sources._outages.clear()
    other = second.token()
    asked = server.token_requests - asked
    if situation is refusal:
        assert isinstance(other, errors.LoginRequired), where
        # Who could not tell the other cost one request more.
        assert asked <= 2, where
        return False
    if isinstance(result, Exception) and not trouble.dead:
        assert result.retryable, f"{where}: {result!r}"
    if isinstance(other, errors.LoginRequired):
        assert other.answer_lost, where
        return True
    assert not isinstance(other, Exception), f"{where}: {other!r}"
    if server.families_revoked and fault == "stood still":
        return True
    assert server.families_revoked == 0, where
    assert asked == 1, where
    if not trouble.dead:
        assert first.token() == other, where
    return False
