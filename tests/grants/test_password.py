"""Password: what is sent, and when it is sent again."""

import httpx
import pytest

from oauth_auth import FromEnv, MemoryStore, OAuthAuth, Password, errors
from oauth_auth.testing import TestingServer
from tests.fake_server import ISSUER, FakeServer

WORD = "Vq8-correct-h0rse"


@pytest.fixture
def server():
    return FakeServer(expires_in=100)


def grant(**changes):
    given = {"username": "al", "password": WORD, "client_id": "cli", **changes}
    return Password(ISSUER, **given)


def test_the_request_of_rfc_6749(server):
    """Section 4.3.2, with or without a client."""
    auth = OAuthAuth(grant(scope="a"), store=MemoryStore(), http=server.http)
    auth.token()
    assert server.requests[-1] == {
        "grant_type": "password",
        "username": "al",
        "password": WORD,
        "scope": "a",
        "client_id": "cli",
    }
    alone = OAuthAuth(grant(client_id=""), store=MemoryStore(), http=server.http)
    alone.token()
    assert set(server.requests[-1]) == {"grant_type", "username", "password"}


@pytest.fixture(scope="module")
def real():
    """A testing server with one user."""
    with TestingServer(passwords={"al": WORD}) as running:
        yield running


def of(real, **changes):
    """Return an object for the testing server's user."""
    given = {"username": "al", "password": WORD, "client_id": real.client_id}
    given |= {"client_secret": real.client_secret, **changes}
    return OAuthAuth(Password(real.issuer, **given), store=MemoryStore())


def grants_of(real):
    return [entry.grant_type for entry in real.token_log()]


def test_it_refreshes_when_it_can(real):
    """The password is sent once; each refresh token is spent once."""
    real.reset()
    auth = of(real)
    for _ in range(3):
        auth.renew()
    assert grants_of(real) == ["password", "refresh_token", "refresh_token"]
    assert real.counts().reuse_detected == 0
    assert httpx.get(real.api_url, auth=auth).json()["sub"] == "al"


def test_it_authenticates_again_when_it_cannot(real):
    """A refresh token that has ended is no end, since the password is there."""
    real.reset()
    auth = of(real)
    token = auth.token()
    real.revoke_family(token.refresh_token)
    assert httpx.get(real.api_url, auth=auth).status_code == 200
    assert grants_of(real) == ["password", "refresh_token", "password"]
    real.configure(extra={"refresh_token": ""})
    newer = auth.renew()
    assert newer.access_token


def test_a_wrong_password(real):
    """It is told, and not tried again at once: accounts get locked by that."""
    real.reset()
    auth = of(real, password="Wr0ng-passw0rd")
    for _ in range(3):
        with pytest.raises(errors.InvalidGrantError):
            auth.token()
    assert real.counts().token_requests == 1


def test_a_password_that_is_replaced(real, monkeypatch):
    """The variable is read when the password is needed again."""
    real.reset()
    monkeypatch.setenv("PASSW0RD", WORD)
    auth = of(real, password=FromEnv("PASSW0RD"))
    token = auth.token()
    real.configure(passwords={"al": "Nw7-other-w0rd"})
    monkeypatch.setenv("PASSW0RD", "Nw7-other-w0rd")
    real.revoke_family(token.refresh_token)
    assert auth.renew().access_token
    real.revoke_family(auth.token().refresh_token)
    monkeypatch.delenv("PASSW0RD")
    with pytest.raises(errors.ConfigurationError, match="PASSW0RD"):
        auth.renew()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"username": ""}, "has no username"),
        ({"password": ""}, "has no password"),
        ({"client_id": "", "client_secret": "s"}, "no client_id"),
    ],
)
def test_what_cannot_work(changes, why):
    """It is told when the object is made."""
    with pytest.raises(errors.ConfigurationError, match=why):
        grant(**changes)


def test_the_repr_has_no_password():
    """Nor has that of what holds it."""
    auth = OAuthAuth(grant(), store=MemoryStore())
    assert WORD not in repr(auth) + repr(vars(auth)) + repr(vars(auth._grant))
