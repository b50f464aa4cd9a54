"""ID tokens: who logged in is believed only after every check of OpenID Connect."""

import base64
import hmac
import json
import time

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from oauth_auth import AuthorizationServer, DeviceCode, errors
from oauth_auth.id_token import (
    Expected,
    UnknownKey,
    check_id_token,
    signing_algorithms,
)
from oauth_auth.login.who import id_token_check
from oauth_auth.reach import Reach
from oauth_auth.secret import Secret
from oauth_auth.testing import ABSENT
from oauth_auth.token import Token
from tests.login.people import app, device_app, follow, token_requests

CALLBACK = "https://app.example/callback"
NOW = 1_700_000_000.0
CLAIMS = {
    "iss": "https://auth.example",
    "sub": "alice",
    "aud": "app",
    "exp": NOW + 600,
    "nonce": "n-1",
}
EXPECTED = Expected("https://auth.example", "app", Secret("n-1"), ("ES256", "RS256"))
KEY = ECKey.generate_key("P-256", {"kid": "k1"})
OTHER = ECKey.generate_key("P-256", {"kid": "k2"})


def jwks(*keys):
    return KeySet(list(keys)).as_dict(private=False)


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(claims=None, key=KEY, header=None, alg="ES256"):
    """Return an ID token with some claims changed, and those left out that are None.

    By hand, since joserfc does not sign what it would not accept.
    """
    kept = {n: v for n, v in {**CLAIMS, **(claims or {})}.items() if v is not None}
    header = {"alg": alg, "kid": getattr(key, "kid", None), **(header or {})}
    header = {name: value for name, value in header.items() if value is not None}
    return sealed(header, json.dumps(kept).encode(), key)


def sealed(header, payload, key=KEY):
    text = f"{encoded(json.dumps(header).encode())}.{encoded(payload)}"
    if isinstance(key, bytes):
        signature = hmac.digest(key, text.encode(), "sha256")
    else:
        signature = jws.JWSRegistry.algorithms[header["alg"]].sign(text.encode(), key)
    return Secret(f"{text}.{encoded(signature)}")


def check(token, keys=None, expected=EXPECTED, now=NOW):
    return check_id_token(token, keys or jwks(KEY, OTHER), expected, now)


def refused(match, token, keys=None, **options):
    with pytest.raises(errors.LoginFailed, match=match) as caught:
        check(token, keys, **options)
    assert (token.reveal() or "\0") not in str(caught.value)


class TestClaims:
    @pytest.mark.parametrize(
        "claims",
        [
            {},
            {"aud": ["app"]},
            {"aud": ["other", "app"], "azp": "app"},
            {"exp": NOW - 59},
            {"exp": int(NOW) + 10**30},
            {"more": {"nested": [1]}},
        ],
    )
    def test_good_ones(self, claims):
        """What an ID token has to say, in all the ways that servers say it."""
        assert check(signed(claims)).get("sub") == "alice"

    @pytest.mark.parametrize(
        ("claims", "match"),
        [
            ({"iss": "https://auth.example/"}, "another issuer"),
            ({"iss": None}, "another issuer"),
            ({"iss": ["https://auth.example"]}, "another issuer"),
            ({"sub": None}, "who logged in"),
            ({"sub": ""}, "who logged in"),
            ({"sub": 7}, "who logged in"),
            ({"aud": "other"}, "another client"),
            ({"aud": "app2"}, "another client"),
            ({"aud": ["other"]}, "another client"),
            ({"aud": []}, "another client"),
            ({"aud": None}, "another client"),
            ({"aud": ["other", "app"], "azp": "other"}, "issued to another client"),
            ({"exp": NOW - 61}, "has expired"),
            ({"exp": None}, "when it expires"),
            ({"exp": "tomorrow"}, "when it expires"),
            ({"exp": True}, "when it expires"),
            ({"exp": float("nan")}, "when it expires"),
            ({"exp": float("inf")}, "when it expires"),
            ({"nonce": "n-2"}, "another login"),
            ({"nonce": None}, "another login"),
            ({"nonce": 7}, "another login"),
            ({"nonce": "\udc80"}, "another login"),
        ],
    )
    def test_wrong_ones(self, claims, match):
        """Each claim is checked (OpenID Connect Core section 3.1.3.7)."""
        refused(match, signed(claims))

    def test_a_server_without_issuer(self):
        """Nobody can compare an issuer that is not known."""
        expected = EXPECTED._replace(issuer=None)
        assert check(signed({"iss": "https://any.example"}), expected=expected)

    def test_a_login_without_nonce(self):
        """A login by device has none, and so compares none."""
        assert check(signed({"nonce": None}), expected=EXPECTED._replace(nonce=None))

    @pytest.mark.parametrize("payload", [b"[]", b"text", b"", b"\xff", b"[" * 10_000])
    def test_what_is_no_object(self, payload):
        """A signed payload that holds no claims is refused."""
        token = sealed({"alg": "ES256", "kid": "k1"}, payload)
        refused("cannot be verified", token)


class TestSignature:
    def test_a_forged_one(self):
        """A token that somebody else signed under a known key id is refused."""
        forger = ECKey.generate_key("P-256", {"kid": "k1"})
        refused("cannot be verified", signed(key=forger))

    def test_changed_claims(self):
        """A token whose claims were changed is refused."""
        head, _, signature = signed().reveal().split(".")
        _, claims, _ = signed({"sub": "mallory"}).reveal().split(".")
        refused("cannot be verified", Secret(f"{head}.{claims}.{signature}"))

    @pytest.mark.parametrize("kid", ["k1", None])
    def test_none(self, kid):
        """A token without signature proves nothing."""
        refused("none", signed(alg="none", key=None, header={"kid": kid}))

    @pytest.mark.parametrize("secret", [b"client-secret-0123456789-0123456", None])
    def test_hs256(self, secret):
        """Nor does one that is signed with what the client knows too: RFC 8725 2.1.

        Neither with its secret nor, as the oldest trick has it, with the public key.
        """
        rsa = RSAKey.generate_key(2048, {"kid": "k1"})
        known = secret or rsa.as_pem(private=False)
        token = signed(key=known, alg="HS256", header={"kid": "k1"})
        oct_key = {"kty": "oct", "kid": "k1", "k": encoded(known)}
        for keys in (jwks(rsa), {"keys": [*jwks(rsa)["keys"], oct_key]}):
            for algorithms in (("RS256",), signing_algorithms({}), ()):
                expected = EXPECTED._replace(algorithms=algorithms)
                refused("HS256", token, keys, expected=expected)

    def test_another_algorithm_than_offered(self):
        """A good signature by an algorithm that was not offered is refused."""
        expected = EXPECTED._replace(algorithms=("RS256",))
        refused("ES256", signed(), expected=expected)

    @pytest.mark.parametrize(
        ("metadata", "algorithms"),
        [
            ({}, ("RS256",)),
            ({"id_token_signing_alg_values_supported": "ES256"}, ("RS256",)),
            (
                {"id_token_signing_alg_values_supported": ["none", "HS256", "ES256"]},
                ("ES256",),
            ),
            ({"id_token_signing_alg_values_supported": ["HS256", "none"]}, ()),
            (
                {"id_token_signing_alg_values_supported": ["EdDSA", "PS512", 7]},
                ("PS512", "EdDSA"),
            ),
        ],
    )
    def test_offered_algorithms(self, metadata, algorithms):
        """Those of the metadata that are made with a server's own key."""
        assert signing_algorithms(metadata) == algorithms

    @pytest.mark.parametrize(
        ("alg", "key"),
        [
            ("PS256", RSAKey.generate_key(2048, {"kid": "k1"})),
            ("ES384", ECKey.generate_key("P-384", {"kid": "k1"})),
            ("EdDSA", OKPKey.generate_key("Ed25519", {"kid": "k1"})),
        ],
    )
    def test_other_algorithms(self, alg, key):
        """Keys of other kinds verify too."""
        expected = EXPECTED._replace(
            algorithms=signing_algorithms(
                {"id_token_signing_alg_values_supported": [alg]}
            )
        )
        assert check(signed(key=key, alg=alg), jwks(key), expected=expected)

    @pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "x" * 100, "ü.ü.ü", "..."])
    def test_what_is_no_token(self, token):
        """What cannot be read is refused."""
        refused("cannot be verified", Secret(token))


class TestKeys:
    def test_an_unknown_key(self):
        """A key id that is not known asks for newer keys, and is no refusal yet."""
        with pytest.raises(UnknownKey):
            check(signed(), jwks(OTHER))

    def test_no_key_at_all(self):
        """So does a server whose keys nobody understands."""
        with pytest.raises(UnknownKey):
            check(signed(), {"keys": [{"kty": "later", "kid": "k1"}, {}, None, "x"]})

    def test_keys_that_nobody_understands(self):
        """Among others they do not matter (RFC 7517 section 5)."""
        odd = [
            {"kty": "AKP", "kid": "k1", "alg": "ML-DSA-44", "pub": "x"},
            {"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA", "kid": "k1"},
            {"kty": "RSA", "n": "!", "e": "AQAB", "kid": "k1"},
            {"kid": "k1"},
        ]
        assert check(signed(), {"keys": [*odd, *jwks(KEY)["keys"]]})

    def test_no_key_id(self):
        """A token that names no key may be signed by any."""
        token = signed(header={"kid": None}, key=OTHER)
        rsa = RSAKey.generate_key(2048, {"kid": "k3"})
        assert check(token, jwks(rsa, KEY, OTHER))
        with pytest.raises(UnknownKey):
            check(token, jwks(rsa, KEY))

    def test_a_key_for_something_else(self):
        """A key that is for encryption, or another algorithm, signs nothing."""
        (data,) = jwks(KEY)["keys"]
        assert check(signed(), {"keys": [{**data, "use": "sig", "alg": "ES256"}]})
        for wrong in ({"use": "enc"}, {"alg": "ES512"}):
            with pytest.raises(UnknownKey):
                check(signed(), {"keys": [{**data, **wrong}]})

    def test_headers_that_nobody_understands(self):
        """They are ignored (RFC 7515 section 4), unless they are critical."""
        assert check(signed(header={"pi.atm": "1", "x5c": ["A" * 4000]}))
        refused("verified", signed(header={"crit": ["more"], "more": 1}))

    def test_no_keys_published(self):
        """Where a server publishes no keys, TLS vouches, and the claims count."""
        assert check_id_token(signed(), None, EXPECTED, NOW).get("sub") == "alice"
        with pytest.raises(errors.LoginFailed, match="another client"):
            check_id_token(signed({"aud": "x"}), None, EXPECTED, NOW)

    def test_no_keys_and_no_tls(self):
        """Without keys and without TLS nobody vouches."""
        server = AuthorizationServer(
            token_endpoint="http://auth.example/token", allow_http=True
        )
        token = Token("a", obtained_at=NOW, id_token=signed())
        grant = DeviceCode(server, client_id="app", scope="openid")
        judge = id_token_check(server, grant, Reach(None, None, 1.0))
        with pytest.raises(errors.LoginFailed, match="plain http"):
            judge(token)


def log_in(auth, **extra):
    url, pending = auth.authorization_url(**extra)
    return auth.fetch_token(authorization_response=follow(url), pending=pending)


class TestLogin:
    """The same in whole logins, against keys that change."""

    @pytest.fixture
    def auth(self, server):
        return app(server, redirect_uri=CALLBACK, account="1", scope="openid read")

    def refused(self, auth, match):
        with pytest.raises(errors.LoginFailed, match=match):
            log_in(auth)
        with pytest.raises(errors.LoginRequired):
            auth.token()

    def test_a_good_one(self, server, auth):
        """The ID token comes with the token; the keys are fetched once an hour."""
        for _ in range(3):
            assert log_in(auth).id_token
        assert server.counts().jwks_requests == 1

    @pytest.mark.parametrize(
        ("claims", "match"),
        [
            ({"iss": "https://evil.example"}, "another issuer"),
            ({"aud": "other"}, "another client"),
            ({"exp": time.time() - 3600}, "expired"),
            ({"nonce": "other"}, "another login"),
            ({"sub": ABSENT}, "who logged in"),
        ],
    )
    def test_wrong_claims(self, server, auth, claims, match):
        """A login with a wrong ID token leaves nothing behind."""
        server.configure(id_token_claims=claims)
        self.refused(auth, match)

    @pytest.mark.parametrize("alg", ["none", "HS256"])
    def test_weak_signatures(self, server, auth, alg):
        """Nor does one that anybody could have signed."""
        server.configure(id_token_header={"alg": alg})
        self.refused(auth, "cannot be verified")

    def test_a_rotation(self, server, auth):
        """New keys are fetched when a token comes that is signed with one."""
        log_in(auth)
        server.rotate_keys()
        assert log_in(auth).id_token
        assert server.counts().jwks_requests == 2

    def test_an_unknown_key(self, server, auth):
        """For a key id that is not known the keys are fetched exactly once more."""
        server.configure(id_token_header={"kid": "unknown"})
        self.refused(auth, "does not have")
        assert server.counts().jwks_requests == 2
        self.refused(auth, "does not have")
        assert server.counts().jwks_requests == 3

    def test_no_keys(self, server, auth):
        """A server without jwks_uri is believed where TLS or loopback vouches."""
        server.configure(metadata={"jwks_uri": ABSENT})
        assert log_in(auth).id_token
        assert server.counts().jwks_requests == 0

    @pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"keys": 7}', b"{" * 5000])
    def test_broken_keys(self, server, auth, body):
        """Trouble with the keys spends nothing: the same answer is good afterwards."""
        server.jwks_faults.answer(200, body)
        url, pending = auth.authorization_url()
        answer = {"authorization_response": follow(url), "pending": pending}
        with pytest.raises(errors.ServerError, match="without a key set"):
            auth.fetch_token(**answer)
        assert token_requests(server) == 0
        assert auth.fetch_token(**answer) == auth.token()

    def test_unreachable_keys(self, server, auth):
        """So does a server that cannot be reached."""
        server.jwks_faults.drop("before", times=None)
        with pytest.raises(errors.EndpointUnreachable):
            log_in(auth)
        assert token_requests(server) == 0

    def test_a_missing_id_token(self, server, auth):
        """Who asks for openid is to be told who logged in."""
        server.configure(extra={"id_token": ABSENT})
        self.refused(auth, "no ID token")

    def test_openid_was_not_granted(self, server, auth):
        """A server that says that it granted less need not send one."""
        server.configure(extra={"id_token": ABSENT, "scope": "read"})
        assert log_in(auth).scope == "read"

    def test_nobody_asked(self, server):
        """Without openid in the scope an ID token is nobody's business."""
        server.configure(extra={"id_token": "nonsense"})
        auth = app(server, redirect_uri=CALLBACK, account="1", scope="read")
        assert log_in(auth).id_token == "nonsense"
        assert server.counts().jwks_requests == 0

    def test_by_device(self, server):
        """A login by device has its ID token checked, too, if one comes."""
        server.configure(
            device_interval=0.0,
            device_response={"interval": 0.01},
            id_token_claims={"aud": "other"},
        )
        auth = device_app(server, scope="openid")

        def log_in_there():
            return auth.login(show=lambda said: server.approve_device(said.user_code))

        with pytest.raises(errors.LoginFailed, match="another client"):
            log_in_there()
        server.configure(id_token_claims={})
        assert log_in_there().id_token
        server.configure(extra={"id_token": ABSENT})
        assert log_in_there().id_token is None
