"""The files of one record, and what may be done to them under its lock.

For a record ``ID`` there are:

    ID        the record
    ID.next   journal, reserved space and temporary file in one: the journal in front,
              the answer written behind it in place, then renamed over the record
    ID.mark   the mark
    ID.lock   the lock; never removed
    ID.bell   a FIFO, while the lock is held; see `bell`

``ID`` and ``ID.next`` have the same layout: a line that names the format, then the
sealed journal and the sealed record, each behind its length in 4 bytes. A length of 0
means that the part is absent.

The line ends with a checksum of itself, and will do so in every later format: what a
newer version wrote can be told from damage, which may be replaced.
"""

from __future__ import annotations

import binascii
import contextlib
import errno
import os
import re
import time
from typing import TYPE_CHECKING, Final, NamedTuple, Self, final

from oauth_auth import forking
from oauth_auth.lazy_errors import errors
from oauth_auth.stores import disk
from oauth_auth.stores.base import (
    Journal,
    Mark,
    Record,
    _Kept,
    decode,
    encode,
    from_newer,
)
from oauth_auth.stores.file_lock import FileLock

if TYPE_CHECKING:
    from pathlib import Path

    from oauth_auth.stores.bell import Bell
    from oauth_auth.stores.sealing import Sealer

__all__ = ["FileTransaction", "RecordFiles"]


def _magic(version: bytes) -> bytes:
    text = b"oauth_auth %s " % version
    return text + b"%08x\n" % binascii.crc32(text)


_MAGIC: Final = _magic(b"1")
_ANY_MAGIC: Final = rb"oauth_auth ([1-9][0-9]{0,3}) [0-9a-f]{8}\n"
#: Room for an answer of any usual size, so that a full disk is met before the refresh
#: token is spent, not after it.
_RESERVED: Final = 64 * 1024
_KINDS: Final = {Record: "record", Mark: "mark", Journal: "journal"}


class _Next(NamedTuple):
    """What is in ``ID.next``."""

    journal: Journal | None = None
    answer: Record | None = None
    #: The whole file.
    data: bytes = b""


@final
class RecordFiles:
    """Reads one record's files. Takes no lock.

    Args:
        path: The record's own file.
        sealer: Opens them.
    """

    __slots__ = ("_sealer", "bell", "mark", "new", "next", "path")

    def __init__(self, path: Path, sealer: Sealer) -> None:
        self.path: Final = path
        self.next: Final = path.with_name(f"{path.name}.next")
        #: What becomes ``ID.next`` when its journal is written.
        self.new: Final = path.with_name(f".{path.name}.next.new")
        self.mark: Final = path.with_name(f"{path.name}.mark")
        self.bell: Final = path.with_name(f"{path.name}.bell")
        self._sealer: Final = sealer

    def read_record(self) -> Record | None:
        """Return the record, or None if there is no file.

        Raises:
            StoreCorrupt: It is damaged.
            KeyMismatch: It was sealed with a key that is not among ours.
            TokenStoreError: It cannot be read, is not ours, or a newer version's.
        """
        data = disk.read_private(self.path)
        if data is None:
            return None
        record = self._opened(Record, _parts(data, self.path)[1], self.path)
        if record is None:
            raise errors.StoreCorrupt(
                f"{self.path} is damaged; the next login keeps it aside and starts anew"
            )
        return record

    def read_mark(self) -> Mark | None:
        """Return the mark, or None.

        A mark only saves needless requests, so one that cannot be opened is none.
        """
        data = disk.read_private(self.mark)
        # Not contextlib.suppress, which would load the errors for every reader.
        try:
            return self._opened(Mark, data or b"", self.mark)
        except errors.TokenStoreError:
            return None

    def read_next(self) -> _Next:
        """Return what a renewal that is under way, or was, has left.

        Raises:
            KeyMismatch: It was sealed with a key that is not among ours.
            TokenStoreError: It cannot be read, is not ours, or a newer version's.
        """
        data = disk.read_private(self.next) or b""
        journal, answer = _parts(data, self.next)
        return _Next(
            self._undamaged(Journal, journal), self._undamaged(Record, answer), data
        )

    def _undamaged(self, kind: type[_Kept], sealed: bytes) -> _Kept | None:
        # What was being written when its writer died is damaged, and then absent.
        with contextlib.suppress(errors.StoreCorrupt):
            return self._opened(kind, sealed, self.next)
        return None

    def _opened(self, kind: type[_Kept], sealed: bytes, where: Path) -> _Kept | None:
        if not sealed:
            return None
        text = self._sealer.unseal(_KINDS[kind], self.path.name, sealed, where)
        return decode(kind, text, where)

    def sealed(self, value: Record | Mark | Journal) -> bytes:
        """Return the bytes to write for a value."""
        return self._sealer.seal(_KINDS[type(value)], self.path.name, encode(value))


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
        with forking.importing("oauth_auth.stores.bell"):
            from oauth_auth.stores.bell import Bell
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
        head = _MAGIC + len(journal).to_bytes(4, "big") + journal
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


def _parts(data: bytes, where: Path) -> tuple[bytes, bytes]:
    """Split a file into sealed journal and sealed record; empty is what is absent.

    Raises:
        TokenStoreError: A newer version of this package wrote it.
    """
    if not data.startswith(_MAGIC):
        found = re.match(_ANY_MAGIC, data)
        if found is not None and found[0] == _magic(found[1]):
            raise from_newer(where)
        return b"", b""
    at = len(_MAGIC)
    parts = []
    for _ in range(2):
        length = int.from_bytes(data[at : at + 4], "big")
        parts.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    return parts[0], parts[1]


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
