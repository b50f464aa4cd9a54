"""Fixtures of the command line's tests: a home of its own, a server, a browser."""

import webbrowser

import pytest

from oauth_auth.testing import TestingServer
from tests.login.people import Browser


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The user's directory, new and empty."""
    path = tmp_path / "home"
    monkeypatch.setenv("OAUTH_AUTH_HOME", str(path))
    for name in ("OAUTH_AUTH_KEY", "OAUTH_AUTH_KEYRING", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return path


@pytest.fixture(scope="session")
def _cli_server():
    with TestingServer(device_interval=0.05) as server:
        yield server


@pytest.fixture
def server(_cli_server):
    """An authorization server and protected API of its own process, as new."""
    _cli_server.reset()
    return _cli_server


@pytest.fixture
def browser(monkeypatch):
    """The browser of this machine."""
    browser = Browser()
    monkeypatch.setattr(webbrowser, "get", lambda: browser)
    yield browser
    browser.join()


@pytest.fixture
def work(home, server):
    """A profile "work" whose person is logged in."""
    from tests.cli.commands import logged_in

    return logged_in(server, "work")
