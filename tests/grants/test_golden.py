"""Record ids of the grants for machines: frozen, and different where they must be."""

import base64
import threading

import anyio
import pytest

from oauth_auth import (
    ClientCredentials,
    FromEnv,
    FromFile,
    JWTBearer,
    MemoryStore,
    OAuthAuth,
    Password,
    PrivateKeyJWT,
    RefreshToken,
    TLSClientAuth,
    TokenExchange,
    errors,
)
from oauth_auth.client_auth import ClientAssertion
from oauth_auth.grants.saml2_bearer import SAML2Bearer
from oauth_auth.identity import Identifier
from oauth_auth.secret import Secret

ISSUER = "https://auth.example.com"
FIXED = Identifier(Secret(base64.b64encode(bytes(range(32))).decode()), kept=True)
#: Any text will do: nothing is signed here.
KEY = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"


def jwt_bearer(**changes):
    return JWTBearer(ISSUER, **{"key": KEY, "issuer": "svc", **changes})


def exchange(**changes):
    given = {"subject_token": FromFile("/run/token"), **changes}
    return TokenExchange(ISSUER, **given)


def password(**changes):
    given = {"username": "u", "password": "p", "client_id": "cli", **changes}
    return Password(ISSUER, **given)


def saml(**changes):
    return SAML2Bearer(ISSUER, **{"assertion": FromFile("/run/saml"), **changes})


def machine(client_auth):
    return ClientCredentials(ISSUER, client_id="cli", client_auth=client_auth)


def record_id(grant, account=None):
    return FIXED.record_id(grant.inputs(account))


def called():
    """Return nobody knows whose token."""
    return "token"


@pytest.mark.parametrize(
    ("grant", "expected"),
    [
        (jwt_bearer(), "51365e15b7d123d85c0701f7a46d8b6d4197abe6"),
        (
            jwt_bearer(
                subject="me", claims={"scope": "a b", "n": [1]}, client_id="cli"
            ),
            "02ec9df522215c38a8ec0007e803059c6494fc9a",
        ),
        (
            JWTBearer(ISSUER, assertion=FromEnv("JWT")),
            "16264c3f9349d67146542a3966a1e4f5b1cd31cd",
        ),
        (exchange(), "e78c22a53c3424177a77112e46433634dad5d6b7"),
        (
            exchange(
                subject_token="literal",
                subject_token_type="jwt",
                actor_token=FromEnv("ACTOR"),
                requested_token_type="jwt",
                audience=["b", "a"],
            ),
            "1dc3c7407d6be777b25306c7ae39c39c78dfbd6d",
        ),
        (password(), "cc92dfd0bdc5305bdfe98ef3a8a52207795509e1"),
        (saml(), "12bd986fd8a0dab34e58a979b2983eab7f096e3e"),
        (machine(PrivateKeyJWT(KEY)), "12a510f534359a2c7d6b325f5e3bd1fc50616fe5"),
        (
            machine(ClientAssertion(FromFile("/run/token"))),
            "ed69dfd32dc53a60254e71f656ad49b088509759",
        ),
    ],
)
def test_the_record_id_of_a_configuration(grant, expected):
    """Frozen: if one of these changes, every user of that version asks again."""
    assert record_id(grant) == expected


def test_whatever_can_change_the_token_changes_the_id(tmp_path):
    """No two of these may ever share a token."""
    files = [tmp_path / name for name in ("one.key", "two.key")]
    for file in files:
        file.write_text(file.name)
    grants = [
        jwt_bearer(),
        jwt_bearer(key=KEY.replace("A", "B")),
        jwt_bearer(issuer="other"),
        jwt_bearer(subject="other"),
        jwt_bearer(assertion_audience="issuer"),
        jwt_bearer(claims={"scope": "a"}),
        jwt_bearer(client_id="cli"),
        jwt_bearer(scope="a"),
        JWTBearer(ISSUER, assertion=FromEnv("A")),
        JWTBearer(ISSUER, assertion=FromEnv("B")),
        JWTBearer(ISSUER, assertion=FromFile("/A")),
        JWTBearer(ISSUER, assertion="A"),
        saml(),
        saml(assertion=FromFile("/run/other")),
        exchange(),
        exchange(subject_token=FromFile("/run/other")),
        exchange(subject_token=FromEnv("/run/token")),
        exchange(subject_token="/run/token"),
        exchange(subject_token_type="jwt"),
        exchange(requested_token_type="jwt"),
        exchange(actor_token=FromFile("/run/token")),
        exchange(actor_token=FromFile("/run/token"), actor_token_type="jwt"),
        exchange(audience="a"),
        exchange(audience=["a", "b"]),
        exchange(resource="https://a.example"),
        password(),
        password(username="v"),
        password(password="q"),
        password(client_secret="s"),
        machine(PrivateKeyJWT(KEY)),
        machine(PrivateKeyJWT(KEY.replace("A", "B"))),
        *(machine(TLSClientAuth("cert.pem", file)) for file in files),
        machine(ClientAssertion(FromFile("/a"))),
        machine(ClientAssertion(FromFile("/b"))),
    ]
    ids = [record_id(grant) for grant in grants]
    ids += [record_id(exchange(subject_token=called), name) for name in ("me", "you")]
    assert len(set(ids)) == len(ids)


def test_what_changes_no_token_changes_no_id(tmp_path, monkeypatch):
    """Where a key is kept, how the client signs, and a token that has been replaced."""
    file = tmp_path / "key.pem"
    file.write_text(KEY)
    monkeypatch.setenv("KEY", KEY.strip())
    monkeypatch.setenv("S", "p")
    assert {record_id(jwt_bearer(key=key)) for key in (KEY, file, FromEnv("KEY"))} == {
        record_id(jwt_bearer(algorithm="PS256", key_id="k", lifetime=60.0))
    }
    assert record_id(password(password=FromEnv("S"))) == record_id(password())
    token = tmp_path / "token"
    ids = set()
    for content in ("one", "two"):
        token.write_text(content)
        ids.add(record_id(exchange(subject_token=token)))
    monkeypatch.chdir(tmp_path)
    ids.add(record_id(exchange(subject_token=FromFile("token"))))
    assert len(ids) == 1


@pytest.mark.parametrize(
    "grant",
    [
        exchange(subject_token=called),
        exchange(actor_token=called),
        JWTBearer(ISSUER, assertion=called),
        saml(assertion=called),
        machine(ClientAssertion(called)),
    ],
    ids=["subject", "actor", "jwt", "saml", "client"],
)
def test_a_function_needs_an_account(grant):
    """Nothing else tells whose token it returns."""
    auth = OAuthAuth(grant, store=MemoryStore())
    with pytest.raises(errors.ConfigurationError, match=r"account=\.\.\.") as caught:
        auth.token()
    assert "called" in str(caught.value)
    assert record_id(grant, "me")


def test_a_key_that_cannot_be_read_is_told_before_anything_else():
    """Who has no key gets no token from the store either."""
    for grant in (
        jwt_bearer(key=FromFile("/nowhere/key.pem")),
        machine(PrivateKeyJWT(FromFile("/nowhere/key.pem"))),
        machine(TLSClientAuth("/nowhere/cert.pem", "/nowhere/key.pem")),
    ):
        with pytest.raises(errors.ConfigurationError, match=r"/nowhere/key\.pem"):
            OAuthAuth(grant, store=MemoryStore()).token()


def slow_key():
    """Return a key, and note on which thread."""
    THREADS.append(threading.current_thread())
    return KEY


THREADS = []


@pytest.mark.parametrize(
    "grant",
    [
        jwt_bearer(key=slow_key),
        machine(PrivateKeyJWT(slow_key)),
        exchange(
            subject_token=OAuthAuth(jwt_bearer(key=slow_key), store=MemoryStore())
        ),
        exchange(
            actor_token=OAuthAuth(machine(PrivateKeyJWT(slow_key)), store=MemoryStore())
        ),
    ],
    ids=["jwt", "client", "subject", "actor"],
)
def test_a_function_is_not_called_on_an_event_loop(grant):
    """It may ask a vault; what tells a record is found on another thread."""
    THREADS.clear()
    store = MemoryStore()
    OAuthAuth(machine(PrivateKeyJWT(KEY)), store=store)._resolved()
    anyio.run(OAuthAuth(grant, store=store)._aresolved)
    assert THREADS
    assert threading.main_thread() not in THREADS


def test_another_login_counts_by_its_record():
    """Two people's logins under one client never lead to one token."""
    store = MemoryStore()
    ids = [
        record_id(
            exchange(
                subject_token=OAuthAuth(
                    RefreshToken(ISSUER, client_id="cli", refresh_token=seed),
                    store=store,
                )
            )
        )
        for seed in ("one", "two", "one")
    ]
    assert ids[0] == ids[2] != ids[1]


def test_a_replaced_key_does_not_lose_a_login():
    """Where a person logged in, the key only proves who the client is."""
    ids = {
        record_id(
            RefreshToken(ISSUER, client_id="c", refresh_token="r", client_auth=method)
        )
        for method in (None, PrivateKeyJWT(KEY), PrivateKeyJWT(FromFile("/nowhere")))
    }
    assert len(ids) == 1
