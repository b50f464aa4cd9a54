"""Fixtures of the transport tests."""

import gc
import logging
import threading

import pytest

from tests.transport.servers import FOREVER, Server, make_certificate

AMBIENT = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NETRC",
)


@pytest.fixture(autouse=True)
def _no_ambient_settings(monkeypatch):
    for name in AMBIENT:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(autouse=True)
def _nothing_left_behind():
    """Let no exchange end with a thread that stays, or a socket that is not closed."""
    yield
    for thread in threading.enumerate():
        if thread.name == "oauth_auth exchange":
            thread.join(FOREVER)
            assert not thread.is_alive()


@pytest.fixture(autouse=True, scope="module")
def _nothing_left_open():
    """Have Python complain about sockets that nobody closed, once per file."""
    yield
    gc.collect()


@pytest.fixture
def serve():
    """Start servers that end with the test."""
    servers = []

    def start(answer, **options):
        servers.append(Server(answer, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


class Listener(logging.Handler):
    """Takes every record there is, and does something about it."""

    def __init__(self, act):
        super().__init__(1)
        self._act = act

    def emit(self, record):
        self._act(record.getMessage())


@pytest.fixture
def listen():
    """Return a function that has every log record of the process go to a function."""
    root = logging.getLogger()
    level = root.level
    handlers = []

    def start(act):
        handlers.append(Listener(act))
        root.addHandler(handlers[-1])
        root.setLevel(1)

    yield start
    for handler in handlers:
        root.removeHandler(handler)
    root.setLevel(level)
