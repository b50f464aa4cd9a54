"""The grants for machines cross processes sealed, with all that they refer to."""

import pickle

import pytest

from oauth_auth import (
    ClientCredentials,
    FileStore,
    FromEnv,
    FromFile,
    JWTBearer,
    OAuthAuth,
    Password,
    PrivateKeyJWT,
    TLSClientAuth,
    TokenExchange,
    errors,
)
from oauth_auth.client_auth import ClientAssertion
from oauth_auth.grants.saml2_bearer import SAML2Bearer
from oauth_auth.stores.keys import new_key
from tests.client_keys import EC, pem

ISSUER = "https://auth.example.com"
WORD = "Zk3fT9aQw7LpXn2Vb8Ry"


def subject():
    """Return a token."""
    return WORD


def grants(store):
    machine = {"client_id": "c"}
    inner = OAuthAuth(JWTBearer(ISSUER, key=EC, issuer="svc"), store=store)
    return [
        JWTBearer(ISSUER, key=pem(EC), issuer="svc", claims={"scope": "a"}),
        JWTBearer(ISSUER, assertion=WORD),
        SAML2Bearer(ISSUER, assertion=FromFile("/run/saml")),
        TokenExchange(ISSUER, subject_token=subject, actor_token=FromEnv("ACTOR")),
        TokenExchange(ISSUER, subject_token=inner),
        Password(ISSUER, username="al", password=WORD),
        ClientCredentials(ISSUER, client_auth=PrivateKeyJWT(EC), **machine),
        ClientCredentials(ISSUER, client_auth=ClientAssertion(subject), **machine),
        ClientCredentials(ISSUER, client_auth=TLSClientAuth("c.pem"), **machine),
    ]


@pytest.mark.parametrize("number", range(9))
def test_what_comes_back_is_what_went_in(tmp_path, monkeypatch, number):
    """The same record, and nothing readable in between."""
    monkeypatch.setenv("SEALING_KEY", new_key().reveal())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.pem").write_text("any")
    store = FileStore(tmp_path / "store", keys=FromEnv("SEALING_KEY"))
    auth = OAuthAuth(grants(store)[number], store=store, account="me")
    data = pickle.dumps(auth)
    assert WORD.encode() not in data
    assert EC["d"].encode() not in data
    again = pickle.loads(data)
    assert repr(again) == repr(auth)
    assert again._resolved().record_id == auth._resolved().record_id


def test_a_function_without_a_name_cannot_cross(tmp_path, monkeypatch):
    """It is told as Python tells it."""
    monkeypatch.setenv("SEALING_KEY", new_key().reveal())
    store = FileStore(tmp_path, keys=FromEnv("SEALING_KEY"))
    grant = TokenExchange(ISSUER, subject_token=lambda: WORD)
    with pytest.raises((pickle.PicklingError, AttributeError, errors.OAuthAuthError)):
        pickle.dumps(OAuthAuth(grant, store=store, account="me"))
