"""How stores on a server keep records: rows that the server compares by itself.

What is secret in a row is sealed here; the server sees a record's generation and
lineage, so that it can refuse what is older than what it has, in one step.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, final

from oauth_auth.lazy_errors import errors
from oauth_auth.stores.base import Journal, Mark, Record, _Kept, decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oauth_auth.stores.sealing import Sealer

__all__ = ["Lease", "Opener", "Row", "Rows", "Version"]

_KINDS: Final = {Record: "record", Mark: "mark", Journal: "journal"}


class Version(NamedTuple):
    """What a server compares; a record that is not there has the first one."""

    lineage: str = ""
    generation: int = 0


class Row(NamedTuple):
    """What lies under a record id; empty bytes for what is not there."""

    version: Version = Version()
    #: All three are sealed.
    record: bytes = b""
    mark: bytes = b""
    journal: bytes = b""
    #: The newest of the record's claims, to be found by; only given to be saved.
    claim: str = ""


class Lease(Protocol):
    """One worker's way to hold one record.

    Each method is one step of the server: it is done as a whole or not at all. One
    whose answer was lost may be called again, and does nothing twice. All raise
    `StoreNotWritable` where the server cannot be reached or refuses, but for `free`.
    """

    def take(self) -> bool:
        """Try once to hold the record; False if somebody else does.

        Where the one before was about to send a refresh token when it was last heard
        of, it is not taken before that must be over.
        """
        ...

    def free(self) -> None:
        """Let it go, if it is still held; raises nothing."""
        ...

    def reserve(self, journal: bytes, seconds: float, expected: Version) -> bool:
        """Keep the journal; False if the record is not held any more, or was changed.

        Args:
            journal: Sealed.
            seconds: For how long from now nobody may take over.
            expected: What the record is taken to be.
        """
        ...

    def still_held(self, expected: Version) -> bool:
        """Whether it is, and the record is as it was."""
        ...

    def save(
        self, row: Row, expected: Version | None, writing: str, *, aside: bool
    ) -> bool:
        """Put a record in place of an older one; False if that is not older.

        A lease that was lost is no reason to refuse.

        Args:
            row: The record; this ends mark and journal.
            expected: What was there when it was last read, or None if that is not
                known. If another lineage is there now, or it has gone on, it counts
                as newer.
            writing: Tells a second try of the same save from another one.
            aside: Keep a copy of what was there: it is damaged.
        """
        ...

    def mark(self, mark: bytes, *, ends_journal: bool) -> bool:
        """Keep a mark, or with no bytes remove it; False if it is not held any more."""
        ...

    def holder(self) -> str | None:
        """Return who holds it, in words; None if that is not known."""
        ...


class Rows(Protocol):
    """A server's rows. All raise `StoreNotWritable` where it cannot be reached."""

    @property
    def name(self) -> str:
        """Where it is, for people; without a password."""
        ...

    def read(self, record_id: str) -> Row | None:
        """Return what lies under a record id."""
        ...

    def lease(self, record_id: str) -> Lease:
        """Return a way to hold a record; asks the server nothing."""
        ...

    def names(self) -> Iterator[str]:
        """Yield the ids of all records."""
        ...

    def names_beside(self) -> Iterator[str]:
        """Yield the ids of what has a mark or journal, be it a record or not."""
        ...

    def replace(self, kind: str, name: str, old: bytes, new: bytes) -> bool:
        """Put something sealed in place of something else; False if that is not there.

        Args:
            kind: "record", "mark" or "journal", or "claim".
            name: The record id, or the fingerprint.
            old: What is to be replaced, byte for byte.
            new: The same, sealed anew: no version changes.
        """
        ...

    def read_claim(self, fingerprint: str) -> bytes | None:
        """Return a claim, sealed."""
        ...

    def write_claim(self, fingerprint: str, sealed: bytes) -> None:
        """Keep a claim."""
        ...

    def drop_claim(self, fingerprint: str) -> None:
        """Remove a claim."""
        ...

    def claims(self) -> Iterator[str]:
        """Yield the fingerprints of all claims."""
        ...

    def claimed_inside(self, fingerprint: str) -> str | None:
        """Return the record that was last saved with this claim."""
        ...

    def prepare(self) -> None:
        """Make what the server needs to have, if it has not."""
        ...


@final
class Opener:
    """Seals and opens what is in the rows of one record.

    Args:
        sealer: Has the keys.
        record_id: The record.
        place: The name of its store.
    """

    __slots__ = ("_id", "_sealer", "where")

    def __init__(self, sealer: Sealer, record_id: str, place: str) -> None:
        self._sealer: Final = sealer
        self._id: Final = record_id
        self.where: Final = f"record {record_id} in {place}"

    def sealed(self, value: Record | Mark | Journal) -> bytes:
        """Return the bytes to keep for a value."""
        return self._sealer.seal(_KINDS[type(value)], self._id, encode(value))

    def record(self, row: Row) -> Record:
        """Return a row's record; an empty one if it has none.

        Raises:
            StoreCorrupt: It is damaged.
            KeyMismatch: It was sealed with a key that is not among ours.
            TokenStoreError: A newer version wrote it.
        """
        record = self._opened(Record, row.record)
        if record is None and not row.record:
            return Record()
        if record is None or (record.lineage, record.generation) != row.version:
            raise errors.StoreCorrupt(
                f"{self.where} is damaged; the next login keeps it aside and starts "
                "anew"
            )
        return record

    def mark(self, row: Row) -> Mark | None:
        """Return a row's mark, or None.

        A mark only saves needless requests, so one that cannot be opened is none.
        """
        try:
            return self._opened(Mark, row.mark)
        except errors.TokenStoreError:
            return None

    def journal(self, row: Row) -> Journal | None:
        """Return a row's journal, or None; a damaged one is none.

        Raises:
            KeyMismatch: It was sealed with a key that is not among ours.
            TokenStoreError: A newer version wrote it.
        """
        with contextlib.suppress(errors.StoreCorrupt):
            return self._opened(Journal, row.journal)
        return None

    def _opened(self, kind: type[_Kept], sealed: bytes) -> _Kept | None:
        if not sealed:
            return None
        text = self._sealer.unseal(_KINDS[kind], self._id, sealed, self.where)
        return decode(kind, text, self.where)
