"""StoreContract: what every token store must do, as tests to subclass.

A store of your own passes all of it, or workers that share the store will log each
other out:

    from oauth_auth.testing import StoreContract

    class TestMyStore(StoreContract):
        shared_between_processes = True

        @pytest.fixture(autouse=True)
        def storage(self, tmp_path):
            self.path = tmp_path

        def make_store(self):
            return MyStore(self.path)
"""

# ruff: noqa: S101  # asserts are what pytest tests consist of

from __future__ import annotations

import itertools
import pickle

from oauth_auth import errors
from oauth_auth.stores.base import Record
from oauth_auth.testing.store_companions import CompanionTests
from oauth_auth.testing.store_locks import LockTests
from oauth_auth.testing.store_records import RecordTests
from oauth_auth.testing.store_tools import (
    ID,
    OTHER,
    PATIENCE,
    TURNS,
    WORKERS,
    a_mark,
    a_record,
    refused,
    save,
    worker,
)
from oauth_auth.token import Token

__all__ = ["StoreContract"]


class StoreContract(RecordTests, CompanionTests, LockTests):
    """The contract of `TokenStore` and `Transaction`; a subclass is a test class.

    It implements `make_store`, which returns a new handle on the test's storage each
    time, sets `shared_between_processes`, and gives each test an empty storage.
    """

    def test_claims_are_set_looked_up_and_replaced(self) -> None:
        """A fingerprint leads to its record, for every handle, until it is replaced."""
        store = self.make_store()
        assert store.claim("f1") is None
        assert store.claim("f1", ID) == ID
        assert store.claim("f1", ID) == ID
        assert store.claim("f2", OTHER) == OTHER
        assert self.make_store().claim("f1") == ID
        assert store.claim("f3", ID, replaces="f1") == ID
        found = [self.make_store().claim(name) for name in ("f1", "f2", "f3")]
        assert found == [None, OTHER, ID]
        assert store.claim("f3", OTHER) == OTHER
        assert self.make_store().claim("f3") == OTHER

    def test_a_seeds_claim_is_never_forgotten(self) -> None:
        """Somebody's configuration may offer it again after any number of renewals."""
        store = self.make_store()
        assert store.claim("f1", ID, seed=True) == ID
        store.claim("f2", ID)
        assert store.claim("f2", seed=True) is None
        assert store.claim("f2", ID, seed=True) == ID
        store.claim("f2", ID)  # as a renewal does, which does not know
        store.claim("f3", ID, replaces="f1")
        store.claim("f4", ID, replaces="f2")
        again = self.make_store()
        assert [again.claim(name, seed=True) for name in ("f1", "f2")] == [ID, ID]
        assert again.claim("f1") == ID
        assert again.claim("never", seed=True) is None

    def test_replacing_what_is_not_there_is_no_error(self) -> None:
        """The oldest claim may be gone already."""
        assert self.make_store().claim("f1", ID, replaces="never") == ID

    def test_a_stamp_tells_of_every_change(self) -> None:
        """Where there is one: a record or mark that appears, changes or goes."""
        store = self.make_store()
        stamp = getattr(self.make_store(), "stamp", None)
        if stamp is None:
            return
        seen = [stamp(ID)]
        for change in (a_mark(0), a_record(1), a_record(2), a_mark(2), None, a_mark(2)):
            with store.lock(ID, timeout=PATIENCE) as transaction:
                if isinstance(change, Record):
                    transaction.save(change)
                else:
                    transaction.mark(change)
            assert stamp(ID) == stamp(ID)
            seen.append(stamp(ID))
        assert all(old != new for old, new in itertools.pairwise(seen)), seen
        save(store, a_record(1), OTHER)
        assert stamp(ID) == seen[-1], "another record's change is none"

    def test_equal_stores_share_tokens_in_memory(self) -> None:
        """Handles on one storage are equal and hash alike; nothing else is equal."""
        store, same = self.make_store(), self.make_store()
        assert store == same
        assert hash(store) == hash(same)
        assert store != object()

    def test_repr_shows_no_token(self) -> None:
        """A store may be printed."""
        store = self.make_store()
        save(store, Record(generation=1, token=Token("s3cret-access")))
        with store.lock(ID, timeout=PATIENCE) as transaction:
            texts = [repr(store), repr(transaction), repr(store.read(ID))]
        assert not [text for text in texts if "s3cret" in text]

    def test_another_process_has_the_same_records_or_none(self) -> None:
        """A pickled store shares records and locks, or refuses to be pickled."""
        store = self.make_store()
        if not self.shared_between_processes:
            with refused(errors.ConfigurationError):
                pickle.dumps(store)
            return
        copy = pickle.loads(pickle.dumps(store))  # noqa: S301  # made one line above
        assert copy == store
        save(store, a_record(1))
        workers = [worker(store) for _ in range(WORKERS)]
        try:
            said = [process.communicate(timeout=PATIENCE)[1] for process in workers]
        finally:
            for process in workers:
                process.kill()
        assert [process.returncode for process in workers] == [0] * WORKERS, said
        found = self.make_store().read(ID)
        assert found is not None
        assert found.generation == 1 + WORKERS * TURNS
