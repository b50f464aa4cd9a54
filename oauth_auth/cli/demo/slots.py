"""A worker slot's counts, in a file that its processes and the demo map.

A worker that is killed between two requests takes nothing with it: the counts are in
the file's pages, and its successor goes on counting there. Each slot has one writer
at a time, so nothing is locked.
"""

from __future__ import annotations

import mmap
import os
import time
from enum import IntEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Self

from oauth_auth.cli.demo.figures import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

__all__ = ["RAISED", "Cell", "Slot"]

#: The status of a request that raised an exception.
RAISED: Final = 1
_BYTES: Final = 4096
#: Failures per slot that keep their text.
_KEPT: Final = 20
_LONGEST: Final = 300


class Cell(IntEnum):
    """The numbers in a slot; 8 bytes each, so that they are written in one go."""

    REQUESTS = 0
    FAILURES = 1
    #: Failures that said that a person has to log in.
    LOGOUTS = 2
    #: Of the last request; 0 before the first.
    STATUS = 3
    #: 1 once the worker's process can send.
    READY = 4


class Slot:
    """The counts of one worker slot.

    Args:
        path: The file; made if it is not there. Failure texts go to one beside it.
    """

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        self._texts: Final = path.with_suffix(".failures")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0))
        try:
            os.ftruncate(descriptor, _BYTES)
            self._map: Final = mmap.mmap(descriptor, _BYTES)
        finally:
            os.close(descriptor)
        self._cells: Final = memoryview(self._map).cast("Q")

    def __getitem__(self, cell: Cell) -> int:
        return self._cells[cell]

    def __setitem__(self, cell: Cell, value: int) -> None:
        self._cells[cell] = value

    def succeeded_or_not(self, status: int) -> None:
        """Count a request that was answered."""
        if status == HTTPStatus.OK:
            self._count(status)
        else:
            self._failed(status, f"{status} {_phrase(status)}")

    def raised(self, error: Exception) -> None:
        """Count a request that raised an exception."""
        if type(error).__name__ == "LoginRequired":
            self[Cell.LOGOUTS] += 1
        self._failed(RAISED, f"{type(error).__name__}: {error}")

    def failures(self, worker: str) -> Iterator[Failure]:
        """Yield the first failures of this slot."""
        if not self._texts.exists():
            return
        for line in self._texts.read_text("utf-8").splitlines():
            moment, _, text = line.partition(" ")
            yield Failure(float(moment), worker, text)

    def _failed(self, status: int, text: str) -> None:
        if self[Cell.FAILURES] < _KEPT:
            line = " ".join(text.split())[:_LONGEST]
            with self._texts.open("a", encoding="utf-8") as file:
                file.write(f"{time.time()} {line}\n")
        # Before the request itself, since a kill in between must not hide it.
        self[Cell.FAILURES] += 1
        self._count(status)

    def _count(self, status: int) -> None:
        self[Cell.STATUS] = status
        self[Cell.REQUESTS] += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._cells.release()
        self._map.close()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "(no standard status)"
