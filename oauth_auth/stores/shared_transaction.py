"""A record's lock in a store on a server, and what may be done while it is held."""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING, Final, Self, final

from oauth_auth.lazy_errors import errors
from oauth_auth.stores.base import PATIENT_SECONDS, Journal, Mark, Record, holder_of
from oauth_auth.stores.shared_rows import Row, Version

if TYPE_CHECKING:
    from oauth_auth.stores.shared_rows import Opener, Rows

__all__ = ["SharedTransaction"]

#: Pauses between two tries, in seconds.
_FIRST_TRY, _LAST_TRY = 0.005, 0.1

_log = logging.getLogger("oauth_auth")


@final
class SharedTransaction:
    """A `Transaction` on rows that several machines share.

    Args:
        rows: The server's.
        opener: Opens those of the record.
        record_id: The record.
        timeout: Seconds to wait for the lock; 0 tries once.
    """

    def __init__(
        self, rows: Rows, opener: Opener, record_id: str, timeout: float
    ) -> None:
        self._rows: Final = rows
        self._opener: Final = opener
        self._id: Final = record_id
        self._timeout: Final = timeout
        self._lease: Final = rows.lease(record_id)
        #: What the record was when it was last read or saved here.
        self._version: Version | None = None
        #: The record that a failed save may have put in place all the same, and what
        #: tells that save from others.
        self._tried: tuple[Record, str] | None = None
        #: Until when nobody takes over, by the monotonic clock.
        self._alone_until = 0.0

    def __enter__(self) -> Self:
        began = time.monotonic()
        pause, said = _FIRST_TRY, False
        while not self._lease.take():
            waited = time.monotonic() - began
            if self._timeout <= 0:
                # Without its name: who tries so often would ask each time for nothing.
                raise errors.StoreLocked(
                    f"{self._opener.where} is held by another worker"
                )
            if waited >= self._timeout:
                raise errors.StoreLocked(
                    f"{self._opener.where} has been held by {holder_of(self)} for more "
                    f"than {self._timeout:g} s"
                )
            if waited > PATIENT_SECONDS and not said:
                said = True
                _log.warning(
                    "waiting for %s, which %s has held for more than %g s",
                    self._opener.where,
                    holder_of(self),
                    PATIENT_SECONDS,
                )
            time.sleep(min(pause, self._timeout - waited))
            pause = min(pause * 1.5, _LAST_TRY)
        self._version = self._tried = None
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._lease.free()

    def holder(self) -> str | None:
        """Return which worker holds the lock, in words; None if that is not known."""
        return self._lease.holder()

    def read(self) -> Record:
        """Return the record as it is now; see `Transaction.read`."""
        self._version = None
        row = self._rows.read(self._id) or Row()
        record = self._opener.record(row)
        self._version = row.version
        return record.beside(self._opener.mark(row), self._opener.journal(row))

    def reserve(self, journal: Journal) -> None:
        """Make the journal durable, and make sure that the lock is still held.

        There is nothing to reserve: a server that takes the journal takes the answer,
        which replaces a record of about its size.

        Raises:
            StoreLocked: It is not, or the record was changed: nothing may be spent.
            StoreNotWritable: The journal cannot be written.
        """
        if self._version is None:
            self.read()
        assert self._version is not None  # noqa: S101  # read() has set it
        began = time.monotonic()
        # By the server's clock from here on: machines' clocks differ.
        seconds = journal.in_flight_until - journal.written_at
        if not self._lease.reserve(
            self._opener.sealed(journal), seconds, self._version
        ):
            raise self._lost()
        self._alone_until = began + seconds

    def confirm(self, seconds: float) -> None:
        """Make sure that a refresh token may be sent once more.

        Args:
            seconds: What that may take.

        Raises:
            StoreLocked: Another worker may have taken over.
        """
        assert self._version is not None  # noqa: S101  # reserve() comes before this
        try:
            held = self._lease.still_held(self._version)
        except errors.TokenStoreError:
            # The server keeps others away for as long as it was told to.
            held = time.monotonic() + seconds < self._alone_until
        if not held:
            raise self._lost()

    def save(self, record: Record) -> None:
        """Put the record in place, durably on return; see `Transaction.save`.

        Whether the lock is still held does not matter: only a newer record does.
        """
        damaged = False
        if self._version is None:
            try:
                self.read()
            except errors.StoreCorrupt:
                damaged = True
        if self._tried is None or self._tried[0] is not record:
            self._tried = (record, os.urandom(8).hex())
        version = Version(record.lineage, record.generation)
        claim = record.claims[-1] if record.claims else ""
        row = Row(version, self._opener.sealed(record), claim=claim)
        if not self._lease.save(row, self._version, self._tried[1], aside=damaged):
            raise errors.StoreConflict(
                f"{self._opener.where} has been replaced by another worker, so "
                f"generation {record.generation} is not saved"
            )
        self._version, self._tried = version, None

    def mark(self, mark: Mark | None) -> None:
        """Put a mark beside the record, or remove it; see `Transaction.mark`."""
        sealed = self._opener.sealed(mark) if mark is not None else b""
        ends = mark is None or not mark.in_doubt
        if not self._lease.mark(sealed, ends_journal=ends):
            raise self._lost()

    def _lost(self) -> Exception:
        return errors.StoreLocked(
            f"{self._opener.where} was taken over by another worker, since this one "
            "stood still or was cut off for too long; try again"
        )
