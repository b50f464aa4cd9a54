"""Introspection at the testing server (RFC 7662)."""

import time

import pytest
import requests

from tests.testing.talk import basic, brought_back, browse, redeem, refresh


def told(server, token, headers=None, **form):
    """Return what the server tells of a token."""
    if headers is None:
        headers = basic(server.client_id, server.client_secret)
    return requests.post(
        server.introspection_endpoint,
        data={"token": token, **form},
        headers=headers,
        timeout=30,
    )


def test_an_access_token(server):
    """Whose it is, for what, and until when."""
    tokens = server.issue("bob", scope="read")
    answer = told(server, tokens["access_token"]).json()
    assert answer.pop("exp") == pytest.approx(time.time() + 3600, abs=60)
    assert answer == {
        "active": True,
        "iss": server.issuer,
        "sub": "bob",
        "username": "bob",
        "client_id": server.client_id,
        "scope": "read",
        "token_type": "Bearer",
    }
    assert server.counts().introspection_requests == 1


def test_a_refresh_token(server):
    """A refresh token is active until it is spent or its login ends."""
    tokens = server.issue()
    assert told(server, tokens["refresh_token"]).json()["active"]
    renewed = refresh(server, tokens).json()
    assert told(server, tokens["refresh_token"]).json() == {"active": False}
    server.revoke_family(renewed["access_token"])
    assert told(server, renewed["refresh_token"]).json() == {"active": False}


def test_tokens_of_nobody_and_of_others(server):
    """Nothing is told of a token that is made up, or another client's."""
    other = server.issue(client=server.public_client_id)["access_token"]
    for token in ("made up", other):
        assert told(server, token).json() == {"active": False}
    own = told(server, other, headers={}, client_id=server.public_client_id)
    assert own.json()["active"]


def test_the_audience(server):
    """The resources that were agreed to are the audience (RFC 8707)."""
    code = brought_back(browse(server, resource="https://api.example"))["code"]
    answer = told(server, redeem(server, code).json()["access_token"]).json()
    assert answer["aud"] == ["https://api.example"]


def test_faulty_requests(server):
    """A request names a token and its sender; faults do the rest."""
    assert told(server, "").json()["error"] == "invalid_request"
    assert told(server, "x", headers={}).json()["error"] == "invalid_client"
    server.introspection_faults.answer(500)
    assert told(server, "x").status_code == 500
