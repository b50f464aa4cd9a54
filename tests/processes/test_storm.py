"""Many processes and threads that need the same new token at the same moment."""

import pytest

from tests.processes.workers import expire, login, machine, storm

#: For the same storm with the other grant.
LONG = pytest.mark.long


@pytest.fixture
def server(oauth_server):
    """The strictest server: rotation, family revocation, no grace."""
    return oauth_server


def prepared(server, tmp_path, build):
    """Return a seed whose login is in the store."""
    seed = server.issue()["refresh_token"]
    auth = build(server, tmp_path, seed)
    auth.token()
    return seed, auth


@pytest.mark.parametrize("build", [login, pytest.param(machine, marks=LONG)])
def test_64_workers_find_the_token_expired(server, tmp_path, build):
    """Eight processes with eight threads make one token request. M01, M07."""
    seed, auth = prepared(server, tmp_path, build)
    expire(auth)
    server.reset_counts()
    assert storm(build, server, tmp_path, seed, 8, 8) == {200: 64}
    counts = server.counts()
    assert counts.token_requests == 1
    # The store holds the newest: what is spent next is not spent already.
    expire(auth)
    build(server, tmp_path, seed).renew()
    counts = server.counts()
    assert counts.token_requests == 2
    assert counts.reuse_detected == counts.families_revoked == 0


@pytest.mark.parametrize("build", [machine, pytest.param(login, marks=LONG)])
def test_64_workers_are_told_by_a_401(server, tmp_path, build):
    """The same when only the API knows that the token has ended. M12, M37."""
    seed, _ = prepared(server, tmp_path, build)
    server.revoke_access_tokens()
    server.reset_counts()
    assert storm(build, server, tmp_path, seed, 8, 8) == {200: 64}
    counts = server.counts()
    assert counts.token_requests == 1
    assert counts.reuse_detected == counts.families_revoked == 0


def test_a_record_with_a_refresh_token_alone_is_renewed_once(server, tmp_path):
    """Workers that start with a seed make one token request among them. M08."""
    seed = server.issue()["refresh_token"]
    assert storm(login, server, tmp_path, seed, 8, 2) == {200: 16}
    assert server.counts().token_requests == 1


def test_one_failure_answers_all_processes(server, tmp_path):
    """A failed renewal is one token request for everybody, not one each. M26."""
    seed, auth = prepared(server, tmp_path, login)
    expire(auth)
    server.reset_counts()
    server.token_faults.answer(400, b'{"error": "invalid_scope"}', times=None)
    outcomes = storm(login, server, tmp_path, seed, 4, 4)
    assert sum(outcomes.values()) == 16
    assert all(str(name).startswith("InvalidScopeError") for name in outcomes)
    assert server.counts().token_requests == 1


def test_a_dead_login_is_found_out_once(server, tmp_path):
    """invalid_grant is one token request for all processes, and LoginRequired. M33."""
    seed, auth = prepared(server, tmp_path, login)
    expire(auth)
    server.revoke_family(seed)
    server.reset_counts()
    outcomes = storm(login, server, tmp_path, seed, 4, 4)
    assert sum(outcomes.values()) == 16
    assert all(str(name).startswith("LoginRequired") for name in outcomes)
    assert server.counts().token_requests == 1
