"""A sealing key for the workers of each test."""

import pytest

from oauth_auth.stores.keys import new_key


@pytest.fixture(autouse=True)
def sealing_key(monkeypatch):
    """The key that all workers share."""
    monkeypatch.setenv("OAUTH_AUTH_KEY", new_key().reveal())
