"""Redeeming authorization codes at the testing server."""

from collections import Counter

import pytest

from oauth_auth.testing.authority import Authority
from oauth_auth.testing.clients import CONFIDENTIAL, PUBLIC, Refusal
from oauth_auth.testing.codes import Codes, Consent
from oauth_auth.testing.id_tokens import IdTokens
from oauth_auth.testing.settings import Settings
from tests.testing.talk import (
    CHALLENGE,
    REDIRECT_URI,
    VERIFIER,
    brought_back,
    browse,
    call,
    redeem,
    refresh,
)


def a_code(server, **params):
    return brought_back(browse(server, **params))["code"]


def test_a_code_becomes_a_login(server):
    """A code brings an access token that the API takes, and a refresh token."""
    tokens = redeem(server, a_code(server)).json()
    assert call(server, tokens).json()["sub"] == "alice"
    assert refresh(server, tokens).ok
    counts = server.counts()
    assert counts.codes_redeemed == 1
    assert counts.token_requests_by_grant["authorization_code"] == 1


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"code": "made up"}, "invalid_grant"),
        ({"code": ""}, "invalid_request"),
        ({"redirect_uri": "https://app.example/callback/"}, "invalid_grant"),
        ({"redirect_uri": ""}, "invalid_request"),
        ({"code_verifier": VERIFIER[::-1]}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_request"),
        ({"resource": "https://other.example"}, "invalid_target"),
    ],
)
def test_what_does_not_fit_the_code(server, wrong, error):
    """Redirect URI, verifier and resource are those of the authorization request."""
    form = {"code": a_code(server), **wrong}
    answer = redeem(server, form.pop("code"), **form)
    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert server.counts().codes_redeemed == 0


def test_a_second_use_ends_the_login(server):
    """A code is good once; sent again, what it brought ends."""
    code = a_code(server)
    tokens = redeem(server, code).json()
    assert redeem(server, code).json()["error"] == "invalid_grant"
    assert call(server, tokens).status_code == 401
    assert refresh(server, tokens).json()["error"] == "invalid_grant"
    assert redeem(server, code).status_code == 400
    counts = server.counts()
    assert counts.codes_redeemed == 1
    assert counts.codes_reused == 2
    assert counts.families_revoked == 1


def test_resources(server):
    """Token and refresh requests may name the resources of the consent, or less."""
    two = ["https://a.example", "https://b.example"]
    tokens = redeem(server, a_code(server, resource=two), resource=two).json()
    renewed = refresh(server, tokens, resource=two[:1])
    assert renewed.ok
    answer = refresh(server, renewed.json(), resource="https://c.example")
    assert answer.json()["error"] == "invalid_target"


class TestRules:
    """The rules alone, with a clock that only the test moves."""

    @pytest.fixture
    def world(self):
        world = Counter()
        world.now = 1000.0
        settings = Settings().changed(code_lifetime=60.0)
        authority = Authority(settings, lambda name: world.update([name]), lambda: 0.0)
        authority.now = lambda: world.now
        world.authority = authority
        world.codes = Codes(authority, IdTokens(lambda: settings, lambda: "issuer"))
        return world

    @staticmethod
    def redeem(world, client=CONFIDENTIAL, *, passed=0.0):
        consent = Consent(
            "bob", CONFIDENTIAL.client_id, REDIRECT_URI, CHALLENGE, "read", None, ()
        )
        code = world.codes.issue(consent)
        world.now += passed
        return world.authority.token(
            client,
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": REDIRECT_URI,
                "code_verifier": VERIFIER,
            },
        )

    def test_a_code_lives_for_a_minute(self, world):
        """A code is good up to its lifetime, and not at its end."""
        assert self.redeem(world, passed=59.9)["scope"] == "read"
        with pytest.raises(Refusal, match="expired"):
            self.redeem(world, passed=60.0)

    def test_a_code_is_its_clients_alone(self, world):
        """Another client cannot redeem it."""
        with pytest.raises(Refusal, match="not known"):
            self.redeem(world, PUBLIC)
