"""The files of one record, and how they are read; `file_transaction` writes them.

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
import re
from typing import TYPE_CHECKING, Final, final

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

if TYPE_CHECKING:
    from pathlib import Path

    from oauth_auth.secret import Secret
    from oauth_auth.stores.sealing import Sealer

__all__ = ["Next", "RecordFiles"]


def _magic(version: bytes) -> bytes:
    text = b"oauth_auth %s " % version
    return text + b"%08x\n" % binascii.crc32(text)


_MAGIC: Final = _magic(b"1")
_ANY_MAGIC: Final = rb"oauth_auth ([1-9][0-9]{0,3}) [0-9a-f]{8}\n"
_KINDS: Final = {Record: "record", Mark: "mark", Journal: "journal"}


@final
class Next:
    """What is in ``ID.next``."""

    __slots__ = ("answer", "data", "journal")

    def __init__(
        self, journal: Journal | None, answer: Record | None, data: bytes
    ) -> None:
        self.journal: Final = journal
        self.answer: Final = answer
        #: The whole file.
        self.data: Final = data


@final
class RecordFiles:
    """Reads one record's files. Takes no lock.

    Args:
        path: The record's own file.
        sealer: Opens them.
    """

    __slots__ = ("_sealer", "path")

    def __init__(self, path: Path, sealer: Sealer) -> None:
        self.path: Final = path
        self._sealer: Final = sealer

    # Made when they are needed: the three take as long as reading a record.

    @property
    def next(self) -> Path:
        """``ID.next``."""
        return self.path.with_name(f"{self.path.name}.next")

    @property
    def new(self) -> Path:
        """What becomes ``ID.next`` when its journal is written."""
        return self.path.with_name(f".{self.path.name}.next.new")

    @property
    def mark(self) -> Path:
        """``ID.mark``."""
        return self.path.with_name(f"{self.path.name}.mark")

    @property
    def bell(self) -> Path:
        """``ID.bell``."""
        return self.path.with_name(f"{self.path.name}.bell")

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

    def holds(self, text: str) -> bool:
        """Whether a text without special characters is somewhere in the record.

        It takes a third of what reading the record does.

        Raises:
            TokenStoreError: The record cannot be read; see `read_record`.
        """
        data = disk.read_private(self.path)
        sealed = _parts(data or b"", self.path)[1]
        return (
            bool(sealed) and text in self._unsealed(Record, sealed, self.path).reveal()
        )

    def read_mark(self) -> Mark | None:
        """Return the mark, or None.

        A mark only saves needless requests, so one that cannot be opened is none.
        """
        mark = self.mark
        data = disk.read_private(mark)
        # Not contextlib.suppress, which would load the errors for every reader.
        try:
            return self._opened(Mark, data or b"", mark)
        except errors.TokenStoreError:
            return None

    def read_next(self) -> Next:
        """Return what a renewal that is under way, or was, has left.

        Raises:
            KeyMismatch: It was sealed with a key that is not among ours.
            TokenStoreError: It cannot be read, is not ours, or a newer version's.
        """
        data = disk.read_private(self.next) or b""
        journal, answer = _parts(data, self.next)
        return Next(
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
        return decode(kind, self._unsealed(kind, sealed, where), where)

    def _unsealed(self, kind: type[_Kept], sealed: bytes, where: Path) -> Secret:
        return self._sealer.unseal(_KINDS[kind], self.path.name, sealed, where)

    def sealed(self, value: Record | Mark | Journal) -> bytes:
        """Return the bytes to write for a value."""
        return self._sealer.seal(_KINDS[type(value)], self.path.name, encode(value))


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
