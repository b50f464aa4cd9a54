"""What a store promises about records: whole, apart, in order, never older."""

# ruff: noqa: S101  # asserts are what pytest tests consist of

from __future__ import annotations

from oauth_auth import errors
from oauth_auth.stores.base import Record
from oauth_auth.testing.store_tools import (
    ID,
    OTHER,
    PATIENCE,
    StoreTests,
    a_journal,
    a_mark,
    a_record,
    full_record,
    refused,
    save,
)
from oauth_auth.token import Token

__all__ = ["RecordTests"]


class RecordTests(StoreTests):
    """Saving and reading back."""

    def test_nothing_is_read_where_nothing_was_saved(self) -> None:
        """An id that was never saved reads as None, and as generation 0 in a lock."""
        store = self.make_store()
        assert store.read(ID) is None
        with store.lock(ID, timeout=PATIENCE) as transaction:
            assert transaction.read() == Record()

    def test_every_field_comes_back(self) -> None:
        """What was saved is read back field by field, by another handle too."""
        saved = full_record()
        save(self.make_store(), saved)
        for store in (self.make_store(), self.make_store()):
            found = store.read(ID)
            assert found == saved
            assert found.token is not None
            assert saved.token is not None
            assert found.token.extra == saved.token.extra
            with store.lock(ID, timeout=PATIENCE) as transaction:
                assert transaction.read() == saved

    def test_a_record_without_a_token_comes_back(self) -> None:
        """A tombstone and a document have no token, and are records all the same."""
        store = self.make_store()
        tombstone = Record(lineage="l", generation=1, logged_out=True)
        document = Record(generation=2, document={"key": "k", "list": [1, {"a": None}]})
        for record in (tombstone, document):
            save(store, record)
            assert self.make_store().read(ID) == record

    def test_a_huge_token_comes_back(self) -> None:
        """Tokens of 64 KB, as with group claims, are kept whole, also after a reserve.

        A store with a smaller limit would find that out after the refresh token was
        spent.
        """
        store = self.make_store()
        for generation, size in enumerate((64 * 1024, 200 * 1024, 10), 1):
            token = Token("a" * size, refresh_token="r" * size, obtained_at=1.0)
            with store.lock(ID, timeout=PATIENCE) as transaction:
                current = transaction.read()
                transaction.reserve(a_journal(current.generation))
                transaction.save(current.succeed(token=token))
            found = self.make_store().read(ID)
            assert found is not None
            assert (found.generation, found.token) == (generation, token)

    def test_odd_extras_come_back(self) -> None:
        """Whatever JSON can say in a token response is kept as it is."""
        extra = {
            "nested": {"a": [1, 2.5, None, True, {"b": []}]},
            "text": 'quotes " and \\ and \x00 and \u2028',
            "half": "\udc80",
            "emoji 🔑": "🔑",
            "empty": "",
            "expires_in": "3600",
            "format": "not ours",
            "big": 2**80,
        }
        record = Record(generation=1, token=Token("a", extra=extra, obtained_at=1.0))
        save(self.make_store(), record)
        found = self.make_store().read(ID)
        assert found is not None
        assert found.token is not None
        assert found.token.extra == extra

    def test_records_do_not_touch_each_other(self) -> None:
        """Two records in one store keep their own tokens, marks and journals."""
        store = self.make_store()
        save(store, a_record(1))
        save(store, a_record(7), OTHER)
        with store.lock(ID, timeout=PATIENCE) as transaction:
            transaction.mark(a_mark(1))
            transaction.reserve(a_journal(1))
        found = self.make_store().read(OTHER)
        assert found == a_record(7)
        with store.lock(OTHER, timeout=PATIENCE) as transaction:
            assert transaction.read() == a_record(7)

    def test_records_lists_what_was_saved(self) -> None:
        """Every saved record is listed once, with nothing else."""
        store = self.make_store()
        assert list(store.records()) == []
        for generation in (1, 2):
            save(store, a_record(generation))
            save(store, a_record(generation), OTHER)
        with store.lock(ID, timeout=PATIENCE) as transaction:
            transaction.mark(a_mark(2))
            transaction.reserve(a_journal(2))
        store.claim("f1", ID)
        assert sorted(self.make_store().records()) == sorted([ID, OTHER])

    def test_an_older_or_equal_generation_is_refused(self) -> None:
        """A late save never replaces what is newer, whatever its lineage or expiry."""
        store = self.make_store()
        save(store, a_record(5))
        later = Token("late", expires_at=4e9, obtained_at=1.0)
        for generation in (5, 4, 1):
            for lineage in ("l", "another"):
                late = Record(lineage=lineage, generation=generation, token=later)
                with (
                    store.lock(ID, timeout=PATIENCE) as transaction,
                    refused(errors.StoreConflict),
                ):
                    transaction.save(late)
        assert self.make_store().read(ID) == a_record(5)

    def test_a_saved_generation_is_not_saved_twice(self) -> None:
        """The second save of one generation is refused in the same transaction too."""
        store = self.make_store()
        with store.lock(ID, timeout=PATIENCE) as transaction:
            transaction.save(a_record(1))
            with refused(errors.StoreConflict):
                transaction.save(a_record(1, "other"))
            transaction.save(a_record(2))
        assert self.make_store().read(ID) == a_record(2)

    def test_a_tombstone_keeps_a_late_answer_out(self) -> None:
        """A renewal that lands after a logout is refused; a new login is not."""
        store = self.make_store()
        save(store, a_record(3))
        tombstone = a_record(3).succeed(token=None, logged_out=True)
        save(store, tombstone)
        with (
            store.lock(ID, timeout=PATIENCE) as transaction,
            refused(errors.StoreConflict),
        ):
            transaction.save(a_record(4))
        assert self.make_store().read(ID) == tombstone
        login = tombstone.succeed(token=Token("new"), logged_out=False, lineage="m")
        save(store, login)
        assert self.make_store().read(ID) == login
