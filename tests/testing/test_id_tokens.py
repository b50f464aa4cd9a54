"""ID tokens and keys of the testing server."""

import base64
import json
import time

import pytest
import requests
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey

from oauth_auth.testing import ABSENT
from tests.testing.talk import brought_back, browse, redeem


def an_id_token(server, **params):
    """Return what a login that asks for openid brings."""
    params = {"scope": "openid read", "nonce": "n-1", **params}
    code = brought_back(browse(server, **params))["code"]
    return redeem(server, code).json().get("id_token")


def keys(server):
    return KeySet.import_key_set(requests.get(server.jwks_uri, timeout=30).json())


def test_claims_and_signature(server):
    """An ID token says who logged in where, and verifies with the published key."""
    token = jwt.decode(an_id_token(server), keys(server), algorithms=["RS256"])
    now = time.time()
    assert token.claims.pop("iat") == pytest.approx(now, abs=60)
    assert token.claims.pop("exp") == pytest.approx(now + 600, abs=60)
    assert token.claims == {
        "iss": server.issuer,
        "sub": "alice",
        "aud": server.client_id,
        "nonce": "n-1",
    }
    assert server.counts().jwks_requests == 1


def test_no_private_part_is_published(server):
    """The key set holds the public parts alone."""
    (key,) = requests.get(server.jwks_uri, timeout=30).json()["keys"]
    assert set(key) == {"kty", "n", "e", "kid", "use", "alg"}


def test_only_those_who_ask(server):
    """Without openid in the scope there is no ID token, without a nonce none in it."""
    assert an_id_token(server, scope="read") is None
    token = jwt.decode(an_id_token(server, nonce=""), keys(server))
    assert "nonce" not in token.claims


def test_wrong_claims(server):
    """Each claim can be wrong or missing, under a good signature."""
    server.configure(id_token_claims={"iss": "https://evil.example", "exp": ABSENT})
    token = jwt.decode(an_id_token(server), keys(server))
    assert token.claims["iss"] == "https://evil.example"
    assert "exp" not in token.claims


def test_wrong_headers(server):
    """The signature can be none, the client's, or by a key nobody knows."""
    server.configure(id_token_header={"alg": "none"})
    head, _, signature = an_id_token(server).split(".")
    assert json.loads(base64.urlsafe_b64decode(head + "=="))["alg"] == "none"
    assert signature == ""
    server.configure(id_token_header={"alg": "HS256"})
    secret = OctKey.import_key(server.client_secret)
    assert jwt.decode(an_id_token(server), secret, algorithms=["HS256"])
    server.configure(id_token_header={"kid": "unknown"})
    with pytest.raises(JoseError, match="No key"):
        jwt.decode(an_id_token(server), keys(server))
    with pytest.raises(ValueError, match="signed by one of"):
        server.configure(id_token_header={"alg": "ES256"})


def test_rotation(server):
    """After a rotation the new key is published alone, and signs."""
    before, old = keys(server), an_id_token(server)
    server.rotate_keys()
    assert jwt.decode(an_id_token(server), keys(server))
    with pytest.raises(JoseError):
        jwt.decode(old, keys(server))
    assert jwt.decode(old, before)


def test_reset_keeps_the_keys(server):
    """A reset forgets settings, not who the server is."""
    before = keys(server)
    server.reset()
    assert keys(server) == before


def test_faults(server):
    """The keys fail on demand like the other endpoints."""
    server.jwks_faults.answer(500)
    assert requests.get(server.jwks_uri, timeout=30).status_code == 500
