"""Fixtures of the examples' tests: the environment that they are started in."""

import importlib.util
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture
def server(oauth_server, monkeypatch, tmp_path):
    """An authorization server and its API, for which the environment is set up."""
    settings = {
        "ISSUER": oauth_server.issuer,
        "API": oauth_server.api_url,
        "CLIENT_ID": oauth_server.client_id,
        "CLIENT_SECRET": oauth_server.client_secret,
        "OAUTH_AUTH_HOME": str(tmp_path),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return oauth_server


@pytest.fixture
def example():
    """Return a function that makes the application of an example."""

    def load(name):
        path = EXAMPLES / f"{name}.py"
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.create_app()

    return load
