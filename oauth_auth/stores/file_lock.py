"""A lock between processes that the kernel frees when its holder dies."""

from __future__ import annotations

import errno
import logging
import os
import re
from pathlib import Path
from typing import Any, Final, final

from oauth_auth import forking
from oauth_auth.lazy_errors import errors
from oauth_auth.stores import disk
from oauth_auth.stores.base import PATIENT_SECONDS, holder_of

__all__ = ["FileLock"]

#: How often a waiter tries, in seconds.
_POLL: Final = 0.01
#: Where Linux lists who holds which lock.
_KERNEL_LOCKS: Final = Path("/proc/locks")
#: A line of it, such as ``1: FLOCK  ADVISORY  WRITE 4711 fe:00:2146388 0 EOF``; those
#: of waiters have an arrow behind the colon.
_HELD: Final = r"(?m)^\d+: FLOCK +\w+ +\w+ +(\d+) +([0-9a-f]+:[0-9a-f]+):(\d+) "

_log = logging.getLogger("oauth_auth")


@final
class FileLock:
    """A `filelock` that raises this package's errors, and may be entered again.

    Args:
        path: The lock file, which is never removed: a waiter could then hold the lock
            of a file that nobody else can find.
        timeout: Seconds to wait on entering; 0 tries once.
    """

    def __init__(self, path: Path, timeout: float) -> None:
        self._path: Final = path
        self._timeout: Final = timeout
        self._lock: Any = None
        self._pid = 0

    def __enter__(self) -> None:
        # filelock imports asyncio, which a program that never renews need not load.
        with forking.importing("filelock"):
            import filelock

        # One that was made before a fork refuses to work in the child.
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._lock = filelock.FileLock(
                self._path,
                mode=0o600,
                # A lock that merely exists would outlive a killed holder.
                fallback_to_soft=False,
                preserve_lock_file=True,
            )
        patience = min(self._timeout, PATIENT_SECONDS)
        if self._taken(patience):
            return
        if self._timeout > patience:
            _log.warning(
                "waiting for %s, which %s has held for more than %g s",
                self._path,
                holder_of(self),
                patience,
            )
            if self._taken(self._timeout - patience):
                return
        if self._timeout > 0:
            raise errors.StoreLocked(
                f"{self._path} has been held by {holder_of(self)} for more than "
                f"{self._timeout:g} s"
            )
        # Without its name: who tries so often would ask each time for nothing.
        raise errors.StoreLocked(f"{self._path} is held by another worker")

    def _taken(self, timeout: float) -> bool:
        import filelock

        try:
            self._lock.acquire(
                timeout=timeout, blocking=timeout > 0, poll_interval=_POLL
            )
        except filelock.Timeout:
            return False
        except (OSError, NotImplementedError) as error:
            raise self._failure(error) from None
        return True

    def __exit__(self, *exc_info: object) -> None:
        try:
            self._release()
        except OSError as error:
            # No error: what was done under the lock is done, and counts.
            _log.warning(
                "%s cannot be unlocked (%s), and may stay locked until this process "
                "ends; check the disk",
                self._path,
                error.strerror,
            )

    def _release(self) -> None:
        try:
            self._lock.release()
        except OSError:
            # What could not be unlocked is kept for another try.
            self._lock.release()

    def holder(self) -> str | None:
        """Return which process holds the lock, in words; None if that is not known."""
        try:
            found = self._path.stat()
            listed = _KERNEL_LOCKS.read_text("ascii", "replace")
        except OSError:
            return None
        pid = _holding_pid(listed, found)
        if pid is None:
            return None
        if pid == os.getpid():
            return "another thread of this process"
        try:
            # Not its arguments, which may hold a secret.
            name = Path(f"/proc/{pid}/comm").read_text("utf-8", "replace").strip()
        except OSError:
            return f"process {pid}"
        return f"process {pid} ({name})"

    def _failure(self, error: Exception) -> Exception:
        number = getattr(error, "errno", None)
        no_locks = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
        if isinstance(error, NotImplementedError) or number in no_locks:
            return errors.StoreNotWritable(
                f"the filesystem of {self._path.parent} cannot lock files ({error}), "
                "so two workers could spend one refresh token; use a local directory "
                "(OAUTH_AUTH_HOME), or a store made for several machines"
            )
        assert isinstance(error, OSError)  # noqa: S101  # nothing else is caught
        return disk.not_writable(self._path, error)


def _holding_pid(listed: str, lock_file: os.stat_result) -> int | None:
    device = f"{os.major(lock_file.st_dev):02x}:{os.minor(lock_file.st_dev):02x}"
    elsewhere = set()
    for pid, place, number in re.findall(_HELD, listed):
        if int(number) == lock_file.st_ino:
            if place == device:
                return int(pid)
            elsewhere.add(int(pid))
    # Some filesystems (btrfs, overlayfs) show the kernel's list another device.
    return elsewhere.pop() if len(elsewhere) == 1 else None
