"""Whole renewals whose answer is a token of a kind that other clients stumble over."""

import logging

import httpx
import pytest

from oauth_auth import FileStore, MemoryStore, OAuthAuth, RefreshToken, errors
from oauth_auth.renewal import TokenSource
from tests.fake_server import TOKEN_ENDPOINT, FakeServer
from tests.http_clients.logins import record_of, use_up


@pytest.fixture
def server():
    return FakeServer()


@pytest.fixture(params=["memory", "file"])
def store(request, tmp_path):
    return MemoryStore() if request.param == "memory" else FileStore(tmp_path / "store")


@pytest.fixture
def auth(server, store):
    """A login whose first token has expired."""
    grant = RefreshToken(
        token_endpoint=TOKEN_ENDPOINT, client_id="app", refresh_token=server.seed()
    )
    auth = OAuthAuth(grant, store=store, http=server.http)
    auth.token()
    use_up(auth)
    return auth


def changing(server, *, status=200, absent=(), **changes):
    """Return a step that grants, and changes what the answer says."""

    def step(form):
        answer = {**server.process(form).json(), **changes}
        for name in absent:
            answer.pop(name, None)
        return httpx.Response(status, json=answer)

    return step


@pytest.mark.parametrize(
    "scope", ["read", "read write admin", "write read", "read,write", "", ["read"], 7]
)
def test_a_scope_that_has_changed_costs_no_token(server, auth, caplog, scope):
    """The rotated refresh token is saved, and the change is said afterwards. M45."""
    old = record_of(auth)
    server.script.append(changing(server, scope=scope))
    with caplog.at_level(logging.INFO, "oauth_auth"):
        token = auth.token()
    record = record_of(auth)
    assert record.token == token
    assert record.generation == old.generation + 1
    assert record.token.refresh_token != old.token.refresh_token
    assert ("the scope is now" in caplog.text) is bool(token.scope)
    auth.renew()
    assert server.families_revoked == 0


@pytest.mark.parametrize(
    "sent", [{}, {"refresh_token": None}, {"refresh_token": ""}, {"refresh_token": " "}]
)
def test_an_answer_without_a_refresh_token_costs_none(server, auth, sent):
    """Missing, null, empty or blank: the old one is kept and sent again. M48."""
    server.rotate = False
    old = record_of(auth).token
    server.script.append(changing(server, **sent))
    assert auth.token().access_token != old.access_token
    assert record_of(auth).token.refresh_token == old.refresh_token
    auth.renew()
    assert server.requests[-1]["refresh_token"] == old.refresh_token


def test_the_old_tokens_end_does_not_outlive_it(server, auth):
    """After an answer without expires_in ten requests need no renewal. M54."""
    server.script.append(changing(server, absent=["expires_in"]))
    before = server.token_requests
    assert len({auth.access_token() for _ in range(10)}) == 1
    assert record_of(auth).token.expires_at is None
    assert server.token_requests == before + 1


def test_a_token_in_a_failure_is_not_taken(server, auth):
    """What a 403 carries is no token, whatever it looks like. M53."""
    old = record_of(auth).token
    body = {"access_token": "AT-of-a-page", "refresh_token": "RT-of-a-page"}
    server.script.append(httpx.Response(403, json=body))
    with pytest.raises(errors.TokenEndpointError) as caught:
        auth.token()
    assert caught.value.status_code == 403
    assert record_of(auth).token == old


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={"error": "bad_refresh_token"}),
        httpx.Response(200, text="error=bad_refresh_token&error_uri=https%3A%2F%2Fx"),
        httpx.Response(200, json={"ok": False, "error": "invalid_refresh_token"}),
        httpx.Response(
            200,
            json={
                "error": "invalid_grant",
                "access_token": "AT-of-an-error",
                "refresh_token": "RT-of-an-error",
            },
        ),
    ],
)
def test_a_refusal_with_status_200_overwrites_nothing(server, auth, answer):
    """It ends the login like any other, and the tokens stay to be looked at. M30."""
    old = record_of(auth)
    server.script.append(answer)
    for _ in range(3):
        with pytest.raises(errors.LoginRequired):
            auth.token()
    assert record_of(auth)._replace(mark=None) == old
    assert server.token_requests == 2


def test_a_token_of_64_kilobytes_comes_back(server, auth, store):
    """Where keyrings cut off at 2560 bytes, all of it is kept. M95."""
    large = {"access_token": "a" * 65536, "id_token": "i" * 65536}
    server.script.append(changing(server, **large))
    token = auth.token()
    again = TokenSource(store, auth._resolved().record_id).look().token
    assert again == token
    assert (again.access_token, again.id_token) == tuple(large.values())
