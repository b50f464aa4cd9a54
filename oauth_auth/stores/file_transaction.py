"""What may be done to a record's files under its lock: a `Transaction`.

It is loaded with the first lock, so by no program that finds a fresh token in the
store. `record_file` says what lies where.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from typing import TYPE_CHECKING, Final, Self, final

from oauth_auth.lazy_errors import errors
from oauth_auth.stores import disk, record_file
from oauth_auth.stores.base import Journal, Mark, Record
from oauth_auth.stores.bell import Bell
from oauth_auth.stores.file_lock import FileLock

if TYPE_CHECKING:
    from oauth_auth.stores.record_file import RecordFiles

__all__ = ["FileTransaction"]

#: Room for an answer of any usual size, so that a full disk is met before the refresh
#: token is spent, not after it.
_RESERVED: Final = 64 * 1024


@final
class FileTransaction:
    """The record's lock, and what may be done while it is held: a `Transaction`.

    Args:
        files: The record's files; their directory exists when the lock is entered.
        timeout: Seconds to wait for the lock; 0 tries once.
    """

    def __init__(self, files: RecordFiles, timeout: float) -> None:
        self._files: Final = files
        self._lock: Final = FileLock(
            files.path.with_name(f"{files.path.name}.lock"), timeout
        )
        #: While the lock is held.
        self._bell: Bell | None = None
        #: ``ID.next``, while this transaction writes it.
        self._fd: int | None = None
        self._answer_at = 0
        #: Whether ``ID.next`` was searched for the answer of a worker that died.
        self._searched = False
        #: The generation that a failed save may have put in place all the same.
        self._tried = 0

    def __enter__(self) -> Self:
        directory = self._files.path.parent
        disk.make_private_directory(directory.parent)
        disk.make_private_directory(directory)
        self._lock.__enter__()
        try:
            self._bell = Bell(self._files.bell)
        except BaseException:
            self._lock.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        try:
            # What is not saved by now may get lost.
            with contextlib.suppress(OSError):
                self._close()
            # While the lock is held: the next holder makes one of the same name.
            if self._bell is not None:
                self._bell.hide()
        finally:
            self._lock.__exit__(*exc_info)
            # Not earlier: who has been woken would find the lock still held.
            self._ring()

    def holder(self) -> str | None:
        """Return which process holds the lock, in words; None if that is not known."""
        return self._lock.holder()

    def read(self) -> Record:
        """Return the record as it is now; see `Transaction.read`."""
        record, journal = self._rolled_forward()
        return record.beside(self._files.read_mark(), journal)

    def reserve(self, journal: Journal) -> None:
        """Make the journal and room for the answer durable."""
        self._search()
        sealed = self._files.sealed(journal)
        try:
            self._start_next(sealed)
            assert self._fd is not None  # noqa: S101  # it has just been opened
            os.fsync(self._fd)
            disk.sync_directory(self._files.next.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._close()
            with contextlib.suppress(OSError):
                # Half a reservation would only keep a full disk full.
                self._files.new.unlink(missing_ok=True)
                self._files.next.unlink()
            raise disk.not_writable(self._files.next, error) from None

    def save(self, record: Record) -> None:
        """Put the record in place, durably on return; see `Transaction.save`."""
        self._search()
        damaged = False
        current = None
        try:
            current = self._files.read_record()
        except errors.StoreCorrupt:
            damaged = True
        if current is not None and record.generation <= current.generation:
            again = record.generation == current.generation == self._tried
            if not again:
                raise errors.StoreConflict(
                    f"{self._files.path} is at generation {current.generation}, so "
                    f"generation {record.generation} is not saved"
                )
        sealed = self._files.sealed(record)
        try:
            if self._fd is None:
                self._start_next(b"")
            self._finish_next(sealed)
            self._close_own()
            self._tried = record.generation
            self._put_in_place(damaged=damaged)
        except OSError as error:
            # After a failed sync the pages count as clean, so a second sync would
            # succeed without writing them: the next try starts a new file.
            with contextlib.suppress(OSError):
                self._close()
            raise disk.not_writable(self._files.path, error) from None
        self._tried = 0
        self._ring()
        with contextlib.suppress(OSError):
            # It is void now, since it belongs to an older generation.
            self._files.mark.unlink(missing_ok=True)

    def mark(self, mark: Mark | None) -> None:
        """Put a mark beside the record, or remove it; see `Transaction.mark`."""
        files = self._files
        sealed = files.sealed(mark) if mark is not None else None
        self._search()
        written = False
        if mark is not None and mark.kind == "refused" and sealed is not None:
            # Before the journal ends: who comes after a death in between would have
            # neither, and not know that an answer was lost.
            with contextlib.suppress(errors.StoreNotWritable):
                disk.write_private(files.mark, sealed, durable=False)
                written = True
        try:
            if mark is None or not mark.in_doubt:
                # On a full disk this makes the room for the mark.
                self._close()
                files.next.unlink(missing_ok=True)
            if sealed is None:
                files.mark.unlink(missing_ok=True)
            elif not written:
                disk.write_private(files.mark, sealed, durable=False)
        except OSError as error:
            raise disk.not_writable(files.mark, error) from None
        self._ring()

    def _search(self) -> None:
        """Look for a dead worker's answer before its file is given up."""
        if not self._searched:
            with contextlib.suppress(errors.StoreCorrupt):
                self._rolled_forward()

    def _rolled_forward(self) -> tuple[Record, Journal | None]:
        """Return the newest record, put in place if its writer could not any more."""
        found = self._files.read_next()
        damaged = False
        try:
            record = self._files.read_record() or Record()
        except errors.StoreCorrupt:
            # An answer is renamed or void as soon as it is complete, so one that is
            # still there is newer than the record.
            if found.answer is None:
                self._searched = True
                raise
            record, damaged = Record(), True
        self._searched = True
        if found.answer is None or found.answer.generation <= record.generation:
            return record, found.journal
        try:
            self._close()
            self._fd = disk.reopen_private(self._files.next)
            # Written again: its writer may have died before the sync, or be we, whose
            # sync has failed, and then a second one would do nothing.
            disk.write_all(self._fd, found.data, 0)
            os.fsync(self._fd)
            self._close_own()
            self._put_in_place(damaged=damaged)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._close()
            raise disk.not_writable(self._files.path, error) from None
        return found.answer, None

    def _start_next(self, journal: bytes) -> None:
        """Open a new ``ID.next``, with room for an answer if there is a journal.

        With one it takes the place of a dead worker's in one step: who comes after a
        second death in between would else not know that an answer was lost.
        """
        self._close()
        files = self._files
        path = files.new if journal else files.next
        path.unlink(missing_ok=True)
        self._fd = disk.open_private(path)
        head = record_file._MAGIC + len(journal).to_bytes(4, "big") + journal
        self._answer_at = len(head)
        if journal:
            _allocate(self._fd, self._answer_at + self._room())
        disk.write_all(self._fd, head, 0)
        if journal:
            # Closed meanwhile, since Windows renames no open file.
            self._close()
            disk.replace(files.new, files.next)
            self._fd = disk.reopen_private(files.next)

    def _room(self) -> int:
        with contextlib.suppress(OSError):
            return max(_RESERVED, 2 * self._files.path.stat().st_size)
        return _RESERVED

    def _finish_next(self, sealed: bytes) -> None:
        assert self._fd is not None  # noqa: S101  # save() has just opened it
        answer = len(sealed).to_bytes(4, "big") + sealed
        disk.write_all(self._fd, answer, self._answer_at)
        os.ftruncate(self._fd, self._answer_at + len(answer))
        os.fsync(self._fd)

    def _close_own(self) -> None:
        """Close ``ID.next`` if it is still the file that this transaction wrote."""
        assert self._fd is not None  # noqa: S101  # the callers have written it
        written = os.fstat(self._fd)
        self._close()
        if not os.path.samestat(written, os.lstat(self._files.next)):
            raise OSError(
                errno.EBUSY,
                "another worker writes it too, as if its .lock file had been removed",
            )

    def _put_in_place(self, *, damaged: bool) -> None:
        path = self._files.path
        if damaged:
            # Not earlier: with the answer complete, a crash between the two renames
            # leaves it to be found, and the generation goes on from there.
            aside = path.with_name(f"{path.name}.corrupt-{time.time_ns()}")
            disk.replace(path, aside)
        disk.replace(self._files.next, path)
        disk.sync_directory(path.parent)

    def _ring(self) -> None:
        """Wake those who wait for this transaction, or what it has saved."""
        if self._bell is not None:
            bell, self._bell = self._bell, None
            bell.ring()

    def _close(self) -> None:
        if self._fd is not None:
            fd, self._fd = self._fd, None
            os.close(fd)


def _allocate(fd: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(fd, 0, size)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
        else:
            return
    disk.write_all(fd, bytes(size), 0)
