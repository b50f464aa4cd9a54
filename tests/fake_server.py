"""An authorization server in this process, for tests that need no socket.

It rotates refresh tokens, and revokes the whole family when a spent one comes back,
at once: the strictest kind there is.
"""

import itertools
import threading
from urllib.parse import parse_qs

import httpx

ISSUER = "https://auth.test"
TOKEN_ENDPOINT = f"{ISSUER}/token"


class FakeServer:
    """Answers token requests through `http`, a factory for OAuthAuth's argument.

    `script` holds what the next token requests get instead of a token: a status and
    body, an exception to raise before processing, or a function of the request.
    """

    def __init__(self, expires_in=3600, *, rotate=True):
        self.expires_in = expires_in
        self.rotate = rotate
        self.script = []
        self.requests = []
        self.families_revoked = 0
        self.metadata = {"issuer": ISSUER, "token_endpoint": TOKEN_ENDPOINT}
        self.metadata_requests = 0
        self.revoked = []
        self._numbers = itertools.count(1)
        self._live = {}
        self._spent = {}
        self._lock = threading.Lock()

    def http(self):
        return httpx.Client(transport=httpx.MockTransport(self._answer))

    def seed(self):
        """Return a fresh refresh token, as after a login."""
        number = next(self._numbers)
        token = f"seed-refresh-{number:04d}"
        self._live[token] = number
        return token

    @property
    def token_requests(self):
        return len(self.requests)

    def _answer(self, request):
        if request.url.path != "/token":
            return self._other(request)
        form = {k: v[0] for k, v in parse_qs(request.content.decode()).items()}
        with self._lock:
            self.requests.append(form)
            step = self.script.pop(0) if self.script else None
        if callable(step):
            step = step(form)
        if isinstance(step, Exception):
            raise step
        if isinstance(step, httpx.Response):
            return step
        answer = self.process(form)
        if step == "lost":
            raise httpx.ReadError("the answer is lost", request=request)
        return answer

    def _other(self, request):
        if request.url.path == "/revoke":
            form = parse_qs(request.content.decode())
            self.revoked.append(form["token"][0])
            return httpx.Response(200)
        self.metadata_requests += 1
        if request.url.path == "/.well-known/oauth-authorization-server":
            return httpx.Response(200, json=self.metadata)
        return httpx.Response(404)

    def process(self, form):
        """Grant or refuse, as the server does when it processes a request."""
        number = next(self._numbers)
        answer = {
            "access_token": f"access-token-{number:04d}",
            "token_type": "Bearer",
            "expires_in": self.expires_in,
        }
        if form["grant_type"] == "refresh_token":
            with self._lock:
                refused = self._spend(form["refresh_token"], answer, number)
            if refused:
                return httpx.Response(400, json={"error": "invalid_grant"})
        return httpx.Response(200, json=answer)

    def _spend(self, token, answer, number):
        if token in self._spent:
            family = self._spent[token]
            if family in self._live.values():
                self.families_revoked += 1
            self._live = {t: f for t, f in self._live.items() if f != family}
            return True
        if token not in self._live:
            return True
        if self.rotate:
            family = self._live.pop(token)
            self._spent[token] = family
            answer["refresh_token"] = f"refresh-token-{number:04d}"
            self._live[answer["refresh_token"]] = family
        return False
