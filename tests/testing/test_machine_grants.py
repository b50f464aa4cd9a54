"""The testing server's grants and proofs for machines, asked by hand."""

import time

import pytest
import requests

from oauth_auth.testing import TestingServer
from tests.client_keys import EC, RSA, public, signed

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
PROOF = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TYPE = "urn:ietf:params:oauth:token-type:access_token"


@pytest.fixture(scope="module")
def server():
    """A server that knows one key and one user."""
    keys = {"keys": [public(EC, kid="one")]}
    with TestingServer(
        assertion_jwks=keys, client_jwks=keys, passwords={"al": "pw"}
    ) as running:
        yield running


def statement(server, key=EC, **changes):
    claims = {"sub": "al", "aud": server.issuer, "exp": time.time() + 60, **changes}
    return signed({k: v for k, v in claims.items() if v is not None}, key)


def ask(server, **form):
    return requests.post(server.token_endpoint, data=form, timeout=30)


def who(server, answer):
    """Return whose token the API sees."""
    token = answer.json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(server.api_url, headers=headers, timeout=30).json()["sub"]


def test_a_jwt(server):
    """The token is for its subject, and there is no refresh token."""
    answer = ask(server, grant_type=JWT_BEARER, assertion=statement(server), scope="a")
    assert who(server, answer) == "al"
    assert answer.json()["scope"] == "a"
    assert "refresh_token" not in answer.json()


@pytest.mark.parametrize(
    "changes",
    [
        {"key": RSA, "alg": "RS256"},
        {"aud": "https://elsewhere.test"},
        {"exp": 1},
        {"exp": None},
        {"sub": None},
    ],
)
def test_a_jwt_that_is_not_good(server, changes):
    """Another's key, another audience, no or a past expiry, no subject."""
    if changes.pop("alg", None):
        claims = {"sub": "al", "aud": server.issuer, "exp": time.time() + 60}
        assertion = signed(claims, RSA, alg="RS256")
    else:
        assertion = statement(server, **changes)
    answer = ask(server, grant_type=JWT_BEARER, assertion=assertion)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_an_exchange(server):
    """A JWT, or a token of the server's own; an actor is told."""
    ours = server.issue("bob")["access_token"]
    tokens = {"subject_token": statement(server), "subject_token_type": TYPE}
    assert who(server, ask(server, grant_type=EXCHANGE, **tokens)) == "al"
    acting = {**tokens, "actor_token": ours, "actor_token_type": TYPE}
    answer = ask(server, grant_type=EXCHANGE, **acting)
    assert who(server, answer) == "bob for al"
    assert answer.json()["issued_token_type"] == TYPE


@pytest.mark.parametrize(
    "form",
    [
        {"subject_token": "x"},
        {"subject_token_type": TYPE},
        {"subject_token": "x", "subject_token_type": TYPE},
        {"subject_token": "ours", "subject_token_type": TYPE, "actor_token": "x"},
        {"subject_token": "ours", "subject_token_type": TYPE, "actor_token_type": TYPE},
    ],
)
def test_an_exchange_that_is_not_good(server, form):
    """RFC 8693 section 2.2.2: invalid_request."""
    if form.get("subject_token") == "ours":
        form = {**form, "subject_token": server.issue()["access_token"]}
    answer = ask(server, grant_type=EXCHANGE, **form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_password(server):
    """With a refresh token; a wrong one, or nobody's, is refused."""
    good = ask(server, grant_type="password", username="al", password="pw")
    assert who(server, good) == "al"
    assert good.json()["refresh_token"]
    for username, password in (("al", "no"), ("bo", "pw"), ("al", "")):
        answer = ask(
            server, grant_type="password", username=username, password=password
        )
        assert answer.json()["error"] == "invalid_grant"


def test_a_client_that_signs(server):
    """Who it is stands in the statement; beside a secret it is one proof too many."""
    client = server.client_id
    proof = {
        "grant_type": "client_credentials",
        "client_assertion_type": PROOF,
        "client_assertion": statement(server, iss=client, sub=client, jti="1"),
    }
    assert ask(server, **proof).status_code == 200
    assert server.token_log()[-1].client_auth == "private_key_jwt"
    proof["client_assertion"] = statement(server, iss=client, sub=client, jti="2")
    answer = ask(server, **proof, client_secret=server.client_secret)
    assert answer.json()["error"] == "invalid_request"
    for wrong in (
        {"iss": client, "sub": "other", "jti": "3"},
        {"iss": client, "sub": client},
        {"iss": "public", "sub": "public", "jti": "4"},
    ):
        proof["client_assertion"] = statement(server, **wrong)
        answer = ask(server, **proof)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
