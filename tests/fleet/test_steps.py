"""Every step of a renewal fails, is cut off, or is its worker's last."""

import logging

import pytest

from oauth_auth import RefreshToken, errors, renewal, turn
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


def steps_of_a_renewal(backend):
    """Return how many steps one has in which nothing happens."""
    server = FakeServer()
    worker = Worker(backend, login(server), server)
    worker.token()
    worker.expire().token()
    settle()
    assert server.token_requests == 2
    return len(worker.trouble.steps)


#: What the others show too, to save time.
RARE = ("refused", "cut off before")


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(fault, marks=pytest.mark.long if fault in RARE else ())
        for fault in FAULTS
    ],
)
def test_whatever_happens_the_login_lives(backend, fault, caplog):
    """Nothing is spent twice, and all go on; only a dead worker's answer is lost."""
    # That a worker dies is unexpected.
    caplog.set_level(logging.CRITICAL, "oauth_auth")
    steps = steps_of_a_renewal(backend)
    lost = 0
    for number in range(steps):
        backend.empty()
        lost += case(backend, number, fault, f"{fault} at step {number} of {steps}")
    # The answer dies with its worker between the request and the save.
    assert lost == {"died before": 1}.get(fault, 0)


def case(backend, number, fault, where):
    """Let one step meet its fault; return whether that ended the login."""
    server = FakeServer()
    grant = login(server)
    first, second = (Worker(backend, grant, server) for _ in range(2))
    first.token()
    first.expire().trouble.number, first.trouble.fault = number, fault
    second.forget()
    asked = server.token_requests
    result = first.token()
    first.trouble.cut = False  # and the network is there again
    settle()
    if not first.trouble.dead and isinstance(result, Exception):
        assert result.retryable, f"{where}: {result!r}"
    other = second.token()
    if first.trouble.dead and isinstance(other, errors.LoginRequired):
        assert other.answer_lost, where
        return True
    assert not isinstance(other, Exception), f"{where}: {other!r}"
    assert server.families_revoked == 0, where
    assert server.token_requests - asked == 1, where
    if not first.trouble.dead:
        assert first.token() == other, where
    return False
