"""Clients and logins that need no socket, for tests about who waits for whom."""

import threading

import httpx
import httpx2

from oauth_auth import MemoryStore, OAuthAuth, RefreshToken
from tests.fake_server import TOKEN_ENDPOINT

URL = "https://api.test/things"
MODULES = {"httpx": httpx, "httpx2": httpx2}


def person(server, **settings):
    """Return an object for a login at a `FakeServer`, with no access token yet."""
    grant = RefreshToken(
        token_endpoint=TOKEN_ENDPOINT, client_id="app", refresh_token=server.seed()
    )
    settings.setdefault("store", MemoryStore())
    return OAuthAuth(grant, http=server.http, **settings)


class LocalApi:
    """An API behind a MockTransport; it knows no token in `refused`."""

    def __init__(self, module):
        self.module = module
        self.authorizations = []
        self.refused = set()
        self.transport = module.MockTransport(self._answer)

    def _answer(self, request):
        authorization = request.headers.get("Authorization")
        self.authorizations.append(authorization)
        if authorization in self.refused:
            headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            return self.module.Response(401, headers=headers)
        return self.module.Response(200)

    def client(self, auth):
        return self.module.Client(auth=auth, transport=self.transport)

    def async_client(self, auth):
        return self.module.AsyncClient(auth=auth, transport=self.transport)


class Gate:
    """A step of a `FakeServer`, or of anything else, that waits to be let through."""

    def __init__(self):
        self.arrived = threading.Event()
        self.opened = threading.Event()

    def __call__(self, *_args):
        self.arrived.set()
        assert self.opened.wait(20)
