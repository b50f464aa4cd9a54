"""Logging in on another device (RFC 8628), on clocks that only the tests move. M99."""

import httpx
import pytest
import requests

from oauth_auth import AuthorizationServer, DeviceCode, MemoryStore, OAuthAuth, errors
from oauth_auth.login import device as module
from oauth_auth.login.device import log_in_by_device
from oauth_auth.login.waiting import Waiting
from oauth_auth.testing import ABSENT
from tests.login.people import device_app, token_requests

ISSUER = "https://auth.test"
PENDING = (400, {"error": "authorization_pending"})
SLOW_DOWN = (400, {"error": "slow_down"})
GRANTED = (200, {"access_token": "at-1", "refresh_token": "rt-1", "expires_in": 3600})
DEVICE = {
    "device_code": "dc-secret-device-code",
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://auth.test/device",
    "expires_in": 600,
    "interval": 5,
}


class World:
    """A server that answers by script, and clocks that stand still but for sleep."""

    def __init__(self, monkeypatch):
        self.monotonic = 1000.0
        self.wall = 1_700_000_000.0
        self.device = dict(DEVICE)
        self.script = []
        self.forms = []
        self.slept = []
        self.shown = []
        #: Called after each sleep.
        self.then = lambda: None
        monkeypatch.setattr(module.time, "monotonic", lambda: self.monotonic)
        monkeypatch.setattr(module.time, "time", lambda: self.wall)

    def sleep(self, seconds):
        self.slept.append(seconds)
        assert len(self.slept) < 1000, "it never ends"
        self.monotonic += seconds
        self.wall += seconds
        self.then()

    def _answer(self, request):
        if request.url.path == "/device_authorization":
            return httpx.Response(200, json=self.device)
        form = dict(httpx.QueryParams(request.content.decode()))
        self.forms.append(form)
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return httpx.Response(step[0], json=step[1], headers=dict(step[2:]))

    def log_in(self, *script, **options):
        """Log in, with these answers to the polls."""
        self.script = list(script)
        server = AuthorizationServer(
            token_endpoint=f"{ISSUER}/token",
            device_authorization_endpoint=f"{ISSUER}/device_authorization",
        )
        auth = OAuthAuth(
            DeviceCode(server, client_id="tv", **options),
            store=MemoryStore(),
            http=lambda: httpx.Client(transport=httpx.MockTransport(self._answer)),
        )
        held = log_in_by_device(
            auth._resolved(),
            auth._terms_for(None),
            show=self.shown.append,
            sleep=self.sleep,
        )
        assert auth.token() == held.token
        return held.token


@pytest.fixture
def world(monkeypatch):
    return World(monkeypatch)


class TestPolling:
    def test_pending(self, world):
        """The server is asked at its interval until the person is done."""
        token = world.log_in(PENDING, PENDING, PENDING, GRANTED)
        assert token.access_token == "at-1"
        assert world.slept == [5.0] * 4, "the first poll waits, too"
        grant_type = "urn:ietf:params:oauth:grant-type:device_code"
        assert world.forms == 4 * [
            {
                "grant_type": grant_type,
                "device_code": DEVICE["device_code"],
                "client_id": "tv",
            }
        ]

    def test_slow_down(self, world):
        """Each slow_down adds 5 s, for good; pending keeps what there is. M99b."""
        world.log_in(SLOW_DOWN, PENDING, SLOW_DOWN, PENDING, GRANTED)
        assert world.slept == [5.0, 10.0, 10.0, 15.0, 15.0]

    @pytest.mark.parametrize("interval", [ABSENT, 0, -5, None, "soon", True, [5]])
    def test_no_usable_interval(self, world, interval):
        """A missing, zero, negative or senseless interval is 5 s. M99b."""
        world.device["interval"] = interval
        if interval == ABSENT:
            del world.device["interval"]
        world.log_in(PENDING, GRANTED)
        assert world.slept == [5.0, 5.0]

    @pytest.mark.parametrize(("interval", "seconds"), [(1, 1), ("7", 7), (2.5, 2.5)])
    def test_other_intervals(self, world, interval, seconds):
        """The server's interval is what counts, in whatever way it is written."""
        world.device["interval"] = interval
        world.log_in(PENDING, GRANTED)
        assert world.slept == [seconds] * 2

    def test_network_failures(self, world):
        """A failure of the network doubles the interval, up to a minute. M99c."""
        lost = httpx.ConnectError("no route")
        world.log_in(lost, PENDING, *[httpx.ReadTimeout("slow")] * 4, GRANTED)
        assert world.slept == [5.0, 10.0, 10.0, 20.0, 40.0, 60.0, 60.0]

    def test_server_failures(self, world):
        """So does a server that fails, or says to come back later."""
        world.log_in(
            (500, {}),
            (503, {}, ("Retry-After", "47")),
            (429, {"error": "slow_down"}, ("Retry-After", "1")),
            GRANTED,
        )
        assert world.slept == [5.0, 10.0, 47.0, 52.0]

    def test_a_long_interval_is_not_shortened(self, world):
        """A server that wants more than a minute gets it."""
        world.device["interval"] = 90
        world.log_in((500, {}), GRANTED)
        assert world.slept == [90.0, 90.0]

    @pytest.mark.parametrize("status", [200, 400, 403])
    def test_answers_with_another_status(self, world, status):
        """The code in the body counts; GitHub sends it with status 200."""
        world.log_in((status, PENDING[1]), (status, SLOW_DOWN[1]), GRANTED)
        assert world.slept == [5.0, 5.0, 10.0]

    def test_resources(self, world):
        """Each token request names the resource (RFC 8707). M98d."""
        world.log_in(PENDING, GRANTED, resource="https://api.example")
        assert [form["resource"] for form in world.forms] == ["https://api.example"] * 2


class TestEnd:
    @pytest.mark.parametrize("code", ["access_denied", "authorization_declined"])
    def test_denial(self, world, code):
        """The person's no ends it at once, as an error of its own. M99c."""
        with pytest.raises(errors.AccessDeniedError, match="said no") as caught:
            world.log_in(PENDING, (400, {"error": code}))
        assert caught.value.error == "access_denied"
        assert caught.value.description == "access_denied"
        assert len(world.slept) == 2

    def test_the_servers_words(self, world):
        """What the server says about it is passed on, once."""
        said = {"error": "access_denied", "error_description": "Not today."}
        with pytest.raises(errors.AccessDeniedError) as caught:
            world.log_in((400, said))
        assert caught.value.description == "Not today"
        assert str(caught.value).count("access_denied") == 1

    def test_expired_token(self, world):
        """A server that says that the code has expired ends it at once. M99c."""
        with pytest.raises(errors.LoginFailed, match="code ended") as caught:
            world.log_in(PENDING, (400, {"error": "expired_token"}))
        assert caught.value.error == "expired_token"
        assert not isinstance(caught.value, errors.AccessDeniedError)

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            ((400, {"error": "invalid_grant"}), errors.InvalidGrantError),
            ((401, {"error": "invalid_client"}), errors.InvalidClientError),
            ((400, {"error": "unheard_of"}), errors.TokenEndpointError),
            ((404, {}), errors.TokenEndpointError),
        ],
    )
    def test_other_errors(self, world, answer, kind):
        """Any other error ends it, too (RFC 8628 section 3.5)."""
        with pytest.raises(kind):
            world.log_in(PENDING, answer)
        assert len(world.forms) == 2

    def test_its_own_clock(self, world):
        """At expires_in the server is not asked any more. M99c."""
        world.device["expires_in"] = 17
        with pytest.raises(errors.LoginFailed, match="code ended"):
            world.log_in(*[PENDING] * 9)
        assert len(world.forms) == 3

    def test_a_suspended_machine(self, world):
        """The wall clock counts where the other one stood still. M99d."""

        def suspend():
            world.wall += 5 * 3600
            world.monotonic += 1 - 5  # instead of the sleep's 5 s

        world.then = suspend
        with pytest.raises(errors.LoginFailed, match="code ended"):
            world.log_in(PENDING, GRANTED)
        assert world.forms == []

    def test_a_clock_that_is_set_back(self, world):
        """The other clock counts where the wall clock is set back. M99g."""

        def set_back():
            world.wall -= 3600

        world.then = set_back
        world.device["expires_in"] = 17
        with pytest.raises(errors.LoginFailed, match="code ended"):
            world.log_in(*[PENDING] * 9)
        assert len(world.forms) == 3

    @pytest.mark.parametrize("expires_in", [None, 0, -1, "never"])
    def test_no_usable_expiry(self, world, expires_in):
        """A code that does not say how long it lives gets ten minutes."""
        world.device["expires_in"] = expires_in
        with pytest.raises(errors.LoginFailed, match="code ended"):
            world.log_in(*[PENDING] * 200)
        assert sum(world.slept) == 600


class TestPrompt:
    def test_what_is_shown(self, world):
        """The program is given all that RFC 8628 section 3.3 wants shown."""
        complete = "https://auth.test/device?user_code=WDJB-MJHT"
        world.device["verification_uri_complete"] = complete
        expires_at = world.wall + 600
        world.log_in(GRANTED)
        (shown,) = world.shown
        assert shown == ("WDJB-MJHT", "https://auth.test/device", complete, expires_at)

    def test_googles_spelling(self, world):
        """Google writes verification_url."""
        world.device["verification_url"] = world.device.pop("verification_uri")
        world.log_in(GRANTED)
        assert world.shown[0].verification_uri == "https://auth.test/device"

    @pytest.mark.parametrize("complete", [True, False])
    def test_what_is_printed(self, server, capsys, complete):
        """Code and URL are printed in plain text, beside a complete URI too. M99a."""
        server.configure(
            device_interval=0.0,
            device_response={
                "interval": 0.01,
                **({} if complete else {"verification_uri_complete": ABSENT}),
            },
        )
        auth = device_app(server)
        honest, server_said = module.ask_for_device_code, []

        def ask(*args):
            device = honest(*args)
            server_said.append(device)
            server.approve_device(device.user_code)
            return device

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "ask_for_device_code", ask)
            auth.login()
        out, err = capsys.readouterr()
        (device,) = server_said
        assert out == ""
        assert device.user_code in err.split()
        assert device.verification_uri in err.split()
        assert (f"{device.verification_uri}?user_code=" in err) == complete
        assert device.device_code.reveal() not in err

    @pytest.mark.parametrize("name", ["device_code", "user_code", "verification_uri"])
    @pytest.mark.parametrize("value", [None, "", 7, "a\x1b[2Jb"])
    def test_answers_that_are_none(self, world, name, value):
        """Without a code to show, or with one that repaints the terminal, it ends."""
        world.device[name] = value
        with pytest.raises(errors.ServerError):
            world.log_in()
        assert world.shown == []


class TestServer:
    """Whole logins at the testing server."""

    @pytest.fixture(autouse=True)
    def _at_once(self, server):
        server.configure(device_interval=0.0, device_response={"interval": 0.01})

    def test_approval(self, server):
        """Somebody enters the code, and every request has a token from then on."""
        auth = device_app(server, scope="read")
        token = auth.login(show=lambda d: server.approve_device(d.user_code, "bob"))
        assert token.scope == "read"
        answer = requests.get(server.api_url, auth=auth, timeout=30)
        assert answer.json()["sub"] == "bob"
        assert auth.renew().access_token != token.access_token

    def test_denial(self, server):
        """Somebody refuses, and no request has a token."""
        auth = device_app(server)
        with pytest.raises(errors.AccessDeniedError):
            auth.login(show=lambda device: server.deny_device(device.user_code))
        with pytest.raises(errors.LoginRequired):
            auth.token()

    def test_nobody(self, server):
        """Nobody comes until the code expires."""
        server.configure(device_lifetime=0.1)
        with pytest.raises(errors.LoginFailed, match="code ended"):
            device_app(server).login(show=lambda device: None)

    def test_too_fast(self, server):
        """What the server calls too fast ends nothing. M99b."""
        server.token_faults.answer(400, {"error": "slow_down"})
        auth = device_app(server)
        slept = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Waiting, "sleep", lambda self, seconds: slept.append(seconds))
            auth.login(show=lambda device: server.approve_device(device.user_code))
        assert slept == [0.01, 5.01]

    def test_a_confidential_client(self, server):
        """A client with a secret proves itself at both endpoints."""
        auth = device_app(
            server, client_id=server.client_id, client_secret=server.client_secret
        )
        auth.login(show=lambda device: server.approve_device(device.user_code))
        assert server.token_log()[-1].client_auth == "client_secret_basic"

    def test_a_refusal_at_the_start(self, server):
        """A server that does not want the login says so before a code is shown."""
        server.device_faults.answer(400, {"error": "unauthorized_client"})
        with pytest.raises(errors.UnauthorizedClientError, match="allow this grant"):
            device_app(server).login(show=pytest.fail)
        grant_type = "urn:ietf:params:oauth:grant-type:device_code"
        assert token_requests(server, grant_type) == 0

    def test_a_server_without_devices(self, server):
        """A server without that endpoint is named."""
        server.configure(metadata={"device_authorization_endpoint": ABSENT})
        with pytest.raises(errors.ConfigurationError, match="device_authorization"):
            device_app(server).login()

    def test_an_unwritable_store(self, server, monkeypatch):
        """No code is shown for a login that could not be kept."""

        def full(self, journal):
            raise errors.StoreNotWritable("the disk is full")

        monkeypatch.setattr("oauth_auth.stores.memory._Transaction.reserve", full)
        with pytest.raises(errors.StoreNotWritable):
            device_app(server).login(show=pytest.fail)
        assert server.counts().device_requests == 0
