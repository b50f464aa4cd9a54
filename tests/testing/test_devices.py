"""Logins on another device at the testing server."""

from collections import Counter

import pytest
import requests

from oauth_auth.testing import ABSENT
from oauth_auth.testing.authority import Authority
from oauth_auth.testing.clients import CONFIDENTIAL, PUBLIC, Refusal
from oauth_auth.testing.devices import DEVICE_GRANT, Devices
from oauth_auth.testing.id_tokens import IdTokens
from oauth_auth.testing.settings import Settings
from tests.testing.talk import ask, basic, call


def start(server, **form):
    """Send a device authorization request."""
    return requests.post(
        server.device_authorization_endpoint,
        data=form,
        headers={
            # Without parameters requests sends no content type.
            "Content-Type": "application/x-www-form-urlencoded",
            **basic(server.client_id, server.client_secret),
        },
        timeout=30,
    )


def poll(server, device):
    return ask(server, grant_type=DEVICE_GRANT, device_code=device["device_code"])


def test_approval(server):
    """A login waits until somebody has entered its code, and is then theirs."""
    server.configure(device_interval=0.0)
    device = start(server, scope="read").json()
    assert device["verification_uri"] == f"{server.issuer}/device"
    assert device["user_code"] in device["verification_uri_complete"]
    assert poll(server, device).json()["error"] == "authorization_pending"
    server.approve_device(device["user_code"].lower().replace("-", " "), "bob")
    tokens = poll(server, device).json()
    assert tokens["scope"] == "read"
    assert call(server, tokens).json()["sub"] == "bob"
    assert poll(server, device).json()["error"] == "invalid_grant"
    assert server.counts().device_requests == 1


def test_denial(server):
    """A login that is refused ends with that error."""
    server.configure(device_interval=0.0)
    device = start(server).json()
    server.deny_device(device["user_code"])
    assert poll(server, device).json()["error"] == "access_denied"
    device = start(server).json()
    server.deny_device(device["user_code"], "server_error")
    assert poll(server, device).json()["error"] == "server_error"


def test_the_verification_page(server):
    """Whoever opens the complete URI agrees, or not, as the settings say."""
    server.configure(device_interval=0.0)
    device = start(server).json()
    uri = device["verification_uri_complete"]
    assert requests.get(f"{uri}&login_hint=bob", timeout=30).ok
    assert call(server, poll(server, device).json()).json()["sub"] == "bob"
    server.configure(authorization_error="access_denied")
    device = start(server).json()
    assert requests.get(device["verification_uri_complete"], timeout=30).ok
    assert poll(server, device).json()["error"] == "access_denied"
    page = f"{server.issuer}/device"
    assert requests.get(page, timeout=30).status_code == 400
    assert requests.get(f"{page}?user_code=XXXX", timeout=30).status_code == 404


def test_unknown_codes(server):
    """No code can be approved or polled that was not issued."""
    for decide in (server.approve_device, server.deny_device):
        with pytest.raises(ValueError, match="no such user code"):
            decide("BCDF-GHJK")
    answer = poll(server, {"device_code": "made up"})
    assert answer.json()["error"] == "invalid_grant"
    assert ask(server, grant_type=DEVICE_GRANT).json()["error"] == "invalid_request"


def test_answers_can_be_wrong(server):
    """`device_response` replaces and removes parameters; faults do the rest."""
    server.configure(device_response={"interval": ABSENT, "expires_in": -1})
    device = start(server).json()
    assert "interval" not in device
    assert device["expires_in"] == -1
    server.device_faults.answer(400, {"error": "invalid_scope"})
    assert start(server).status_code == 400


def test_only_clients_are_served(server):
    """A device authorization request proves who sends it."""
    answer = requests.post(server.device_authorization_endpoint, data={}, timeout=30)
    assert answer.status_code == 400
    answer = requests.post(
        server.device_authorization_endpoint, data={"client_id": "x"}, timeout=30
    )
    assert answer.status_code == 401


class World:
    """The rules alone, with a clock that only the test moves."""

    def __init__(self, **settings):
        self.now = 1000.0
        counts = Counter()
        rules = Settings().changed(**settings)
        self.authority = Authority(
            rules, lambda name: counts.update([name]), lambda: self.now
        )
        id_tokens = IdTokens(lambda: rules, lambda: "issuer")
        self.devices = Devices(self.authority, id_tokens, lambda: "https://x/device")
        self.device = self.devices.start(CONFIDENTIAL, {})

    def poll(self, client=CONFIDENTIAL):
        """Return the error of a poll, or None."""
        form = {
            "grant_type": DEVICE_GRANT,
            "device_code": self.device["device_code"],
        }
        try:
            self.authority.token(client, form)
        except Refusal as refusal:
            return refusal.error
        return None


def test_slow_down():
    """Whoever polls too fast is slowed down by 5 s each time, for good."""
    world = World(device_interval=5.0)
    assert world.poll() == "authorization_pending"
    world.now += 4.9
    assert world.poll() == "slow_down"
    world.now += 9.9
    assert world.poll() == "slow_down"
    world.now += 15.0
    assert world.poll() == "authorization_pending"
    world.now += 14.9
    assert world.poll() == "slow_down"


def test_expiry():
    """At the end of its life a code is good neither for the device nor the person."""
    world = World(device_lifetime=600.0)
    assert world.device["expires_in"] == 600
    world.now += 599.9
    assert world.poll() == "authorization_pending"
    world.now += 0.1
    assert world.poll() == "expired_token"
    assert not world.devices.decide(world.device["user_code"], "alice")


def test_a_device_code_is_its_clients_alone():
    """Another client cannot poll for it."""
    world = World()
    world.devices.decide(world.device["user_code"], "alice")
    assert world.poll(PUBLIC) == "invalid_grant"
    assert world.poll() is None
