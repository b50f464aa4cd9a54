"""Signing: every form of key, every algorithm, and what cannot sign."""

import json
import subprocess
import sys
import time

import pytest
from joserfc import jws
from joserfc.jwk import import_key

from oauth_auth.errors import ConfigurationError
from oauth_auth.secret import FromEnv, FromFile, Secret
from oauth_auth.server import AuthorizationServer
from oauth_auth.signing import SigningKey, audience_of, once, sign_with_secret
from tests.client_keys import ALGORITHMS, EC, ED, RSA, pem, public, read

CLAIMS = {"iss": "cli", "aud": "https://auth.test/token"}
PAYLOAD = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"  # noqa: E501


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("form", ["jwk", "pem"])
def test_every_algorithm(algorithm, form):
    """A JWT by RS256, PS256, ES256 or EdDSA is verified by the public key."""
    key = ALGORITHMS[algorithm]
    given = key if form == "jwk" else pem(key)
    signed = SigningKey(given).sign(CLAIMS, algorithm=algorithm, key_id="k1")
    header, claims = read(signed.reveal(), key)
    assert header == {"typ": "JWT", "alg": algorithm, "kid": "k1"}
    assert claims == CLAIMS


@pytest.mark.parametrize(
    ("key", "usual"), [(RSA, "RS256"), (EC, "ES256"), (ED, "EdDSA")]
)
def test_the_usual_algorithm_of_a_key(key, usual):
    """Nobody need know the names; a JWK may say which one it wants."""
    assert read(SigningKey(key).sign(CLAIMS).reveal(), key)[0]["alg"] == usual
    if key is RSA:
        wanted = SigningKey({**RSA, "alg": "PS384", "kid": "2"}).sign(CLAIMS)
        header, _ = read(wanted.reveal(), RSA)
        assert (header["alg"], header["kid"]) == ("PS384", "2")


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        (["PS256", "ES256"], "PS256"),
        (["ES256", "RS256"], "RS256"),
        (["ES256"], "RS256"),
        ([], "RS256"),
    ],
)
def test_an_algorithm_that_the_receiver_takes(offered, expected):
    """What the metadata offer is chosen among what the key can."""
    signed = SigningKey(RSA).sign(CLAIMS, offered=offered)
    assert read(signed.reveal(), RSA)[0]["alg"] == expected


#: RFC 7515 appendices A.2 and A.3: header, and signature of the payload above.
EXAMPLES = {
    "A.2": (
        "eyJhbGciOiJSUzI1NiJ9",
        (
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Q"
            "c_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyW"
            "zO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC"
            "-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLI"
            "hWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
        ),
    ),
    "A.3": (
        "eyJhbGciOiJFUzI1NiJ9",
        (
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP"
            "3-Kg6NU1Q"
        ),
    ),
}


@pytest.mark.parametrize(("example", "key"), [("A.2", RSA), ("A.3", EC)])
def test_the_examples_of_rfc_7515(example, key):
    """Its keys are read, and its signatures are those of what we sign with."""
    header, signature = EXAMPLES[example]
    token = f"{header}.{PAYLOAD}.{signature}"
    assert jws.deserialize_compact(token.encode(), import_key(public(key)))
    claims = {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}
    mine = SigningKey(key).sign(claims).reveal()
    assert read(mine, key)[1] == read(token, key)[1] == claims


def test_every_place_of_a_key(tmp_path, monkeypatch):
    """Text, bytes, mapping, variable, file, path and function give the same key."""
    file = tmp_path / "key.pem"
    file.write_text(pem(EC))
    monkeypatch.setenv("KEY", pem(EC))
    monkeypatch.setenv("ONE_LINE", pem(EC).strip().replace("\n", "\\n"))
    for given in (
        pem(EC),
        pem(EC).encode(),
        json.dumps(EC),
        EC,
        FromEnv("KEY"),
        FromEnv("ONE_LINE"),
        FromFile(str(file)),
        file,
        lambda: pem(EC),
        lambda: pem(EC).encode(),
        lambda: EC,
        {
            "type": "service_account",
            "private_key": pem(EC),
            "private_key_id": "g7",
            "client_email": "x@example.com",
        },
    ):
        header, claims = read(SigningKey(given).sign(CLAIMS).reveal(), EC)
        assert claims == CLAIMS
        assert header.get("kid") == (
            "g7" if isinstance(given, dict) and "type" in given else None
        )


def test_a_key_that_is_replaced_counts_at_once(tmp_path):
    """The file is read for each signature."""
    file = tmp_path / "key.json"
    key = SigningKey(file)
    for current in (EC, RSA, ED):
        file.write_text(json.dumps(current))
        assert read(key.sign(CLAIMS).reveal(), current)


def encrypted():
    """Return a PEM that needs a passphrase."""
    return import_key(EC).as_pem(private=True, password="open sesame").decode()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (lambda: "no key at all, but a s3cretvalue7", "is neither a PEM nor a JWK"),
        (lambda: "{not JSON, s3cretvalue7", "looks like JSON, and is not"),
        (lambda: {"kty": "oct", "k": "s3cretvalue7"}, "is no JWK of an RSA, EC or OKP"),
        (lambda: {"keys": [EC]}, "is no JWK of an RSA, EC or OKP"),
        (lambda: public(EC), "is not a private key"),
        (lambda: {**EC, "x": "AAAA"}, "cannot be read as a JWK"),
        (lambda: {"kty": "EC", "d": EC["d"]}, "cannot be read as a JWK"),
        (lambda: pem(EC).replace("MIG", "MIH"), "cannot be read as a PEM"),
        (lambda: import_key(EC).as_pem(private=False).decode(), "not a private key"),
        (encrypted, "is encrypted with a passphrase"),
        (lambda: "  ", "is empty"),
    ],
)
def test_what_is_no_key(given, why):
    """The error says what is wrong and nothing of what was given."""
    with pytest.raises(ConfigurationError, match=why) as caught:
        SigningKey(given()).sign(CLAIMS)
    assert "s3cretvalue7" not in str(caught.value)
    assert caught.value.__context__ is None


def test_what_is_no_source_of_a_key():
    """A number is refused at once."""
    with pytest.raises(ConfigurationError, match="a path or a function, not int"):
        SigningKey(5)


@pytest.mark.parametrize("algorithm", ["ES256", "HS256", "none"])
def test_an_algorithm_that_the_key_cannot(algorithm):
    """It is told which ones it can, and nothing falls back to none."""
    with pytest.raises(
        ConfigurationError, match=f"cannot sign by {algorithm}; it can by RS"
    ):
        SigningKey(RSA).sign(CLAIMS, algorithm=algorithm)


def test_claims_that_cannot_be_written(monkeypatch):
    """What is no JSON gives an error that names the key's place."""
    monkeypatch.setenv("KEY", json.dumps(EC))
    key = SigningKey(FromEnv("KEY"))
    with pytest.raises(ConfigurationError, match=r"'KEY'.* check the claims"):
        key.sign({"a": object()})


@pytest.mark.parametrize(
    "function", [lambda: None, lambda: 5, lambda: json.loads("{s3cret")]
)
def test_a_function_that_fails(function):
    """Its own words are not repeated, since they may hold the key."""
    with pytest.raises(
        ConfigurationError, match="which should return a secret, r"
    ) as caught:
        SigningKey(function).sign(CLAIMS)
    assert caught.value.__context__ is None
    assert "s3cret" not in str(caught.value)


def test_a_shared_secret_signs():
    """HS256 with a secret that is long enough, and with no other."""
    secret = Secret("0123456789abcdef0123456789abcde!")
    signed = sign_with_secret(secret, CLAIMS).reveal()
    key = import_key({"kty": "oct", "k": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZSE"})
    assert jws.deserialize_compact(signed.encode(), key).headers()["alg"] == "HS256"
    for short in ("short", secret.reveal()[:31]):
        with pytest.raises(ConfigurationError, match="32 bytes or more") as caught:
            sign_with_secret(Secret(short), CLAIMS)
        assert caught.value.__context__ is None


def test_a_statement_is_good_once():
    """Every one has its own jti, and an end."""
    one, other = once(300.0), once(300.0)
    assert one["jti"] != other["jti"]
    assert len(one["jti"]) >= 22
    assert one["exp"] - one["iat"] == 300
    assert abs(one["iat"] - time.time()) < 60
    assert once(0.2)["exp"] > once(0.2)["iat"]


def test_the_audience():
    """The server's token endpoint or issuer by name, anything else as it is."""
    server = AuthorizationServer("https://a.test", token_endpoint="https://a.test/t")
    assert audience_of(server, "token_endpoint") == "https://a.test/t"
    assert audience_of(server, "issuer") == "https://a.test"
    assert audience_of(server, "urn:x") == "urn:x"
    with pytest.raises(ConfigurationError, match=r"the issuer of https://a\.test/t,"):
        audience_of(AuthorizationServer(token_endpoint="https://a.test/t"), "issuer")


def test_joserfc_is_loaded_by_a_signature():
    """Who only names a key does not wait for the import."""
    code = (
        "import sys; from oauth_auth import *; from oauth_auth.client_auth import *;"
        "ClientCredentials('https://a.test', client_id='c',"
        " client_auth=PrivateKeyJWT(FromFile('/key')));"
        "JWTBearer('https://a.test', key=FromFile('/key'), issuer='c');"
        "print('joserfc' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert found == "False\n"
