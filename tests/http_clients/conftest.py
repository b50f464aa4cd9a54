"""Fixtures of the HTTP clients' tests."""

import gc
import logging
import os
import time

import pytest

from oauth_auth import MemoryStore, OAuthAuth, RefreshToken, origins
from oauth_auth.testing import TestingServer
from tests.flights import let_flights_end
from tests.http_clients.api import Api
from tests.transport.servers import make_certificate

AMBIENT = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)


@pytest.fixture(autouse=True)
def _no_ambient_settings(monkeypatch):
    for name in AMBIENT:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("NETRC", os.devnull)


@pytest.fixture(autouse=True)
def _nothing_said_before():
    origins._said.clear()


@pytest.fixture(autouse=True)
def _nothing_left_behind():
    """Let no test end while a renewal of its own is under way."""
    yield
    let_flights_end()


@pytest.fixture(autouse=True, scope="module")
def _nothing_left_open():
    """Have Python complain about sockets that nobody closed, once per file."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def _testing_server():
    with TestingServer() as server:
        yield server


@pytest.fixture
def server(_testing_server):
    """An authorization server and protected API of its own process, as new."""
    _testing_server.reset()
    return _testing_server


@pytest.fixture
def serve():
    """Start APIs that end with the test."""
    apis = []

    def start(**options):
        apis.append(Api(**options))
        return apis[-1]

    yield start
    for api in apis:
        api.close()


@pytest.fixture
def api(serve):
    """An API that accepts every token."""
    return serve()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def login(server):
    """Return a function that logs somebody in, and gives an object for that login."""

    def log_in(
        *,
        expired=False,
        public=False,
        kind=OAuthAuth,
        token_endpoint=None,
        **settings,
    ):
        client_id = server.public_client_id if public else server.client_id
        tokens = server.issue(client=client_id)
        grant = RefreshToken(
            token_endpoint=token_endpoint or server.token_endpoint,
            client_id=client_id,
            client_secret=None if public else server.client_secret,
            token={**tokens, "expires_at": time.time() + (-1 if expired else 3600)},
        )
        settings.setdefault("store", MemoryStore())
        return kind(grant, **settings)

    return log_in


class Everything(logging.Handler):
    """Keeps the text of every log record there is."""

    def __init__(self):
        super().__init__(1)
        self.lines = []

    def emit(self, record):
        self.lines.append(f"{self.format(record)} {record.args!r}")


@pytest.fixture
def log():
    """Return all that is logged, by anybody, at any level."""
    root = logging.getLogger()
    level = root.level
    handler = Everything()
    root.addHandler(handler)
    root.setLevel(1)
    yield handler.lines
    root.removeHandler(handler)
    root.setLevel(level)
