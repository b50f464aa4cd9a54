"""FileStore: the contract."""

import pytest

from oauth_auth.stores.file import FileStore
from oauth_auth.testing.store_contract import StoreContract


class TestContract(StoreContract):
    shared_between_processes = True

    @pytest.fixture(autouse=True)
    def storage(self, tmp_path):
        self.path = tmp_path / "store"

    def make_store(self):
        return FileStore(self.path)
