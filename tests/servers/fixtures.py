"""Fixtures of real servers; each starts once per test run, on its first use.

A *backend* is a server that keeps records, emptied for each test.
"""

import pytest

from tests.servers import machines, oidc, toolkit


@pytest.fixture(scope="session")
def oidc_provider(tmp_path_factory):
    """A running oidc-provider whose access tokens live for 3 seconds."""
    log = tmp_path_factory.mktemp("oidc_provider") / "log"
    with oidc.running(log) as server:
        yield server


@pytest.fixture(scope="session")
def django_oauth_toolkit(tmp_path_factory):
    """A running django-oauth-toolkit: tokens of 3 seconds, a grace window of 5."""
    log = tmp_path_factory.mktemp("django_oauth_toolkit") / "log"
    with toolkit.running(log, grace=5) as server:
        yield server


@pytest.fixture(scope="session")
def redis_machine():
    """A running Redis, to be left as it was found."""
    with machines.directory_for("redis") as path, machines.Redis(path) as server:
        yield server


@pytest.fixture(scope="session")
def valkey_machine():
    """A running Valkey, to be left as it was found."""
    with machines.directory_for("valkey") as path, machines.Valkey(path) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_machine():
    """A running PostgreSQL, to be left as it was found."""
    with machines.directory_for("postgres") as path, machines.Postgres(path) as server:
        yield server


@pytest.fixture(scope="session")
def pgbouncer_machine(postgres_machine):
    """A running pgbouncer in front of it."""
    with (
        machines.directory_for("pgbouncer") as path,
        machines.Pgbouncer(path, postgres_machine) as server,
    ):
        yield server


@pytest.fixture
def redis_backend(redis_machine):
    """Redis, empty."""
    return _empty("RedisBackend", redis_machine)


@pytest.fixture
def valkey_backend(valkey_machine):
    """Valkey, empty."""
    return _empty("RedisBackend", valkey_machine)


@pytest.fixture
def postgres_backend(postgres_machine):
    """PostgreSQL, empty."""
    return _empty("PostgresBackend", postgres_machine)


@pytest.fixture(params=["redis", "postgres"])
def backend(request):
    """The one and the other."""
    return request.getfixturevalue(f"{request.param}_backend")


def _empty(kind, machine):
    # Here, since fixtures are known before the package may be loaded.
    from oauth_auth import sources
    from tests.fleet import backends

    backend = getattr(backends, kind)(machine)
    backend.empty()
    # No test knows what was at the same place in the one before.
    for known in (sources._sources, sources._identifiers, sources._outages):
        known.clear()
    return backend
