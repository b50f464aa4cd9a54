"""MemoryStore: the contract, and what it means to live in one process."""

import copy

import pytest

from oauth_auth import errors
from oauth_auth.stores.base import Journal, Record
from oauth_auth.stores.memory import MemoryStore
from oauth_auth.testing.store_contract import StoreContract
from tests.stores.children import in_child


class TestContract(StoreContract):
    @pytest.fixture(autouse=True)
    def storage(self):
        self.store = MemoryStore()

    def make_store(self):
        return self.store


def test_a_lock_held_at_a_fork_is_not_held_in_the_child():
    """A child is not blocked by a lock whose holder exists in the parent only."""
    store = MemoryStore()

    def work():
        with store.lock("r", timeout=0) as transaction:
            transaction.save(Record(generation=1))
            with pytest.raises(errors.StoreLocked):
                store.lock("r", timeout=0).__enter__()
        return store.read("r").generation

    with store.lock("r", timeout=0):
        assert in_child(work) == "1"
        with pytest.raises(errors.StoreLocked):
            store.lock("r", timeout=0).__enter__()
    assert store.read("r") is None


def test_a_child_does_not_spend_its_parents_refresh_token():
    """After a fork both would spend the same one, so the child refuses before that."""
    store = MemoryStore()

    def work():
        with store.lock("r", timeout=0) as transaction:
            transaction.reserve(Journal(0, "f", 1.0, 2.0))

    said = in_child(work)
    assert said.startswith("StoreNotWritable: ")
    assert "use the FileStore" in said
    with store.lock("r", timeout=0) as transaction:
        transaction.reserve(Journal(0, "f", 1.0, 2.0))
        assert transaction.read().journal is not None


def test_each_memory_store_is_a_storage_of_its_own():
    """Two of them share nothing; a copy is the same one."""
    store = MemoryStore()
    assert store != MemoryStore()
    assert copy.copy(store) is store
    assert copy.deepcopy([store])[0] is store
