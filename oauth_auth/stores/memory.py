"""MemoryStore: records in this process only."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Final, NoReturn, Self, final

from oauth_auth.lazy_errors import errors
from oauth_auth.stores.base import Journal, Mark, Record

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MemoryStore"]


@final
class MemoryStore:
    """Keeps records in memory, shared by the threads and tasks of one process.

    A login kept here ends with the process. After a fork both processes hold the same
    refresh token and cannot know what the other does with it, so the child does not
    spend it.

    Example:
        >>> MemoryStore().read("anything") is None
        True
    """

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._claims: dict[str, str] = {}
        self._seeds: set[str] = set()
        # By process too: what another thread held at a fork is never released there.
        self._locks: dict[tuple[int, str], threading.Lock] = {}
        self._home: Final = os.getpid()

    def read(self, record_id: str) -> Record | None:
        """Return the record with its mark, or None."""
        record = self._records.get(record_id)
        return record and record.beside(record.mark, None)

    def lock(self, record_id: str, *, timeout: float) -> _Transaction:
        """Return the record's lock, among the threads of this process."""
        lock = self._locks.setdefault((os.getpid(), record_id), threading.Lock())
        return _Transaction(self, record_id, lock, timeout)

    def records(self) -> Iterator[str]:
        """Yield the ids of all records."""
        yield from list(self._records)

    def claim(
        self,
        fingerprint: str,
        record_id: str | None = None,
        *,
        replaces: str | None = None,
        seed: bool = False,
    ) -> str | None:
        """Look up, or set, which record a seed or refresh token belongs to."""
        if record_id is None and seed and fingerprint not in self._seeds:
            return None
        if seed:
            self._seeds.add(fingerprint)
        if replaces is not None and replaces not in self._seeds:
            self._claims.pop(replaces, None)
        if record_id is not None:
            self._claims[fingerprint] = record_id
        return self._claims.get(fingerprint)

    def __repr__(self) -> str:
        return "MemoryStore()"

    def __reduce__(self) -> NoReturn:
        raise errors.ConfigurationError(
            "a MemoryStore stays in its process; use the FileStore where workers "
            "share a login"
        )

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self


@final
class _Transaction:
    def __init__(
        self,
        store: MemoryStore,
        record_id: str,
        lock: threading.Lock,
        timeout: float,
    ) -> None:
        self._store: Final = store
        self._id: Final = record_id
        self._lock: Final = lock
        self._timeout: Final = timeout

    def __enter__(self) -> Self:
        if not self._lock.acquire(timeout=max(0.0, self._timeout)):
            raise errors.StoreLocked(
                f"record {self._id} is in use by another thread for more than "
                f"{self._timeout:g} s"
            )
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._lock.release()

    def read(self) -> Record:
        record = self._store._records.get(self._id) or Record()
        return record.beside(record.mark, record.journal)

    def reserve(self, journal: Journal) -> None:
        if os.getpid() != self._store._home:
            raise errors.StoreNotWritable(
                "this MemoryStore came here by a fork: the parent process holds the "
                "same refresh token, and one of the two would be logged out; use the "
                "FileStore, or log in after the fork"
            )
        self._store._records[self._id] = self.read()._replace(journal=journal)

    def save(self, record: Record) -> None:
        current = self.read()
        if record.generation <= current.generation:
            raise errors.StoreConflict(
                f"record {self._id} is at generation {current.generation}, so "
                f"generation {record.generation} is not saved"
            )
        self._store._records[self._id] = record._replace(mark=None, journal=None)

    def mark(self, mark: Mark | None) -> None:
        current = self.read()
        journal = current.journal if mark is not None and mark.in_doubt else None
        self._store._records[self._id] = current._replace(mark=mark, journal=journal)
