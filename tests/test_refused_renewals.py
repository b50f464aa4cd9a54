"""Renewals that fail: what is asked again, when, and what stays as it was."""

import threading
import time
from pathlib import Path

import httpx
import pytest

from oauth_auth import FileStore, MemoryStore, OAuthAuth, RefreshToken, Token, errors
from oauth_auth.renewal import TokenSource
from tests.fake_server import TOKEN_ENDPOINT, FakeServer
from tests.http_clients.local import URL, LocalApi
from tests.http_clients.logins import record_of, turn, use_up


@pytest.fixture
def server():
    return FakeServer()


def person(server, store, **settings):
    grant = RefreshToken(
        token_endpoint=TOKEN_ENDPOINT, client_id="app", refresh_token=server.seed()
    )
    return OAuthAuth(grant, store=store, http=server.http, **settings)


def expired(server, store, **settings):
    """Return an auth object whose first token has expired."""
    auth = person(server, store, **settings)
    auth.token()
    use_up(auth)
    return auth


def end_hold(auth):
    """Let a pause be over, in memory and in the store."""
    source = auth._resolved()
    source.mark = None
    source.quiet_until = 0.0
    with turn(auth) as transaction:
        mark = transaction.read().mark
        transaction.mark(mark and mark._replace(written_at=0.0))


def settle():
    """Wait for background renewals."""
    for thread in threading.enumerate():
        if thread.name == "oauth_auth renewal":
            thread.join()


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "invalid_request"), (401, "invalid_token"), (400, "unauthorized_client")],
)
def test_a_hundred_requests_do_not_repeat_a_refused_renewal(server, status, code):
    """The server is asked once, and each request says what it said. M26, M27, M38."""
    auth, api = expired(server, MemoryStore()), LocalApi(httpx)
    body = {"error": code, "error_description": "Token was already revoked."}
    server.script += [httpx.Response(status, json=body)] * 100
    before = server.token_requests
    with api.client(auth) as client:
        for _ in range(100):
            with pytest.raises(errors.TokenEndpointError) as caught:
                client.get(URL)
            assert (caught.value.error, caught.value.status_code) == (code, status)
            assert "Token was already revoked" in str(caught.value)
    assert server.token_requests == before + 1
    assert api.authorizations == []


def test_without_a_refresh_token_nobody_is_asked(server):
    """An expired access token alone is a login that has ended. M36."""
    auth = expired(server, MemoryStore())
    with turn(auth) as transaction:
        record = transaction.read()
        bare = Token("old", expires_at=time.time() - 60, obtained_at=1.0)
        transaction.save(record.succeed(token=bare))
    auth._resolved().held = None
    before = server.token_requests
    with pytest.raises(errors.LoginRequired, match="no refresh token is kept") as told:
        auth.token()
    assert "log in again" in str(told.value)
    assert server.token_requests == before


FAILURES = {
    **{f"{n}": httpx.Response(n, text="<html>") for n in (500, 502, 503, 504)},
    **{f"{n}": httpx.Response(n, text="wait") for n in (408, 429)},
    "timeout before sending": httpx.ConnectTimeout("slow"),
    "timeout after sending": httpx.ReadTimeout("slow"),
    "refused": httpx.ConnectError("Connection refused"),
    "no such name": httpx.ConnectError("Name or service not known"),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_a_failing_server_changes_no_byte_of_the_login(server, tmp_path, failure):
    """Neither trouble at the server nor on the way touches the record's file. M24."""
    auth = expired(server, FileStore(tmp_path))
    path = Path(tmp_path, "records", auth._resolved().record_id)
    before = path.read_bytes()
    server.script += [failure] * 2
    with pytest.raises(errors.OAuthAuthError) as caught:
        auth.token()
    assert caught.value.retryable
    assert not isinstance(caught.value, errors.LoginRequired)
    assert path.read_bytes() == before
    server.script.clear()
    end_hold(auth)
    assert auth.token()
    assert server.families_revoked == 0


def test_after_a_doubtful_renewal_the_store_is_read_first(server, tmp_path):
    """If another worker has got through meanwhile, its token is used unasked. M16."""
    auth = expired(server, FileStore(tmp_path))
    old = record_of(auth)
    server.script += [httpx.ReadError("cut off")] * 2
    with pytest.raises(errors.EndpointUnreachable) as caught:
        auth.token()
    assert caught.value.outcome_unknown
    assert record_of(auth)._replace(mark=None) == old
    assert record_of(auth).mark.in_doubt
    end_hold(auth)
    another = TokenSource(FileStore(tmp_path), auth._resolved().record_id)
    theirs = another.obtain(auth._terms_for(None)).token
    before = server.token_requests
    assert auth.token() == theirs
    assert server.token_requests == before
    assert {form["refresh_token"] for form in server.requests[1:]} == {
        old.token.refresh_token
    }


def test_the_background_outlives_its_failures(server):
    """Three failures behind the requests' back do not keep the fourth try away. M35."""
    auth = person(server, MemoryStore())
    auth.token()
    now = time.time()
    with turn(auth) as transaction:
        record = transaction.read()
        aged = {**record.token.to_dict(), "expires_at": now + 100}
        aged["obtained_at"] = now - 900
        transaction.save(record.succeed(token=Token.from_dict(aged)))
    stale = auth._resolved().look().token
    server.script += [httpx.Response(502)] * 6  # each is asked again at once
    for attempt in range(1, 5):
        assert auth.token() is stale
        settle()
        assert server.token_requests == 1 + min(2 * attempt, 7)
        end_hold(auth)
    assert auth.token() is not stale
    assert server.families_revoked == 0
