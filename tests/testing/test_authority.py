"""The OAuth rules of the testing server, with a clock that only the test moves."""

from collections import Counter

import pytest

from oauth_auth.testing.authority import Authority
from oauth_auth.testing.clients import CONFIDENTIAL, PUBLIC, Refusal
from oauth_auth.testing.settings import ABSENT, Settings


class World:
    """An authority, its clock, and what it counted."""

    def __init__(self, **settings):
        self.now = 1000.0
        self.counts = Counter()

        def count(name):
            self.counts[name] += 1

        rules = Settings().changed(**settings)
        self.authority = Authority(rules, count, lambda: self.now)

    def login(self, client=CONFIDENTIAL, scope=None):
        """Return the access token and refresh token of a new login, as text."""
        access, refresh = self.authority.login("alice", client.client_id, scope)
        return access.value, refresh.value

    def refresh(self, refresh_token, client=CONFIDENTIAL, **form):
        """Return the answer to a refresh request."""
        form |= {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return self.authority.token(client, form)

    def refused(self, refresh_token, **form):
        """Return the error of a refresh request that must fail."""
        with pytest.raises(Refusal) as caught:
            self.refresh(refresh_token, **form)
        return caught.value.error

    def good(self, access_token):
        """Whether the API would accept the token."""
        return self.authority.check(access_token) is not None


def test_access_token_expires():
    """An access token is good up to its lifetime, and not at its end."""
    world = World(access_token_lifetime=10.0)
    access_token, _ = world.login()
    world.now += 9.9
    assert world.good(access_token)
    world.now += 0.1
    assert not world.good(access_token)


def test_rotation_gives_new_tokens():
    """A refresh gives two new tokens, and the old access token stays good."""
    world = World()
    access_token, refresh_token = world.login()
    answer = world.refresh(refresh_token)
    assert answer["refresh_token"] != refresh_token
    assert answer["access_token"] != access_token
    assert world.good(access_token)
    assert world.good(answer["access_token"])
    assert world.counts == {"refreshes_granted": 1}


def test_strict_reuse_revokes_the_family():
    """The first reuse of a spent refresh token ends all tokens of the login."""
    world = World()
    access_token, refresh_token = world.login()
    answer = world.refresh(refresh_token)
    assert world.refused(refresh_token) == "invalid_grant"
    assert not world.good(access_token)
    assert not world.good(answer["access_token"])
    assert world.refused(answer["refresh_token"]) == "invalid_grant"
    assert world.counts == {
        "refreshes_granted": 1,
        "reuse_detected": 1,
        "families_revoked": 1,
    }


def test_reuse_leaves_other_families_alone():
    """Another login of the same person survives the revocation."""
    world = World()
    _, spent = world.login()
    access_token, refresh_token = world.login()
    world.refresh(spent)
    world.refused(spent)
    assert world.good(access_token)
    assert world.refresh(refresh_token)["access_token"]


def test_family_is_revoked_once():
    """Further reuse in a dead family is counted as reuse, not as a revocation."""
    world = World()
    _, refresh_token = world.login()
    world.refresh(refresh_token)
    world.refused(refresh_token)
    world.refused(refresh_token)
    assert world.counts["reuse_detected"] == 2
    assert world.counts["families_revoked"] == 1


def test_grace_replays_the_same_tokens():
    """Within the grace window a spent token is answered as the first time."""
    world = World(rotation="grace", grace=5.0, access_token_lifetime=60.0)
    _, refresh_token = world.login()
    first = world.refresh(refresh_token)
    world.now += 4.9
    again = world.refresh(refresh_token)
    assert again == {**first, "expires_in": 55}
    assert world.counts == {"refreshes_granted": 1, "replays_in_grace": 1}


def test_grace_counts_from_the_first_use():
    """A replay does not prolong the window; after it, reuse revokes the family."""
    world = World(rotation="grace", grace=5.0)
    _, refresh_token = world.login()
    first = world.refresh(refresh_token)
    world.now += 4.0
    world.refresh(refresh_token)
    world.now += 1.0
    assert world.refused(refresh_token) == "invalid_grant"
    assert not world.good(first["access_token"])
    assert world.counts["families_revoked"] == 1


def test_grace_does_not_revive_a_revoked_family():
    """A replay within the window is refused once the login has ended."""
    world = World(rotation="grace", grace=5.0)
    _, refresh_token = world.login()
    first = world.refresh(refresh_token)
    world.authority.revoke_family(first["refresh_token"])
    assert world.refused(refresh_token) == "invalid_grant"


def test_grace_chains():
    """The token that a replay gives is good even where it was used already."""
    world = World(rotation="grace", grace=5.0)
    _, first = world.login()
    second = world.refresh(first)["refresh_token"]
    third = world.refresh(second)["refresh_token"]
    assert world.refresh(first)["refresh_token"] == second
    assert world.refresh(second)["refresh_token"] == third


def test_no_rotation():
    """Without rotation the refresh token stays, and responses have none."""
    world = World(rotation="none")
    _, refresh_token = world.login()
    assert "refresh_token" not in world.refresh(refresh_token)
    assert "refresh_token" not in world.refresh(refresh_token)
    assert world.counts == {"refreshes_granted": 2}


def test_kill_old_access_tokens():
    """If set, a refresh ends the access tokens before it, of this login alone."""
    world = World(kill_old_access_tokens=True)
    access_token, refresh_token = world.login()
    other, _ = world.login()
    answer = world.refresh(refresh_token)
    assert not world.good(access_token)
    assert world.good(answer["access_token"])
    assert world.good(other)


def test_refresh_token_of_another_client():
    """A refresh token is worth nothing to another client, and survives the attempt."""
    world = World()
    _, refresh_token = world.login(PUBLIC)
    assert world.refused(refresh_token) == "invalid_grant"
    assert world.refresh(refresh_token, client=PUBLIC)["access_token"]


def test_unknown_refresh_token():
    """A refresh token that was never issued is an invalid grant, and no reuse."""
    world = World()
    assert world.refused("rt_made_up") == "invalid_grant"
    assert not world.counts


def test_scope_of_a_refresh():
    """A refresh may narrow the scope for its access token, never widen it."""
    world = World()
    _, refresh_token = world.login(scope="read write")
    assert world.refused(refresh_token, scope="read admin") == "invalid_scope"
    narrow = world.refresh(refresh_token, scope="read")
    assert narrow["scope"] == "read"
    assert world.refresh(narrow["refresh_token"])["scope"] == "read write"


def test_client_credentials():
    """The client gets a token for itself, and no refresh token."""
    world = World()
    answer = world.authority.token(CONFIDENTIAL, {"grant_type": "client_credentials"})
    token = world.authority.check(answer["access_token"])
    assert token.family.account == CONFIDENTIAL.client_id
    assert "refresh_token" not in answer


def test_client_credentials_with_refresh_token():
    """If set, client credentials give a refresh token that works."""
    world = World(issue_refresh_token_for_client_credentials=True)
    answer = world.authority.token(CONFIDENTIAL, {"grant_type": "client_credentials"})
    assert world.refresh(answer["refresh_token"])["access_token"]


def test_public_client_has_no_credentials():
    """A public client may not use the client credentials grant."""
    with pytest.raises(Refusal) as caught:
        World().authority.token(PUBLIC, {"grant_type": "client_credentials"})
    assert caught.value.error == "unauthorized_client"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_bad_requests(form, error):
    """A request that lacks something is refused with the RFC's error code."""
    with pytest.raises(Refusal) as caught:
        World().authority.token(CONFIDENTIAL, form)
    assert caught.value.error == error


def test_further_grants():
    """A grant type can be added as an entry of the table."""
    authority = World().authority
    authority.grants["password"] = lambda client, form: {"for": form["username"]}
    form = {"grant_type": "password", "username": "bob"}
    assert authority.token(PUBLIC, form) == {"for": "bob"}


@pytest.mark.parametrize(
    ("lifetime", "expires_in"), [(3600.0, 3600), (2.5, 2), (0.5, 0.5), (0.0, 0.0)]
)
def test_true_expires_in(lifetime, expires_in):
    """Responses say whole seconds, unless that would be none."""
    world = World(access_token_lifetime=lifetime)
    _, refresh_token = world.login()
    assert world.refresh(refresh_token)["expires_in"] == expires_in


@pytest.mark.parametrize("says", ["3600", None, 0, True, 1e20, -5, [1]])
def test_expires_in_that_is_said(says):
    """Responses can say anything about a lifetime; the lifetime stays."""
    world = World(expires_in=says, access_token_lifetime=10.0)
    _, refresh_token = world.login()
    answer = world.refresh(refresh_token)
    assert answer["expires_in"] is says
    assert world.good(answer["access_token"])
    world.now += 10.0
    assert not world.good(answer["access_token"])


def test_extra_and_absent_parameters():
    """Parameters of a response can be added, replaced and left out."""
    world = World(
        expires_in=ABSENT,
        extra={"scope": "a,b", "refresh_token": ABSENT, "tenant": {"id": 7}},
    )
    _, refresh_token = world.login()
    answer = world.refresh(refresh_token)
    assert set(answer) == {"access_token", "token_type", "scope", "tenant"}
    assert answer["scope"] == "a,b"
    assert answer["tenant"] == {"id": 7}


def test_revoke_refresh_token():
    """Revoking a refresh token ends its login, and counts as no punishment."""
    world = World()
    access_token, refresh_token = world.login()
    world.authority.revoke(CONFIDENTIAL, refresh_token)
    assert not world.good(access_token)
    assert world.refused(refresh_token) == "invalid_grant"
    assert not world.counts


def test_revoke_access_token():
    """Revoking an access token ends that token alone."""
    world = World()
    access_token, refresh_token = world.login()
    world.authority.revoke(CONFIDENTIAL, access_token)
    assert not world.good(access_token)
    assert world.refresh(refresh_token)["access_token"]


def test_revoke_token_of_another_client():
    """A client cannot revoke another client's token (RFC 7009 section 2.1)."""
    world = World()
    access_token, refresh_token = world.login()
    with pytest.raises(Refusal):
        world.authority.revoke(PUBLIC, refresh_token)
    assert world.good(access_token)


def test_revoke_access_tokens():
    """All access tokens can be ended at once; refresh tokens stay."""
    world = World()
    access_token, refresh_token = world.login()
    world.authority.revoke_access_tokens()
    assert not world.good(access_token)
    assert world.good(world.refresh(refresh_token)["access_token"])


@pytest.mark.parametrize(
    "settings",
    [{"rotation": "sometimes"}, {"access_token_lifetime": -1.0}, {"grace": "5 s"}],
)
def test_settings_are_checked(settings):
    """A setting that makes no sense is refused by name."""
    with pytest.raises((TypeError, ValueError), match=next(iter(settings))):
        Settings().changed(**settings)
