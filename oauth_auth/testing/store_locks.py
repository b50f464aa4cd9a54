"""What a store promises about its locks, and about readers beside them."""

# ruff: noqa: S101  # asserts are what pytest tests consist of

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from oauth_auth import errors
from oauth_auth.stores.base import Record
from oauth_auth.testing.store_tools import (
    ID,
    OTHER,
    PATIENCE,
    TURNS,
    WORKERS,
    StoreTests,
    a_journal,
    a_record,
    holder,
    refused,
    save,
    sized_record,
    turn,
)

if TYPE_CHECKING:
    from oauth_auth.stores.base import TokenStore

__all__ = ["LockTests"]


class LockTests(StoreTests):
    """One holder at a time; readers wait for nobody."""

    def test_a_held_lock_is_not_had_twice(self) -> None:
        """While it is held, other handles get StoreLocked, at once or in time."""
        with holder(self.make_store()):
            for timeout in (0, 0.05):
                with (
                    refused(errors.StoreLocked) as caught,
                    self.make_store().lock(ID, timeout=timeout),
                ):
                    raise AssertionError("two workers hold one lock")
                assert caught.value.retryable
            with self.make_store().lock(OTHER, timeout=0):
                pass
        with self.make_store().lock(ID, timeout=0):
            pass

    def test_one_thread_does_not_have_it_twice_either(self) -> None:
        """A second attempt in the holder's own thread is refused like any other."""
        store = self.make_store()
        with store.lock(ID, timeout=0):
            for other in (store, self.make_store()):
                with refused(errors.StoreLocked), other.lock(ID, timeout=0):
                    raise AssertionError("one lock is held twice")

    def test_an_attempt_is_tried_again_with_the_same_object(self) -> None:
        """After StoreLocked the same context manager may be entered again."""
        store = self.make_store()
        attempt = store.lock(ID, timeout=0)
        with holder(self.make_store()):
            for _ in range(3):
                with refused(errors.StoreLocked):
                    attempt.__enter__()
        with attempt as transaction:
            transaction.save(a_record(1))
            with refused(errors.StoreLocked):
                store.lock(ID, timeout=0).__enter__()
        assert self.make_store().read(ID) == a_record(1)

    def test_a_waiter_gets_the_lock_when_it_is_free(self) -> None:
        """A timeout is waited for, and what the holder saved is seen afterwards."""
        store = self.make_store()
        with ThreadPoolExecutor(1) as pool:
            with store.lock(ID, timeout=PATIENCE) as transaction:
                waiter = pool.submit(turn, self.make_store())
                transaction.save(a_record(1))
            waiter.result(PATIENCE)
        assert self.make_store().read(ID) == a_record(2)

    def test_the_lock_is_free_after_an_exception(self) -> None:
        """Whatever is raised inside, the lock is released."""
        for kind in (ValueError, KeyboardInterrupt):
            with contextlib.suppress(kind), self.make_store().lock(ID, timeout=0):
                raise kind
            with self.make_store().lock(ID, timeout=0) as transaction:
                assert transaction.read() == Record()

    def test_no_save_is_lost_between_threads(self) -> None:
        """Workers that each add one to what they read add up to all their turns."""
        shared = self.make_store()

        def work(own: TokenStore) -> None:
            for _ in range(TURNS):
                turn(own)

        handles = [shared, shared, *(self.make_store() for _ in range(WORKERS - 2))]
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(work, handles))
        found = self.make_store().read(ID)
        assert found is not None
        assert found.generation == WORKERS * TURNS

    def test_reading_does_not_wait_for_the_holder(self) -> None:
        """Reads, lists and claims go on while somebody holds the record's lock."""
        save(self.make_store(), a_record(1))
        with holder(self.make_store()):
            store = self.make_store()
            assert store.read(ID) == a_record(1)
            assert list(store.records()) == [ID]
            assert store.claim("f1", ID) == ID

    def test_readers_see_whole_records_in_order(self) -> None:
        """Beside a writer, every read is one whole record, and never an older one."""
        store = self.make_store()
        save(store, sized_record(1))
        ended = threading.Event()

        def watch(own: TokenStore) -> int:
            newest = 0
            while True:
                last = ended.is_set()
                found = own.read(ID)
                assert found is not None
                assert found == sized_record(found.generation)
                assert found.generation >= newest
                newest = found.generation
                if last:
                    return newest

        with ThreadPoolExecutor(2) as pool:
            readers = [pool.submit(watch, self.make_store()) for _ in range(2)]
            try:
                for generation in range(2, 42):
                    with store.lock(ID, timeout=PATIENCE) as transaction:
                        transaction.reserve(a_journal(generation - 1))
                        transaction.save(sized_record(generation))
            finally:
                ended.set()
            assert [reader.result(PATIENCE) for reader in readers] == [41, 41]
