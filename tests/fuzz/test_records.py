"""What a store keeps, written, damaged and read back."""

import pytest
from hypothesis import strategies as st

from oauth_auth import FileStore, errors
from oauth_auth.stores.base import Journal, Mark, Record
from tests.fuzz.exploring import explore, thoroughness
from tests.fuzz.records import (
    SEALED,
    kept,
    kept_law,
    sealed_law,
    text_law,
    texts,
)


@thoroughness
def test_what_is_written_is_read_back(thorough):
    """Every record, mark and journal, and none of them as another. M81."""
    explore(kept_law, kept, thorough=thorough, cases=200)


@thoroughness
def test_whatever_text_is_read(thorough):
    """Nothing but a newer format raises, whatever the text is. M81."""
    explore(text_law, *texts, thorough=thorough, cases=200)


@thoroughness
def test_bytes_that_were_not_sealed_are_not_opened(thorough):
    """Whatever they are, and whatever was done to what was sealed. M81."""

    def law(start, end, between, kind, name):
        data = SEALED[:start] + between + SEALED[end:]
        if data != SEALED or (kind, name) != ("record", "r"):
            sealed_law(kind, name, data)
        sealed_law(kind, name, between)

    size = len(SEALED)
    explore(
        law,
        st.integers(0, size),
        st.integers(0, size),
        st.binary(max_size=40) | st.just(SEALED[:8]) | st.just(SEALED[8:]),
        st.sampled_from(["record", "mark", "journal", "claim", ""]),
        st.sampled_from(["r", "s", "", "r|"]),
        thorough=thorough,
    )


class TestFiles:
    """The files of one record, with anything in them."""

    @pytest.fixture
    def store(self, tmp_path):
        """A store with a record, a mark and a journal."""
        store = FileStore(tmp_path / "store")
        with store.lock("r", timeout=0) as transaction:
            transaction.save(Record(generation=1, lineage="first"))
            transaction.mark(Mark("hold", 1, 0.0, 1.0, {}, in_doubt=True))
            transaction.reserve(Journal(1, "fingerprint", 0.0, 1.0))
        return store

    @thoroughness
    @pytest.mark.parametrize("name", ["r", "r.next", "r.mark"])
    def test_whatever_is_in_a_file(self, store, name, thorough):
        """It is the record, or none, or an error of the store's. M81."""
        path = store.path / "records" / name
        whole = path.read_bytes()
        record = store.read("r")

        def law(start, end, between):
            path.write_bytes(whole[:start] + between + whole[end:])
            try:
                found = store.read("r")
                with store.lock("r", timeout=0) as transaction:
                    again = transaction.read()
            except errors.TokenStoreError:
                assert name != "r.mark"
                return
            finally:
                path.write_bytes(whole)
            for each in (found, again):
                assert (each.generation, each.lineage) == (1, "first")
                assert each.mark in (None, record.mark)

        size = len(whole)
        explore(
            law,
            st.integers(0, min(size, 400)),
            st.integers(0, min(size, 400)),
            st.binary(max_size=40)
            | st.sampled_from(
                [b"", whole[:30], b"\xff\xff\xff\xff", b"\0" * 8, b"oauth_auth 2 "]
            ),
            thorough=thorough,
        )
