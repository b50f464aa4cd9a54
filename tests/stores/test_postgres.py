"""PostgresStore: the contract, on a real server and through a pooler."""

import pytest

from oauth_auth.stores.keys import new_key
from oauth_auth.stores.postgres import PostgresStore
from oauth_auth.testing.store_contract import StoreContract


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OAUTH_AUTH_KEY", new_key().reveal())


def emptied(dsn):
    """Remove the table, so that the next one to use it makes it."""
    store = PostgresStore(dsn)
    store._rows._server.ask("DROP TABLE IF EXISTS oauth_auth_records", {})


class TestContract(StoreContract):
    shared_between_processes = True

    @pytest.fixture(autouse=True)
    def storage(self, postgres_machine):
        self.dsn = postgres_machine.dsn()
        emptied(self.dsn)

    def make_store(self):
        return PostgresStore(self.dsn)


class TestContractThroughAPooler(StoreContract):
    shared_between_processes = True

    @pytest.fixture(autouse=True)
    def storage(self, postgres_machine, pgbouncer_machine):
        self.dsn = postgres_machine.dsn(pgbouncer_machine.port)
        emptied(self.dsn)

    def make_store(self):
        return PostgresStore(self.dsn)
