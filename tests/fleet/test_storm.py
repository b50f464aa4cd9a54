"""Many processes with many threads, on several machines, that find a token expired."""

import pytest

from tests.processes.workers import expire, login, machine, run_steadily, storm

LONG = pytest.mark.long


@pytest.fixture
def server(oauth_server):
    """The strictest server: rotation, family revocation, no grace."""
    return oauth_server


@pytest.mark.parametrize(
    ("backend", "build"),
    [
        ("redis", login),
        ("postgres", login),
        pytest.param("valkey", login, marks=LONG),
        pytest.param("redis", machine, marks=LONG),
        pytest.param("postgres", machine, marks=LONG),
    ],
    indirect=["backend"],
)
def test_workers_of_all_machines_make_one_request(backend, server, build):
    """Threads of several processes make one token request among them. M10."""
    seed = server.issue()["refresh_token"]
    auth = build(server, backend.url, seed)
    auth.token()
    expire(auth)
    server.reset_counts()
    assert storm(build, server, backend.url, seed, 3, 8) == {200: 24}
    assert server.counts().token_requests == 1
    # The store holds the newest: what is spent next is not spent already.
    expire(auth)
    build(server, backend.url, seed).renew()
    counts = server.counts()
    assert counts.token_requests == 2
    assert counts.reuse_detected == counts.families_revoked == 0


@LONG
def test_one_failure_answers_all_machines(backend, server):
    """A failed renewal is one token request for everybody, not one each. M26."""
    seed = server.issue()["refresh_token"]
    auth = login(server, backend.url, seed)
    auth.token()
    expire(auth)
    server.reset_counts()
    server.token_faults.answer(400, b'{"error": "invalid_scope"}', times=None)
    outcomes = storm(login, server, backend.url, seed, 3, 4)
    assert sum(outcomes.values()) == 12
    assert all(str(name).startswith("InvalidScopeError") for name in outcomes)
    assert server.counts().token_requests == 1


@LONG
def test_expiry_after_expiry(backend, oauth_server_factory):
    """Over 50 expiries each is one token request, and no request fails."""
    server = oauth_server_factory(access_token_lifetime=1.0)
    seed = server.issue()["refresh_token"]
    seen = run_steadily(login, server, backend.url, seed, processes=4, generation=52)
    assert set(seen) == {200}
    counts = server.counts()
    assert counts.refreshes_granted <= 53
    assert counts.families_revoked == 0
