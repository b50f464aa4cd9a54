"""What the testing server says that it saw."""

import contextlib
import pickle
import time

import pytest
import requests

from oauth_auth.testing import Counts, Fault, fingerprint
from tests.testing.talk import (
    ask,
    basic,
    call,
    connected,
    raw_refresh,
    refresh,
    until,
)


def test_all_counts(server):
    """Each thing that happens is counted under its name, and nothing else is."""
    tokens = server.issue()
    renewed = refresh(server, tokens).json()
    call(server, renewed)
    refresh(server, tokens)
    call(server, renewed)
    requests.get(server.api_url, timeout=30)
    ask(server, grant_type="client_credentials")
    assert server.counts() == Counts(
        token_requests=3,
        token_requests_by_grant={"refresh_token": 2, "client_credentials": 1},
        refreshes_granted=1,
        reuse_detected=1,
        families_revoked=1,
        api_requests=3,
        api_ok=1,
        api_unauthorized=2,
        api_without_token=1,
        connections=6,
    )


def test_counts_are_immutable(server):
    """What was counted cannot be changed afterwards."""
    counts = server.counts()
    with pytest.raises(AttributeError):
        counts.api_ok = 7
    with pytest.raises(TypeError):
        counts.token_requests_by_grant["password"] = 7


def test_counts_pickle(server):
    """Counts can be handed to another process."""
    ask(server, grant_type="client_credentials")
    counts = server.counts()
    assert pickle.loads(pickle.dumps(counts)) == counts


def test_handles_are_not_counted(server):
    """What a handle asks is no connection or request."""
    server.issue()
    server.token_log()
    assert server.counts() == Counts()


def test_metadata_requests(server):
    """Requests for the metadata are counted."""
    requests.get(f"{server.issuer}/.well-known/oauth-authorization-server", timeout=30)
    assert server.counts().metadata_requests == 1


def test_token_log(server):
    """The log of a token request says how it looked, without its secrets."""
    tokens = server.issue()
    before = time.time()
    refresh(server, tokens, scope="")
    (request,) = server.token_log()
    assert before <= request.time <= time.time()
    assert request.grant_type == "refresh_token"
    assert request.client_id == server.client_id
    assert request.client_auth == "client_secret_basic"
    assert request.has_authorization
    assert "content-type" in request.headers
    assert request.parameters == ("grant_type", "refresh_token", "scope")
    assert request.refresh_token == fingerprint(tokens["refresh_token"])
    assert request.status == 200
    assert tokens["refresh_token"] not in repr(request)


def test_token_log_without_authorization(server):
    """A request without an Authorization header is logged as such."""
    ask(server, headers={}, grant_type="client_credentials")
    (request,) = server.token_log()
    assert not request.has_authorization
    assert request.refresh_token is None
    assert request.status == 401


def test_token_log_tells_workers_apart(server):
    """The query of the token endpoint's URL is logged."""
    requests.post(f"{server.token_endpoint}?worker=3", timeout=30)
    ask(server)
    assert [request.query for request in server.token_log()] == ["worker=3", ""]


def test_token_log_links_a_refresh_token_with_its_successor(server):
    """What was issued, and when, is logged under the name of the next request."""
    tokens = server.issue()
    successor = refresh(server, tokens).json()
    refresh(server, successor)
    refresh(server, tokens)
    first, second, reuse = server.token_log()
    assert first.time <= first.settled <= second.time
    assert first.issued == second.refresh_token
    assert (reuse.status, reuse.issued) == (400, None)
    assert successor["refresh_token"] not in repr(first)


@pytest.mark.parametrize(
    ("fault", "status", "answered"),
    [
        (Fault(), 200, True),
        (Fault(delay_before=0.01, delay_after=0.01), 200, True),
        (Fault(dribble=0.0), 200, True),
        (Fault(drop="before"), None, False),
        (Fault(drop="after"), 200, False),
        (Fault(truncate=True), 200, False),
    ],
)
def test_token_log_knows_which_answers_were_sent(server, fault, status, answered):
    """An answer that a fault held back, in whole or in part, was not sent."""
    server.token_faults.add(fault)
    with contextlib.suppress(requests.RequestException):
        refresh(server, server.issue())
    until(lambda: server.token_log()[0].answered is not None)
    (request,) = server.token_log()
    assert (request.status, request.answered) == (status, answered)


@pytest.mark.parametrize("fault", [Fault(delay_after=0.2), Fault(dribble=0.01)])
def test_token_log_knows_who_has_left(server, fault):
    """An answer to somebody who has closed the connection was not sent."""
    server.token_faults.add(fault)
    with connected(server) as connection:
        connection.sendall(
            raw_refresh(server, server.issue(client=server.public_client_id))
        )
        until(lambda: server.token_log() and server.token_log()[0].status)
    until(lambda: server.token_log()[0].answered is not None)
    (request,) = server.token_log()
    assert (request.status, request.answered) == (200, False)


def test_api_log(server):
    """The log of API requests tells tokens apart without knowing them."""
    tokens = server.issue()
    before = time.time()
    call(server, tokens, "/things", "DELETE")
    headers = basic("from", "netrc")
    requests.get(
        f"{server.redirect_url}?to=/",
        headers=headers,
        allow_redirects=False,
        timeout=30,
    )
    requests.get(server.api_url, timeout=30)
    first, second, third = server.api_log()
    assert before <= first.time <= time.time()
    assert (first.method, first.path, first.status) == ("DELETE", "/api/things", 200)
    assert first.access_token == fingerprint(tokens["access_token"])
    assert first.authorization == "bearer"
    assert "authorization" in first.headers
    assert (second.path, second.status) == ("/redirect", 302)
    assert (second.authorization, second.access_token) == ("basic", None)
    assert (third.authorization, third.status) == (None, 401)
    assert server.counts().api_ok == 1


def test_log_of_fixed_answers(server):
    """The log has the status that was sent, whoever made it up."""
    server.api_faults.answer(500)
    call(server, server.issue())
    assert server.api_log()[0].status == 500
    assert server.counts().api_ok == 0


def test_reset_counts(server):
    """Counts and logs start anew; tokens and faults stay."""
    tokens = server.issue()
    server.api_faults.answer(500, times=2)
    call(server, tokens)
    refresh(server, tokens)
    server.reset_counts()
    assert server.counts() == Counts()
    assert server.token_log() == server.api_log() == ()
    assert call(server, tokens).status_code == 500
    assert call(server, tokens).status_code == 200
