"""What a store promises about marks and journals."""

# ruff: noqa: S101  # asserts are what pytest tests consist of

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from oauth_auth.stores.base import Record
from oauth_auth.testing.store_tools import (
    ID,
    PATIENCE,
    StoreTests,
    a_journal,
    a_mark,
    a_record,
    save,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_auth.stores.base import Transaction

__all__ = ["CompanionTests"]


class CompanionTests(StoreTests):
    """What lies beside a record, and how long."""

    def test_a_mark_lies_beside_the_record(self) -> None:
        """A mark is read with the record, changes no generation, and can be removed."""
        store = self.make_store()
        save(store, a_record(2))
        for mark in (a_mark(2), a_mark(2, kind="refused", in_doubt=True, failures=9)):
            with store.lock(ID, timeout=PATIENCE) as transaction:
                transaction.mark(mark)
                assert transaction.read() == a_record(2)._replace(mark=mark)
            assert self.make_store().read(ID) == a_record(2)._replace(mark=mark)
        with store.lock(ID, timeout=PATIENCE) as transaction:
            transaction.mark(None)
            transaction.mark(None)
        assert self.make_store().read(ID) == a_record(2)

    def test_a_mark_needs_no_record(self) -> None:
        """A first request that failed is marked although nothing was ever saved."""
        store = self.make_store()
        with store.lock(ID, timeout=PATIENCE) as transaction:
            transaction.mark(a_mark(0))
        found = self.make_store().read(ID)
        assert found is not None
        assert (found.generation, found.mark) == (0, a_mark(0))
        save(store, a_record(1))
        assert self.make_store().read(ID) == a_record(1)

    def test_a_save_clears_the_mark(self) -> None:
        """A mark ends with its generation."""
        store = self.make_store()
        save(store, a_record(1))
        with store.lock(ID, timeout=PATIENCE) as transaction:
            transaction.mark(a_mark(1))
            transaction.save(a_record(2))
            assert transaction.read().mark is None
        assert self.make_store().read(ID) == a_record(2)

    def test_a_saved_record_brings_no_mark_or_journal_along(self) -> None:
        """What lay beside an older generation is not saved with the new one."""
        store = self.make_store()
        beside = a_record(1)._replace(mark=a_mark(1), journal=a_journal(1))
        save(store, beside)
        assert self.make_store().read(ID) == a_record(1)
        with self.make_store().lock(ID, timeout=PATIENCE) as transaction:
            assert transaction.read() == a_record(1)

    def test_a_mark_of_another_generation_is_void(self) -> None:
        """A mark that is left over, or ahead, says nothing about this generation."""
        store = self.make_store()
        save(store, a_record(2))
        for generation in (1, 3):
            with store.lock(ID, timeout=PATIENCE) as transaction:
                transaction.mark(a_mark(generation))
                assert transaction.read().mark is None
            found = self.make_store().read(ID)
            assert found is not None
            assert found.mark is None

    def test_a_journal_outlives_its_writer(self) -> None:
        """A transaction that ends with nothing said leaves its journal to the next."""
        save(self.make_store(), a_record(1))
        journal = a_journal(1)
        with self.make_store().lock(ID, timeout=PATIENCE) as transaction:
            transaction.reserve(journal)
            assert transaction.read().journal == journal
        store = self.make_store()
        with store.lock(ID, timeout=PATIENCE) as transaction:
            assert transaction.read() == a_record(1)._replace(journal=journal)
        found = store.read(ID)
        assert found == a_record(1), "a journal is for those who hold the lock"

    def test_a_journal_needs_no_record(self) -> None:
        """A journal can be written where nothing was ever saved."""
        store = self.make_store()
        with store.lock(ID, timeout=PATIENCE) as transaction:
            transaction.reserve(a_journal(0))
        with self.make_store().lock(ID, timeout=PATIENCE) as transaction:
            assert transaction.read() == Record(journal=a_journal(0))
        assert (store.read(ID) or Record()) == Record()

    def test_a_second_reserve_replaces_the_journal(self) -> None:
        """The newest reservation is the one that counts."""
        store = self.make_store()
        with store.lock(ID, timeout=PATIENCE) as transaction:
            transaction.save(a_record(1))
            transaction.reserve(a_journal(1))
            transaction.reserve(a_journal(1, "second"))
            assert transaction.read().journal == a_journal(1, "second")
            transaction.save(a_record(2))
            assert transaction.read() == a_record(2)

    def test_what_ends_a_journal(self) -> None:
        """A save ends it, and a mark, unless that says that the outcome is in doubt."""
        ends: list[tuple[Callable[[Transaction], None], bool]] = [
            (lambda transaction: transaction.mark(a_mark(1)), True),
            (lambda transaction: transaction.mark(None), True),
            (lambda transaction: transaction.mark(a_mark(1, in_doubt=True)), False),
            (lambda transaction: transaction.save(a_record(2)), True),
        ]
        store = self.make_store()
        save(store, a_record(1))
        for end, ended in ends:
            with store.lock(ID, timeout=PATIENCE) as transaction:
                transaction.reserve(a_journal(1))
                end(transaction)
                assert (transaction.read().journal is None) is ended
            with self.make_store().lock(ID, timeout=PATIENCE) as transaction:
                assert (transaction.read().journal is None) is ended

    def test_a_mark_ends_the_journal_of_a_dead_writer(self) -> None:
        """The journal need not be one's own: the next worker settles it."""
        save(self.make_store(), a_record(1))
        with self.make_store().lock(ID, timeout=PATIENCE) as transaction:
            transaction.reserve(a_journal(1))
        with self.make_store().lock(ID, timeout=PATIENCE) as transaction:
            transaction.mark(a_mark(1))
        with self.make_store().lock(ID, timeout=PATIENCE) as transaction:
            assert transaction.read() == a_record(1)._replace(mark=a_mark(1))

    def test_an_exception_leaves_record_and_journal(self) -> None:
        """A worker that fails after its reserve leaves its journal and a free lock."""
        store = self.make_store()
        save(store, a_record(1))
        with (
            contextlib.suppress(KeyboardInterrupt),
            store.lock(ID, timeout=PATIENCE) as transaction,
        ):
            transaction.reserve(a_journal(1))
            raise KeyboardInterrupt
        with self.make_store().lock(ID, timeout=0) as transaction:
            assert transaction.read() == a_record(1)._replace(journal=a_journal(1))
