"""Fixtures of the drop-in's tests: a store of their own, a server, an endpoint."""

import os

import pytest

from tests.http_clients.conftest import (  # noqa: F401  # fixtures
    _no_ambient_settings,
    _nothing_left_behind,
    _nothing_left_open,
    _testing_server,
    serve,
    server,
)
from tests.oauth2_session.endpoint import Endpoint
from tests.secrecy.watch import watch


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """The user's store, which is no test's."""
    path = tmp_path / "home"
    monkeypatch.setenv("OAUTH_AUTH_HOME", os.fspath(path))
    monkeypatch.delenv("OAUTHLIB_INSECURE_TRANSPORT", raising=False)
    monkeypatch.delenv("OAUTHLIB_RELAX_TOKEN_SCOPE", raising=False)
    return path


@pytest.fixture
def endpoint(serve):  # noqa: F811
    """A token endpoint and an API whose every request is seen."""
    return Endpoint(serve())


@pytest.fixture
def watch_off(monkeypatch):
    """Let urllib3 log a URL with a token in it, where a test wants one there."""
    monkeypatch.setattr(watch, "listens", False)
    monkeypatch.setattr(watch, "hear", lambda *_: None)
