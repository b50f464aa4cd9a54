"""A client, an authorization server and an API in one process, under a made-up time.

The server's and the API's time is the true one; the client sees it through clocks that
a test sets. No time passes by itself.
"""

import contextlib
import json

import httpx

from oauth_auth import MemoryStore, OAuthAuth, RefreshToken, errors
from tests.fake_server import TOKEN_ENDPOINT, FakeServer
from tests.faults.clock import Clock
from tests.faults.logins import settle

API = "https://api.test/things"


class TimedServer(FakeServer):
    """Gives tokens that live in true time, whatever it says about that."""

    def __init__(self, expires_in):
        super().__init__(None)
        #: What it says; ``...`` is nothing.
        self.says = expires_in
        self.now = 0.0
        #: The true life of tokens, in seconds.
        self.life = 3600.0
        #: Access token -> when it ends, in true time.
        self.ends = {}
        #: Further members of an answer.
        self.extra = {}
        #: Refresh token -> the answer that was lost, which it brings once more.
        self._lost = {}

    def lose(self, form):
        """Process a request, lose the answer, and keep it: there is a grace window."""
        self._lost[form["refresh_token"]] = self.process(form)
        return httpx.ReadError("lost")

    def process(self, form):
        if form["refresh_token"] in self._lost:
            return self._lost[form["refresh_token"]]
        response = super().process(form)
        if response.status_code == 200:
            answer = {**response.json(), "expires_in": self.says, **self.extra}
            self.ends[answer["access_token"]] = self.now + self.life
            # JSON as Python writes it has NaN and Infinity, as some servers have.
            body = json.dumps({k: v for k, v in answer.items() if v is not ...})
            response = httpx.Response(200, content=body.encode())
        return response


class Timeline:
    """Everything that one test consists of.

    Args:
        patch: A `pytest.MonkeyPatch`.
        expires_in: What the server says of its tokens; ``...`` to say nothing.
        life: How long they live in truth; by default as it says.
        skew: Seconds that the client's wall clock is ahead.
        settings: For the auth object.
    """

    def __init__(self, patch, *, expires_in=3600.0, life=None, skew=0.0, **settings):
        self.clock = Clock(patch, frozen=True)
        self.clock.step(skew)
        self.server = TimedServer(expires_in)
        self.server.life = float(expires_in) if life is None else life
        settings.setdefault("store", MemoryStore())
        self.seed = self.server.seed()
        self.settings = settings
        self.auth = self.another()
        #: Whether the API refuses every token.
        self.refusing = False
        #: The access tokens that the API was sent, and those that it refused.
        self.used = []
        self.refused = []
        self._client = httpx.Client(transport=httpx.MockTransport(self._api))

    def another(self, **settings):
        """Return one more auth object for the login."""
        grant = RefreshToken(
            token_endpoint=TOKEN_ENDPOINT, client_id="app", refresh_token=self.seed
        )
        settings = {"http": self.server.http, **self.settings, **settings}
        return OAuthAuth(grant, **settings)

    def _api(self, request):
        scheme, _, token = request.headers["Authorization"].partition(" ")
        assert scheme == "Bearer"
        self.used.append(token)
        if self.refusing or self.server.now >= self.server.ends.get(token, 0.0):
            self.refused.append(token)
            challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            return httpx.Response(401, headers=challenge)
        return httpx.Response(200)

    def send(self, auth=None):
        """Send a request; return its status, or the error."""
        try:
            return self._client.get(API, auth=auth or self.auth).status_code
        except errors.OAuthAuthError as error:
            return error

    def request(self, auth=None):
        """Do what `send` does, and wait for what goes on behind it."""
        outcome = self.send(auth)
        settle()
        return outcome

    def requests(self, count, auth=None):
        """Send so many requests; return the outcomes without repetitions."""
        outcomes = []
        for _ in range(count):
            outcome = self.request(auth)
            known = outcome if isinstance(outcome, int) else type(outcome)
            if known not in outcomes:
                outcomes.append(known)
        return outcomes

    def wait(self, seconds):
        """Let time pass."""
        self.server.now += seconds
        self.clock.wait(seconds)

    def suspend(self, seconds):
        """Let time pass while the client's machine sleeps."""
        self.server.now += seconds
        self.clock.suspend(seconds)

    def step(self, seconds):
        """Set the client's wall clock, without any time passing."""
        self.clock.step(seconds)

    @property
    def asked(self):
        """How many token requests there were."""
        return self.server.token_requests

    @contextlib.contextmanager
    def asking(self, most, least=0):
        """Fail unless so many token requests are made inside."""
        before = self.asked
        yield
        assert least <= self.asked - before <= most
        assert self.server.families_revoked == 0
