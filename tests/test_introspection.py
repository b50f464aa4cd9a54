"""What a server says of a token (RFC 7662), and what it says in its place."""

import time

import pytest

from oauth_auth import AuthorizationServer, ClientCredentials, HttpOptions, Token
from oauth_auth.errors import (
    EndpointUnreachable,
    InvalidClientError,
    ServerError,
    TokenEndpointError,
)
from oauth_auth.introspection import introspect
from oauth_auth.reach import Reach
from oauth_auth.testing import TestingServer


@pytest.fixture(scope="module")
def _server():
    with TestingServer() as server:
        yield server


@pytest.fixture
def server(_server):
    """A server, as new."""
    _server.reset()
    return _server


def asked(server, token, *, secret=None, endpoint=True):
    """Ask the server about a token."""
    known = AuthorizationServer(
        server.issuer,
        token_endpoint=server.token_endpoint,
        introspection_endpoint=server.introspection_endpoint if endpoint else None,
    )
    grant = ClientCredentials(
        known, client_id=server.client_id, client_secret=secret or server.client_secret
    )
    reach = Reach("httpx", HttpOptions(trust_env=False), 10.0)
    return introspect(known, grant, token, reach, now=time.time())


def issued(server, **changes):
    """Return a token of somebody who logged in."""
    data = {**server.issue(), "expires_at": time.time() + 3600, **changes}
    return Token.from_dict(data)


def test_an_active_token(server):
    """Scope, owner, client and expiry are told."""
    told = asked(server, issued(server))
    assert told.active
    assert told.asked == "access_token"
    assert told.said["sub"] == "alice"
    assert told.said["client_id"] == server.client_id
    assert told.said["scope"] == "read write"
    assert told.expires_at > time.time()


def test_an_inactive_token(server):
    """A token that was revoked, or never issued, is inactive, which is no error."""
    token = issued(server)
    server.revoke_family(token.refresh_token)
    assert asked(server, token).active is False
    assert asked(server, Token("at_never-issued")).active is False


def test_an_expired_token_is_asked_about_by_its_refresh_token(server):
    """Only that can tell whether the login lives."""
    told = asked(server, issued(server, expires_at=time.time() - 1))
    assert (told.asked, told.active) == ("refresh_token", True)


def test_a_server_without_the_endpoint(server):
    """It is told by None, and nothing is sent."""
    assert asked(server, issued(server), endpoint=False) is None
    assert server.counts().introspection_requests == 0


def test_a_client_that_may_not_ask(server):
    """A refusal is an error of the server's, and not "inactive"."""
    with pytest.raises(InvalidClientError):
        asked(server, issued(server), secret="wrong-secret")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"active": "true"},
        {"active": None},
        {"active": 1},
        [],
        "<html>Log in to the network</html>",
        b"",
    ],
)
def test_an_answer_that_is_none(server, body):
    """Who does not say true or false has said nothing (section 2.2)."""
    server.introspection_faults.answer(200, body)
    with pytest.raises(TokenEndpointError):
        asked(server, issued(server))


def test_a_failing_server(server):
    """A 500 says nothing about the token, and may pass."""
    server.introspection_faults.answer(500)
    with pytest.raises(ServerError) as caught:
        asked(server, issued(server))
    assert caught.value.retryable


def test_no_answer(server):
    """A lost connection is the network's."""
    server.introspection_faults.drop("before")
    with pytest.raises(EndpointUnreachable):
        asked(server, issued(server))


def test_a_server_that_repeats_the_token(server):
    """What it says is kept free of the token, and of control characters."""
    token = issued(server)
    said = {"active": True, "username": f"me {token.access_token}\x1b[2J", "exp": "x"}
    server.introspection_faults.answer(200, said)
    told = asked(server, token)
    assert told.said["username"] == "me [hidden] [2J"
    assert told.expires_at is None
