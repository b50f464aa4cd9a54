"""A Redis or PostgreSQL for each test, empty."""

import pytest

from oauth_auth import sources
from oauth_auth.stores.keys import new_key
from tests.fleet.backends import PostgresBackend, RedisBackend


@pytest.fixture(autouse=True)
def sealing_key(monkeypatch):
    """The key that all workers share."""
    monkeypatch.setenv("OAUTH_AUTH_KEY", new_key().reveal())


@pytest.fixture(autouse=True)
def _forget_what_was_in_the_store():
    """No test knows what was at the same place in the one before."""
    sources._sources.clear()
    sources._identifiers.clear()
    sources._outages.clear()


@pytest.fixture
def redis_backend(redis_machine):
    """Redis alone."""
    backend = RedisBackend(redis_machine)
    backend.empty()
    return backend


@pytest.fixture
def valkey_backend(valkey_machine):
    """Valkey alone."""
    backend = RedisBackend(valkey_machine)
    backend.empty()
    return backend


@pytest.fixture
def postgres_backend(postgres_machine):
    """PostgreSQL alone."""
    backend = PostgresBackend(postgres_machine)
    backend.empty()
    return backend


@pytest.fixture(params=["redis", "postgres"])
def backend(request):
    """The one and the other."""
    return request.getfixturevalue(f"{request.param}_backend")
