"""Workers that are told to leave the authorization server alone, and until when."""

import threading
import time
from email.utils import formatdate

import pytest
import requests

from oauth_auth import errors
from tests.http_clients.logins import record_of, turn, use_up
from tests.processes.workers import login
from tests.stores.children import at_once, in_child

FOREVER = 60.0
WORKERS = 4
REQUESTS = 50


@pytest.fixture
def server(oauth_server):
    """The strictest server: rotation, family revocation, no grace."""
    return oauth_server


def make_stale(auth):
    """Let the token be in the last fifth of its life, in the store and in memory."""
    now = time.time()
    with turn(auth) as transaction:
        record = transaction.read()
        aged = {
            **record.token.to_dict(),
            "expires_at": now + 190,
            "obtained_at": now - 810,
        }
        token = type(record.token).from_dict(aged)
        transaction.save(record.succeed(token=token))
    auth._resolved().held = None


def land():
    """Let this process's renewals end, which a forked child would not wait for."""
    for thread in threading.enumerate():
        if thread.name == "oauth_auth renewal":
            thread.join()


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_kept_by_all_workers_while_the_token_lives(
    server, tmp_path, as_date
):
    """One is told to wait; no worker asks again, and no request fails. M31."""
    seed = server.issue()["refresh_token"]
    auth = login(server, tmp_path, seed)
    auth.token()
    make_stale(auth)
    wait = formatdate(time.time() + 120, usegmt=True) if as_date else "120"
    server.reset_counts()
    server.token_faults.answer(429, b"slow down", headers={"Retry-After": wait})

    def work():
        mine = login(server, tmp_path, seed)
        with requests.Session() as session:
            statuses = {
                session.get(server.api_url, auth=mine, timeout=FOREVER).status_code
                for _ in range(REQUESTS)
            }
        land()
        return statuses

    assert at_once([work] * WORKERS) == ["{200}"] * WORKERS
    counts = server.counts()
    assert counts.token_requests == 1
    assert counts.api_ok == counts.api_requests == WORKERS * REQUESTS
    mark = record_of(auth).mark
    assert 60 < mark.duration <= 120  # a date is that much nearer by then


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        ("invalid_request", errors.InvalidRequestError),
        ("invalid_grant", errors.LoginRequired),
    ],
)
def test_a_new_login_ends_the_pause_of_all_workers(server, tmp_path, code, failure):
    """What was held against the old login is forgotten at once. M38."""
    old = server.issue()["refresh_token"]
    new = server.issue()["refresh_token"]
    auths = [login(server, tmp_path, old, account="42") for _ in range(2)]
    auths[0].token()
    use_up(auths[0])
    server.token_faults.answer(400, {"error": code}, times=None)
    for auth in auths:
        with pytest.raises(failure):
            auth.token()
    server.token_faults.clear()
    server.reset_counts()
    theirs = in_child(lambda: login(server, tmp_path, new, account="42").access_token())
    assert [auth.access_token() for auth in auths] == [theirs] * 2
    assert server.counts().token_requests == 1
