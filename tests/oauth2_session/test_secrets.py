"""The drop-in tells no secret: in logs, errors, and the frames of its own lines."""

import pytest
import requests
from oauthlib.oauth2 import MobileApplicationClient, OAuth2Error

from oauth_auth import OAuth2Session, TokenUpdated
from tests.flights import let_flights_end
from tests.http_clients.failures import closed_port
from tests.login.people import follow
from tests.secrecy.lines import Lines
from tests.secrecy.watch import watch

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


@pytest.fixture
def lines():
    """Have the watch hear what every line tells."""
    watch.findings()
    with Lines(listen=True) as lines:
        yield lines
        let_flights_end()
    assert watch.findings() == []
    assert any("oauth2_session" in file for file, _, _ in lines.seen)


def start(server, *, expired=True, updater=lambda _: None, url=None):
    token = server.issue()
    watch.learn(server.client_secret)
    return OAuth2Session(
        server.client_id,
        token={**token, "expires_at": 1.0} if expired else token,
        auto_refresh_url=url or server.token_endpoint,
        auto_refresh_kwargs={
            "client_id": server.client_id,
            "client_secret": server.client_secret,
        },
        token_updater=updater,
    )


def test_a_login(server, lines):
    """From the authorization URL to the first request. M66."""
    session = OAuth2Session(
        server.client_id, redirect_uri="http://127.0.0.1/cb", pkce="S256"
    )
    url, _ = session.authorization_url(server.authorization_endpoint)
    watch.learn(session._code_verifier)
    session.fetch_token(
        server.token_endpoint,
        authorization_response=follow(url),
        client_secret=server.client_secret,
        include_client_id=True,
    )
    assert session.get(server.api_url).ok


def test_a_login_that_fails(server, lines):
    """A code that was not issued is in no text, though the server repeats it. M66."""
    watch.learn(VERIFIER)
    session = OAuth2Session(server.client_id)
    server.token_faults.answer(400, f'{{"error": "{VERIFIER}"}}'.encode())
    with pytest.raises(OAuth2Error):
        session.fetch_token(server.token_endpoint, VERIFIER, client_secret=VERIFIER)


def test_a_login_by_fragment(lines):
    """The token in the URL is told to nobody. M66."""
    watch.learn(VERIFIER)
    session = OAuth2Session(client=MobileApplicationClient("id"))
    session.token_from_fragment(
        f"https://me.example/#access_token={VERIFIER}&token_type=Bearer"
    )
    assert session.authorized


def test_a_renewal(server, lines):
    """With all that happens between two requests. M66."""
    session = start(server)
    assert session.post(server.api_url, data={"a": "b"}, headers={"X-A": "b"}).ok


def test_a_401(server, lines):
    """From the 401 through the renewal to the second request. M66."""
    session = start(server, expired=False)
    assert session.get(server.api_url).ok
    server.revoke_access_tokens()
    assert session.get(server.api_url).ok


def test_a_refresh_by_hand(server, lines):
    """In memory, where oauthlib parses what comes. M66."""
    session = OAuth2Session(server.client_id, token=server.issue())
    session.refresh_token(
        server.token_endpoint,
        client_id=server.client_id,
        client_secret=server.client_secret,
    )
    assert session.get(server.api_url).ok


def test_a_token_that_is_told_by_an_error(server, lines):
    """TokenUpdated has it as an attribute, for its caller alone. M66."""
    session = start(server, updater=None)
    with pytest.raises(TokenUpdated):
        session.get(server.api_url)


@pytest.mark.parametrize("status", [400, 500])
def test_a_refusal(server, lines, status):
    """The server repeats the refresh token; the error does not. M66."""
    session = start(server)
    spent = session.token["refresh_token"]
    body = f'{{"error": "invalid_grant", "error_description": "no {spent}"}}'
    server.token_faults.answer(status, body.encode(), times=2)
    with pytest.raises(OAuth2Error):
        session.get(server.api_url)


def test_a_server_that_is_not_there(server, lines):
    """What requests raises holds the request; what comes out does not. M66."""
    session = start(server, url=f"http://127.0.0.1:{closed_port()}")
    with pytest.raises(requests.ConnectionError):
        session.get(server.api_url)
