"""Workers that need a new token within moments of each other, as it was reported."""

import multiprocessing
import threading
import time

import pytest
import requests

from tests.processes.starting import LOADED
from tests.processes.workers import expire, login
from tests.stores.children import at_once, in_child

#: Forked workers inherit a test's objects; its locks and numbers come from here.
FORK = multiprocessing.get_context("fork")
FOREVER = 60.0


@pytest.fixture
def server(oauth_server):
    """The strictest server: rotation, family revocation, no grace."""
    return oauth_server


def get(server, auth):
    return requests.get(server.api_url, auth=auth, timeout=FOREVER).status_code


def land():
    """Let this process's renewals end, which a forked child would not wait for."""
    for thread in threading.enumerate():
        if thread.name == "oauth_auth renewal":
            thread.join()


class SharedClock:
    """A wall clock that all forked workers read, and any of them sets."""

    def __init__(self, monkeypatch):
        self._ahead = FORK.RawValue("d", 0.0)
        self._real = time.time
        monkeypatch.setattr(time, "time", lambda: self._real() + self._ahead.value)

    def set(self, moment):
        self._ahead.value = moment - self._real()


def test_long_lived_workers_reach_the_same_margin(server, tmp_path, monkeypatch):
    """Eight of them, 10 ms apart, twenty lives: one token request for each. M02."""
    workers, lives, margin = 8, 20, 300
    clock = SharedClock(monkeypatch)
    seed = server.issue()["refresh_token"]
    auth = login(server, tmp_path, seed, leeway=margin)
    auth.token()
    moved = FORK.Barrier(
        workers, action=lambda: clock.set(auth.token().expires_at - margin + 1)
    )

    def work(number):
        def live():
            statuses = set()
            for _ in range(lives):
                moved.wait(FOREVER)
                time.sleep(0.01 * number)  # as the report has it
                statuses.add(get(server, auth))
            land()
            return statuses

        return live

    assert at_once([work(number) for number in range(workers)]) == ["{200}"] * workers
    counts = server.counts()
    assert counts.token_requests == counts.refreshes_granted == 1 + lives
    assert counts.reuse_detected == counts.families_revoked == 0
    assert counts.api_ok == counts.api_requests == workers * lives


def test_a_worker_wakes_up_with_a_spent_refresh_token_in_memory(
    server, tmp_path, monkeypatch
):
    """It goes on with what another one saved, and never sends its own. M03."""
    clock = SharedClock(monkeypatch)
    server.configure(access_token_lifetime=60)
    seed = server.issue()["refresh_token"]
    auth = login(server, tmp_path, seed)
    mine = auth.token()
    server.configure(access_token_lifetime=3600)
    theirs = in_child(lambda: login(server, tmp_path, seed).renew().access_token)
    assert mine.refresh_token == auth.token().refresh_token
    for moment, requests_made in ((mine.expires_at + 1, 2), (time.time() + 7200, 3)):
        clock.set(moment)
        assert get(server, auth) == 200
        assert server.counts().token_requests == requests_made
        assert (auth.access_token() == theirs) is (requests_made == 2)
    spent = [request.refresh_token for request in server.token_log()]
    assert len(set(spent)) == 3
    assert server.counts().families_revoked == 0


def test_pairs_that_renew_13_ms_apart(server, tmp_path):
    """200 rounds: no login is revoked, and each new access token works. M04."""
    pairs, rounds = 8, 25
    server.configure(kill_old_access_tokens=True)

    def work(auth, together, late):
        def renew_often():
            statuses = set()
            for _ in range(rounds):
                together.wait(FOREVER)
                time.sleep(0.013 if late else 0.0)  # as the report has it
                auth.renew()
                statuses.add(get(server, auth))
            return statuses

        return renew_often

    workers = []
    for _ in range(pairs):
        auth = login(server, tmp_path, server.issue()["refresh_token"])
        auth.token()
        together = FORK.Barrier(2)
        workers += [work(auth, together, late) for late in (False, True)]
    server.reset_counts()
    server.token_faults.delay(before=0.05, times=None)
    assert at_once(workers) == ["{200}"] * (2 * pairs)
    counts = server.counts()
    assert counts.token_requests == counts.refreshes_granted == pairs * rounds
    assert counts.reuse_detected == counts.families_revoked == 0
    assert counts.api_ok == counts.api_requests == 2 * pairs * rounds


def test_workers_that_force_a_renewal_share_one(server, tmp_path):
    """Whoever wants the same token replaced is content with its successor. M09."""
    workers = 6
    seed = server.issue()["refresh_token"]
    auth = login(server, tmp_path, seed)
    old = auth.access_token()
    server.reset_counts()
    renewed = at_once([lambda: auth.renew().access_token] * workers)
    assert set(renewed) == {auth.renew().access_token}
    assert old not in renewed
    counts = server.counts()
    assert counts.token_requests == counts.refreshes_granted == 1
    assert counts.families_revoked == 0


def one_run(server, path, seed, outcomes):
    """Do what a script does that runs now and then."""
    outcomes.put(get(server, login(server, path, seed)))


def test_a_script_that_runs_again_has_the_rotated_token(server, tmp_path):
    """Each run ends normally, and the next spends what it has left. M13."""
    seed = server.issue()["refresh_token"]
    outcomes = LOADED.SimpleQueue()
    for _ in range(2):
        script = LOADED.Process(target=one_run, args=(server, tmp_path, seed, outcomes))
        script.start()
        script.join()
        assert script.exitcode == 0
        assert outcomes.get() == 200
        expire(login(server, tmp_path, seed))
    spent = [request.refresh_token for request in server.token_log()]
    assert len(set(spent)) == len(spent) == 2
    counts = server.counts()
    assert counts.refreshes_granted == 2
    assert counts.reuse_detected == counts.families_revoked == 0
