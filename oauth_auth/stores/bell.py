"""Tells who waits for a record that the worker which renews it is done.

The holder of a record's lock keeps a FIFO open for writing, and waiters open it for
reading: once no process has it open for writing the kernel wakes them all, also when
the holder has died. To wait so takes no processor time, and shows at once that there
is somebody to wait for.

It is a hint and no more. Where there is no FIFO (on Windows, on some filesystems, for
a holder on another machine) waiters look now and then. The FIFO has a name only while
somebody is at work, since programs that copy directories trip over such files.
"""

from __future__ import annotations

import contextlib
import os
import select
from typing import TYPE_CHECKING, Any, Final, Self, final

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Bell", "Listener", "listen"]

_FLAGS: Final = (
    getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
)
#: What this process has open. A forked child closes it: else a bell would not ring
#: before the child ends too.
_open: set[int] = set()


def _close_after_fork() -> None:
    for fd in _open:
        with contextlib.suppress(OSError):
            os.close(fd)
    _open.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_after_fork)


def _opened(path: str | Path, flags: int) -> int:
    fd = os.open(path, flags | _FLAGS)
    _open.add(fd)
    return fd


def _close(fd: int) -> None:
    # Not in the child of a fork, where the number may be another file's by now.
    if fd in _open:
        _open.discard(fd)
        with contextlib.suppress(OSError):
            os.close(fd)


@final
class Bell:
    """The holder's end; waiters wait for it from its making on.

    Args:
        path: The FIFO, which only the lock's holder makes and removes.
    """

    def __init__(self, path: Path) -> None:
        self._path: Final = path
        self._hidden = True
        self._fd: int | None = None
        if not hasattr(os, "mkfifo"):
            return
        # Where there can be none, waiters do without.
        with contextlib.suppress(OSError):
            # One that a dead holder has left will do.
            with contextlib.suppress(FileExistsError):
                os.mkfifo(path, 0o600)
            self._hidden = False
            # It can be opened for writing alone while somebody reads.
            reading = _opened(path, os.O_RDONLY)
            try:
                self._fd = _opened(path, os.O_WRONLY)
            finally:
                _close(reading)

    def hide(self) -> None:
        """Take its name away, while the lock is still held."""
        if not self._hidden:
            self._hidden = True
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    def ring(self) -> None:
        """Wake all who wait for it."""
        self.hide()
        if self._fd is not None:
            fd, self._fd = self._fd, None
            _close(fd)


@final
class Listener:
    """A waiter's end; a context manager that closes it."""

    def __init__(self, fd: int, poll: Any) -> None:
        self._fd: Final = fd
        self._poll: Final = poll

    def wait(self, seconds: float) -> bool:
        """Wait until the bell rings; return whether it has."""
        return bool(self._poll.poll(seconds * 1000))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        _close(self._fd)


def listen(path: str | Path) -> Listener | None:
    """Return what waits for the bell; None if nobody of this machine would ring it."""
    # Windows has none, and eventlet takes it away.
    if not hasattr(select, "poll"):
        return None
    try:
        fd = _opened(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        # Nothing is ever written. Without a writer this is the end of the file.
        os.read(fd, 1)
    except BlockingIOError:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        return Listener(fd, poll)
    except OSError:
        pass
    _close(fd)
    return None
