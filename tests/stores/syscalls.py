"""What a store asks the system to do with its files: written down, or made to fail.

But for what waiters listen to (`bell`), which holds nothing.
"""

import fcntl
import functools
import os
from pathlib import Path

#: What changes files, or opens them; all by their names in `os`, as pathlib calls them.
NAMES = (
    "open",
    "write",
    "fsync",
    "ftruncate",
    "posix_fallocate",
    "close",
    "replace",
    "unlink",
    "mkdir",
)
#: What else may fail: looks, modes and locks.
OTHERS = ("read", "stat", "lstat", "fstat", "fchmod", "scandir", "flock")
_path_of = functools.lru_cache(Path)


class Syscalls:
    """Stands in for functions of `os` where they concern files below a directory.

    Args:
        monkeypatch: Puts the functions back.
        root: The directory.
        names: Which functions.
    """

    def __init__(self, monkeypatch, root, names=NAMES):
        self._root = f"{root}{os.sep}"
        #: The calls so far: (name, name of the file). Freeing a lock is "unlock".
        self.calls = []
        #: Which call fails, by its number from now or by name, and how.
        self.fails_at = None
        self.failure = 0
        #: Tells which calls after that one fail too, by name and arguments.
        self.fails_later = None
        #: Called before each call with its name, path and arguments.
        self.before = None
        #: Called after each successful call with its name, path and result.
        self.watch = None
        self._files = {}
        for name in names:
            module = fcntl if name == "flock" else os
            monkeypatch.setattr(
                module, name, self._stand_in(name, getattr(module, name))
            )

    def start(self, fails_at=None, failure=0, fails_later=None):
        """Forget the calls so far, and choose those to fail."""
        self.calls.clear()
        self.fails_at, self.failure = fails_at, failure
        self.fails_later = fails_later

    def _stand_in(self, name, real):
        def stand_in(target, *args, **kwargs):
            path = self._path(target)
            if path is None:
                return real(target, *args, **kwargs)
            called = "unlock" if args == (fcntl.LOCK_UN,) else name
            if self.before is not None:
                self.before(called, path, args)
            fails = self._fails(called, path, args)
            self.calls.append((called, path.name))
            if name == "close":
                self._files.pop(target, None)
                real(target)  # the descriptor is gone even if close() fails
            if fails:
                raise OSError(self.failure, os.strerror(self.failure), str(path))
            if name in ("close", "fsync"):
                return None  # no test outlives a power cut, and syncing is slow
            result = real(target, *args, **kwargs)
            if name == "open":
                self._files[result] = path
            if self.watch is not None:
                self.watch(name, path, result)
            return result

        return stand_in

    def _fails(self, called, path, args):
        number = len(self.calls)
        if self.fails_at in (number, (called, path.name)):
            return True
        later = self.fails_later is not None and number > self.fails_at
        return later and self.fails_later(called, args)

    def _path(self, target):
        if isinstance(target, int):
            return self._files.get(target)
        text = os.fspath(target)
        if not text.startswith(self._root) or text.endswith(".bell"):
            return None
        return _path_of(text)
