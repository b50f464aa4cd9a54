"""A small disk of a test's own: a tmpfs that one child process alone can see."""

import contextlib
import ctypes
import os
from pathlib import Path

import pytest

from tests.stores.children import in_child

_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_NO_MOUNT = "PermissionError: [Errno 1] mount:"
_MS_RDONLY, _MS_REMOUNT, _MS_REC, _MS_PRIVATE = 1, 1 << 5, 1 << 14, 1 << 18


class Tmpfs:
    """A disk that can be filled up, and made read-only.

    Args:
        path: An empty directory.
        options: What mount takes, such as ``size=512k``.
    """

    def __init__(self, path, options):
        self.path = Path(path)
        self._options = options
        _leave_the_others()
        _mount("none", "/", None, _MS_REC | _MS_PRIVATE, None)
        _mount("tmpfs", path, "tmpfs", 0, f"mode=0700,{options}")
        self._filler = self.path / "filler"

    def fill(self):
        """Use up all of its space."""
        with contextlib.suppress(OSError), self._filler.open("ab", 0) as file:
            while True:
                file.write(bytes(4096))
        found = os.statvfs(self.path)
        assert (found.f_bfree, found.f_bavail) == (0, 0)

    def fill_with_names(self):
        """Use up all of its inodes, so that no file can be made any more."""
        self._filler.mkdir()
        with contextlib.suppress(OSError):
            for number in range(10_000):
                (self._filler / str(number)).touch()
        assert os.statvfs(self.path).f_ffree == 0

    def empty(self):
        """Give back what was used up."""
        if self._filler.is_dir():
            for path in self._filler.iterdir():
                path.unlink()
        else:
            self._filler.unlink()

    def make(self, *, read_only):
        """Mount it again, read-only or not."""
        flags = _MS_REMOUNT | (_MS_RDONLY if read_only else 0)
        _mount("tmpfs", self.path, "tmpfs", flags, self._options)


def on_tmpfs(path, options, work):
    """Run something in a child with a disk of its own, and return what it said."""
    said = in_child(lambda: work(Tmpfs(path, options)))
    if said.startswith(("PermissionError: [Errno 1] unshare:", _NO_MOUNT)):
        pytest.skip(f"nothing can be mounted here, even in a namespace: {said}")
    return said


def _leave_the_others():
    """Have mounts of one's own; root may, and others as root of a user namespace."""
    user, group = os.getuid(), os.getgid()
    if user == 0:
        with contextlib.suppress(PermissionError):
            _called("unshare", _CLONE_NEWNS)
            return
    _called("unshare", _CLONE_NEWUSER | _CLONE_NEWNS)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _mount(source, target, kind, flags, options):
    _called(
        "mount",
        source.encode(),
        os.fsencode(target),
        kind and kind.encode(),
        ctypes.c_ulong(flags),
        options and options.encode(),
    )


def _called(name, *args):
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*args) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
