"""RedisStore: the contract, on a real server."""

import pytest

from oauth_auth.stores.keys import new_key
from oauth_auth.stores.redis import RedisStore
from oauth_auth.testing.store_contract import StoreContract


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OAUTH_AUTH_KEY", new_key().reveal())


class TestContract(StoreContract):
    shared_between_processes = True

    @pytest.fixture(autouse=True)
    def storage(self, redis_machine):
        self.url = redis_machine.url
        self.make_store()._rows._server.call("flushdb")

    def make_store(self):
        return RedisStore(self.url)
