"""Profiles of machines on the command line."""

import time

import pytest

from oauth_auth.profiles import Profile, Profiles
from tests.cli.commands import run, told
from tests.client_keys import EC, pem, public, signed


@pytest.fixture
def service(home, server, tmp_path):
    """A profile of a service account, which needs no client."""
    server.configure(assertion_jwks={"keys": [public(EC)]})
    key = tmp_path / "key.pem"
    key.write_text(pem(EC))
    profile = Profile(
        name="svc",
        grant="jwt_bearer",
        issuer=server.issuer,
        private_key={"file": str(key)},
        assertion_issuer="reports",
        subject="al@example.com",
    )
    Profiles().save(profile)
    return key


def test_a_service_account(service, server):
    """Login, token, status and profiles say whose it is, and nothing of the key."""
    run("login", "svc")
    assert run("token", "svc").output.strip()
    assert told("status", "svc")["who"] == "al@example.com"
    shown = run("status", "svc")
    assert "none (jwt-bearer)" in shown.output
    listed = run("profiles", "show", "svc").output
    assert str(service) in listed
    assert server.counts().token_requests_by_grant.keys() == {
        "urn:ietf:params:oauth:grant-type:jwt-bearer"
    }


def test_a_key_that_is_gone(service):
    """The command fails with the path."""
    service.unlink()
    assert "key.pem cannot be read" in run("token", "svc", code=2).output


def test_an_exchange(home, server, tmp_path):
    """A token of the platform is exchanged."""
    server.configure(assertion_jwks={"keys": [public(EC)]})
    token = tmp_path / "token"
    claims = {"sub": "pod", "aud": server.issuer, "exp": time.time() + 60}
    token.write_text(signed(claims))
    Profiles().save(
        Profile(
            name="pod",
            grant="token_exchange",
            issuer=server.issuer,
            subject_token={"file": str(token)},
            subject_token_type="jwt",
        )
    )
    assert run("token", "pod").output.strip()
