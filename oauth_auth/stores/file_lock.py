"""A lock between processes that the kernel frees when its holder dies."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any, Final, final

from oauth_auth.lazy_errors import errors
from oauth_auth.stores import disk

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FileLock"]

#: How often a waiter tries, in seconds.
_POLL: Final = 0.01


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
        try:
            self._lock.acquire(
                timeout=self._timeout, blocking=self._timeout > 0, poll_interval=_POLL
            )
        except filelock.Timeout:
            raise errors.StoreLocked(
                f"{self._path} has been held by another worker for more than "
                f"{self._timeout:g} s"
            ) from None
        except (OSError, NotImplementedError) as error:
            raise self._failure(error) from None

    def __exit__(self, *exc_info: object) -> None:
        self._lock.release()

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
