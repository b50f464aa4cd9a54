"""JWTBearer and its sibling for SAML: what is sent, and with which assertion."""

import base64
import json
import time

import pytest

from oauth_auth import (
    FromEnv,
    JWTBearer,
    MemoryStore,
    OAuthAuth,
    errors,
)
from oauth_auth.grants.saml2_bearer import SAML2Bearer
from tests.client_keys import EC, RSA, pem, public, read, signed
from tests.fake_server import ISSUER, TOKEN_ENDPOINT, FakeServer

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ACCOUNT = {
    "type": "service_account",
    "client_email": "reports@project.iam.example.com",
    "private_key_id": "g7",
    "private_key": pem(RSA),
    "token_uri": TOKEN_ENDPOINT,
}


@pytest.fixture
def server():
    return FakeServer(expires_in=100)


def auth_of(server, grant, **settings):
    return OAuthAuth(grant, store=MemoryStore(), http=server.http, **settings)


def test_the_request_of_rfc_7523(server):
    """Section 2.1: grant_type and assertion, and no client where none is given."""
    grant = JWTBearer(ISSUER, key=EC, key_id="16", issuer="svc", subject="alice")
    auth_of(server, grant).token()
    (form,) = server.requests
    header, claims = read(form.pop("assertion"), EC)
    assert form == {"grant_type": JWT_BEARER}
    assert header == {"typ": "JWT", "alg": "ES256", "kid": "16"}
    assert claims.pop("jti")
    assert claims.pop("exp") - claims.pop("iat") == 300
    # The metadata have named the token endpoint.
    assert claims == {"iss": "svc", "sub": "alice", "aud": TOKEN_ENDPOINT}


def test_everything_that_can_be_said(server):
    """Scope, audience, resource, extra parameters, claims, lifetime and algorithm."""
    grant = JWTBearer(
        ISSUER,
        key=RSA,
        algorithm="PS256",
        client_id="cli",
        client_secret="s3cr3t-value-77",
        client_auth="client_secret_post",
        assertion_audience="issuer",
        lifetime=60.0,
        claims={"role": "r", "sub": None},
        scope=["a", "b"],
        audience="https://api.test",
        resource="https://api.test/",
        extra={"tenant": "7"},
    )
    auth_of(server, grant).token()
    (form,) = server.requests
    header, claims = read(form.pop("assertion"), RSA)
    assert header["alg"] == "PS256"
    assert claims["exp"] - claims["iat"] == 60
    assert claims["iss"] == "cli"
    assert claims["aud"] == ISSUER
    assert claims["role"] == "r"
    assert "sub" not in claims
    assert form == {
        "grant_type": JWT_BEARER,
        "client_id": "cli",
        "client_secret": "s3cr3t-value-77",
        "scope": "a b",
        "audience": "https://api.test",
        "resource": "https://api.test/",
        "tenant": "7",
    }


def test_each_request_has_a_new_assertion_and_all_parameters(server):
    """There is no refresh: what a server issues of that kind is not used."""
    real = server.process

    def process(form):
        answer = real(form)
        data = {**json.loads(answer.content), "refresh_token": "unwanted-refresh-0001"}
        return type(answer)(200, json=data)

    server.process = process
    auth = auth_of(server, JWTBearer(ISSUER, key=EC, issuer="svc", scope="a"))
    auth.token()
    auth.renew()
    first, second = server.requests
    assert first["scope"] == second["scope"] == "a"
    assert first["grant_type"] == second["grant_type"] == JWT_BEARER
    jtis = {read(form["assertion"], EC)[1]["jti"] for form in server.requests}
    assert len(jtis) == 2


class TestServiceAccount:
    """Google's key files."""

    def test_of_a_file(self, server, tmp_path):
        """Issuer, key, key id and endpoint are the file's; the scope is a claim."""
        file = tmp_path / "sa.json"
        file.write_text(json.dumps(ACCOUNT))
        grant = JWTBearer.from_service_account_file(file, scope=["a", "b"])
        auth_of(server, grant).token()
        (form,) = server.requests
        header, claims = read(form.pop("assertion"), RSA)
        assert form == {"grant_type": JWT_BEARER}
        assert header == {"typ": "JWT", "alg": "RS256", "kid": "g7"}
        assert {name: claims.get(name) for name in ("iss", "sub", "aud", "scope")} == {
            "iss": ACCOUNT["client_email"],
            "sub": None,
            "aud": TOKEN_ENDPOINT,
            "scope": "a b",
        }

    def test_a_file_that_is_replaced(self, server, tmp_path):
        """The new key signs, under its own id."""
        file = tmp_path / "sa.json"
        file.write_text(json.dumps(ACCOUNT))
        auth = auth_of(server, JWTBearer.from_service_account_file(str(file)))
        auth.token()
        newer = {**ACCOUNT, "private_key": pem(EC), "private_key_id": "g8"}
        file.write_text(json.dumps(newer))
        auth.renew()
        assert read(server.requests[-1]["assertion"], EC)[0]["kid"] == "g8"

    def test_of_a_dictionary(self, server):
        """On behalf of a user, and with arguments that win."""
        grant = JWTBearer.from_service_account_info(
            ACCOUNT, subject="alice@example.com", assertion_audience="urn:x"
        )
        auth_of(server, grant).token()
        claims = read(server.requests[-1]["assertion"], RSA)[1]
        assert claims["sub"] == "alice@example.com"
        assert claims["aud"] == "urn:x"
        assert "scope" not in claims
        assert repr(grant) == (
            f"JWTBearer('{TOKEN_ENDPOINT}', issuer='reports@project.iam.example.com', "
            "subject='alice@example.com')"
        )

    @pytest.mark.parametrize(
        "content",
        ["", "{", "[]", '{"type": "authorized_user", "refresh_token": "r3fresh-77"}'],
    )
    def test_what_is_no_such_file(self, tmp_path, content):
        """The error names the file, and says nothing of what is in it."""
        file = tmp_path / "sa.json"
        file.write_text(content)
        with pytest.raises(errors.ConfigurationError, match=r"sa\.json") as caught:
            JWTBearer.from_service_account_file(file)
        assert "r3fresh" not in str(caught.value)
        assert caught.value.__context__ is None


class TestGiven:
    """A JWT that somebody else has signed."""

    def test_it_is_read_for_each_request(self, server, tmp_path):
        """What is in the file now is sent."""
        file = tmp_path / "jwt"
        auth = auth_of(server, JWTBearer(ISSUER, assertion=file))
        for number in range(2):
            file.write_text(signed({"n": number}) + "\n")
            auth.renew()
        assert [read(f["assertion"], EC)[1]["n"] for f in server.requests] == [0, 1]

    def test_one_that_has_expired(self, server, monkeypatch):
        """It is told before anything is sent; clocks may differ by a minute."""
        monkeypatch.setenv("JWT", signed({"exp": time.time() - 90}))
        auth = auth_of(server, JWTBearer(ISSUER, assertion=FromEnv("JWT")))
        with pytest.raises(
            errors.ConfigurationError, match=r"FromEnv\('JWT'\) expired 9"
        ):
            auth.token()
        assert server.requests == []
        monkeypatch.setenv("JWT", signed({"exp": time.time() - 30}))
        assert auth.token().access_token


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({}, "needs either key="),
        ({"key": EC, "assertion": "jwt"}, "needs either key="),
        ({"key": EC}, "does not say whose JWT it is"),
        ({"key": EC, "issuer": "i", "claims": {"a": object()}}, "are no JSON"),
        ({"key": EC, "issuer": "i", "client_secret": "s"}, "no client_id given"),
        ({"assertion": 5}, "assertion must be text, FromEnv"),
    ],
)
def test_what_cannot_work(arguments, why):
    """It is told when the object is made."""
    with pytest.raises(errors.ConfigurationError, match=why):
        JWTBearer(ISSUER, **arguments)


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("<saml:Assertion>é</saml:Assertion>", None),
        ("PHNhbWw-YXNzZXJ0aW9uPC9zYW1sPg", "PHNhbWw-YXNzZXJ0aW9uPC9zYW1sPg"),
    ],
)
def test_the_request_of_rfc_7522(server, given, sent):
    """Section 2.1: XML is encoded by base64url; what is encoded is sent as it is."""
    auth_of(server, SAML2Bearer(ISSUER, assertion=given, scope="a")).token()
    (form,) = server.requests
    assertion = form.pop("assertion")
    assert form == {
        "grant_type": "urn:ietf:params:oauth:grant-type:saml2-bearer",
        "scope": "a",
    }
    if sent is None:
        assert base64.urlsafe_b64decode(assertion + "==").decode() == given
        assert "=" not in assertion
    else:
        assert assertion == sent


def test_the_public_part_of_the_key_is_never_needed(server):
    """A key file with a public key alone is told, before anything is sent."""
    auth = auth_of(server, JWTBearer(ISSUER, key=public(EC), issuer="svc"))
    with pytest.raises(errors.ConfigurationError, match="not a private key"):
        auth.token()
    assert server.requests == []
