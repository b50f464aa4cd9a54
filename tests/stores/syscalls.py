"""What a store asks the system to do with its files: written down, or made to fail."""

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


class Syscalls:
    """Stands in for functions of `os` where they concern files below a directory.

    Args:
        monkeypatch: Puts the functions back.
        root: The directory.
    """

    def __init__(self, monkeypatch, root):
        self.root = Path(root)
        #: The calls so far: (name, name of the file).
        self.calls = []
        #: Which call fails, by its number from now or by name, and how.
        self.fails_at = None
        self.failure = 0
        #: Called after each successful call with its name, path and result.
        self.watch = None
        self._files = {}
        for name in NAMES:
            monkeypatch.setattr(os, name, self._stand_in(name, getattr(os, name)))

    def start(self, fails_at=None, failure=0):
        """Forget the calls so far, and choose the one to fail."""
        self.calls.clear()
        self.fails_at, self.failure = fails_at, failure

    def _stand_in(self, name, real):
        def stand_in(target, *args, **kwargs):
            path = self._path(target)
            if path is None:
                return real(target, *args, **kwargs)
            fails = self.fails_at in (len(self.calls), (name, path.name))
            self.calls.append((name, path.name))
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

    def _path(self, target):
        if isinstance(target, int):
            return self._files.get(target)
        path = Path(os.fspath(target))
        return path if path.is_relative_to(self.root) else None
