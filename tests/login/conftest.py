"""Fixtures of the login tests: a server, a browser, and nothing left behind."""

import gc
import threading
import webbrowser

import pytest

from oauth_auth import jwks
from oauth_auth.testing import TestingServer
from tests.http_clients.conftest import log  # noqa: F401  # a fixture
from tests.login.people import Browser
from tests.login.stacks import a_free_port


@pytest.fixture(scope="session")
def _login_server():
    with TestingServer() as server:
        yield server


@pytest.fixture
def server(_login_server):
    """An authorization server and protected API of its own process, as new."""
    _login_server.reset()
    return _login_server


@pytest.fixture(autouse=True)
def _no_keys_kept():
    """Have each test fetch the server's keys for itself."""
    jwks._keys.clear()


@pytest.fixture(autouse=True)
def browser(monkeypatch):
    """The browser of this machine; no test ever opens a real one."""
    browser = Browser()
    monkeypatch.setattr(webbrowser, "get", lambda: browser)
    yield browser
    browser.join()


@pytest.fixture(autouse=True)
def _nothing_left_behind():
    """Let no test end with a thread of ours."""
    yield
    for thread in threading.enumerate():
        if thread.name.startswith("oauth_auth") and not thread.daemon:
            thread.join(30)
    left = [t.name for t in threading.enumerate() if t.name == "oauth_auth login"]
    assert left == []


@pytest.fixture(autouse=True, scope="module")
def _nothing_left_open():
    """Have Python complain about sockets that nobody closed, once per file."""
    yield
    gc.collect()


@pytest.fixture
def free_port():
    """A port that is free on both loopback addresses."""
    return a_free_port()
