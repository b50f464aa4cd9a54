"""Keeps the tests away from the profiles and tokens of whoever runs them."""

import pytest


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    """A directory for profiles and tokens, which the environment names."""
    for name in ("OAUTH_AUTH_KEY", "OAUTH_AUTH_KEYRING"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OAUTH_AUTH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
