"""Files that only their owner can read, from birth, and that outlive a power cut."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from typing import TYPE_CHECKING, Final

from oauth_auth.lazy_errors import errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "make_private_directory",
    "not_writable",
    "open_private",
    "read_private",
    "reopen_private",
    "replace",
    "sync_directory",
    "unreadable",
    "write_all",
    "write_private",
]

_CLOEXEC: Final = getattr(os, "O_CLOEXEC", 0)
_BINARY: Final = getattr(os, "O_BINARY", 0)
_NOFOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
#: A fifo planted in a file's place would otherwise block its reader for ever.
_NONBLOCK: Final = getattr(os, "O_NONBLOCK", 0)
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
#: Bytes that are read at once; a record has a few thousand.
_PIECE: Final = 64 * 1024
#: How long a reader on Windows may hold a file that is to be replaced, in seconds.
_REPLACE_PATIENCE: Final = 2.0


def make_private_directory(path: Path) -> None:
    """Make a directory that only its owner can enter; its parents as usual.

    Raises:
        StoreNotWritable: It cannot be made.
        TokenStoreError: It belongs to somebody else, or others can write to it.
    """
    # Not Path.is_dir, which raises where a parent cannot be entered.
    if not os.path.isdir(path):  # noqa: PTH112
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise not_writable(path, error) from None
    check_directory(path)


def check_directory(path: Path) -> None:
    """Refuse a directory in which others could plant or remove files.

    Raises:
        TokenStoreError: It belongs to somebody else, or others can write to it.
    """
    if not hasattr(os, "geteuid"):
        return
    try:
        found = path.stat()
    except OSError as error:
        raise unreadable(path, error) from None
    if found.st_uid != os.geteuid():
        raise errors.TokenStoreError(
            f"{path} belongs to user id {found.st_uid}, and this process runs as "
            f"{os.geteuid()}; use a directory of your own (OAUTH_AUTH_HOME), or: "
            f"chown -R {os.geteuid()} {path}"
        )
    if found.st_mode & _OTHERS_WRITE:
        mode = stat.S_IMODE(found.st_mode)
        raise errors.TokenStoreError(
            f"others can write to {path} (mode {mode:04o}), and could replace what is "
            f"kept there; run: chmod 700 {path}"
        )


def read_private(path: Path, *, strict: bool = False) -> bytes | None:
    """Return a file's content, or None if there is no file.

    Args:
        path: The file.
        strict: Refuse a file that others can read, as for keys; without it such a
            file is tightened, and said in the log.

    Raises:
        TokenStoreError: It is a symbolic link, not a plain file, somebody else's,
            cannot be read, or is loose although `strict`.
    """
    try:
        fd = os.open(path, os.O_RDONLY | _NOFOLLOW | _CLOEXEC | _NONBLOCK | _BINARY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(path, error) from None
    try:
        _check_file(path, fd, strict=strict)
        return _content(fd)
    except OSError as error:
        raise unreadable(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            os.close(fd)


def _content(fd: int) -> bytes:
    parts = []
    while part := os.read(fd, _PIECE):
        parts.append(part)
    return b"".join(parts)


def _check_file(path: Path, fd: int, *, strict: bool) -> None:
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        raise errors.TokenStoreError(f"{path} is not a plain file; remove it")
    if not hasattr(os, "geteuid"):
        return
    if found.st_uid != os.geteuid():
        raise errors.TokenStoreError(
            f"{path} belongs to user id {found.st_uid}, and this process runs as "
            f"{os.geteuid()}; perhaps a run with sudo left it: remove it, or run: "
            f"chown {os.geteuid()} {path}"
        )
    if not found.st_mode & _OTHERS:
        return
    mode = stat.S_IMODE(found.st_mode)
    if strict:
        raise errors.TokenStoreError(
            f"others can read {path} (mode {mode:04o}), so its key may be known; run: "
            f"chmod 600 {path}, and then: oauth-auth keys rotate"
        )
    import logging

    try:
        os.fchmod(fd, 0o600)
        outcome = "is now mode 0600"
    except OSError as error:
        # On a read-only mount; what others can read there is encrypted.
        outcome = f"stays so ({error.strerror})"
    logging.getLogger("oauth_auth").warning(
        "%s was open to others (mode %04o) and %s; it is encrypted, but find out what "
        "loosened it",
        path,
        mode,
        outcome,
    )


def open_private(path: Path) -> int:
    """Create a file that did not exist, readable by its owner alone, for writing.

    Raises:
        OSError: It cannot be created.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _CLOEXEC | _BINARY
    return os.open(path, flags, 0o600)


def reopen_private(path: Path) -> int:
    """Open a file of ours for writing, without following a symbolic link.

    Raises:
        OSError: It cannot be opened.
    """
    return os.open(path, os.O_RDWR | _NOFOLLOW | _CLOEXEC | _BINARY)


def write_all(fd: int, data: bytes | memoryview, offset: int) -> None:
    """Write all of the data at an offset.

    Raises:
        OSError: The disk is full or failed.
    """
    os.lseek(fd, offset, os.SEEK_SET)
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def write_private(
    path: Path,
    data: bytes | memoryview,
    *,
    durable: bool,
    temporary: Path | None = None,
) -> None:
    """Replace a file in one step: a reader sees the old content or the new one.

    Args:
        path: The file.
        data: Its new content.
        durable: Whether the content must outlive a power cut on return.
        temporary: What it is written to first, ``.NAME.new`` beside it by default. The
            caller holds a lock under which nobody else writes there: of killed writers
            there can then be one such file at most, which the next one replaces.

    Raises:
        StoreNotWritable: It cannot be written.
    """
    temporary = temporary or path.with_name(f".{path.name}.new")
    try:
        temporary.unlink(missing_ok=True)
        fd = open_private(temporary)
        try:
            write_all(fd, data, 0)
            if durable:
                os.fsync(fd)
        finally:
            os.close(fd)
        replace(temporary, path)
        if durable:
            sync_directory(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise not_writable(path, error) from None


def replace(source: Path, target: Path) -> None:
    """Rename over the target.

    Raises:
        OSError: It failed; where readers keep a file from being replaced (Windows),
            only after they have been waited for.
    """
    for pause in _patience():
        try:
            source.replace(target)
        except PermissionError:
            if os.name != "nt":
                raise
            time.sleep(pause)
        else:
            return
    source.replace(target)


def _patience() -> Iterator[float]:
    end = time.monotonic() + _REPLACE_PATIENCE
    pause = 0.001
    while time.monotonic() < end:
        yield pause
        pause = min(pause * 2, 0.1)


def sync_directory(path: Path) -> None:
    """Make renames in a directory durable, where directories can be opened.

    Raises:
        OSError: The disk failed.
    """
    if os.name == "nt":
        return
    fd = os.open(path, os.O_RDONLY | _CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        # Some network filesystems cannot sync a directory and say so.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(fd)


#: What to do about what the system says.
_REMEDIES: Final = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space: the quota is used up",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EMFILE: "this process has too many files open: raise its limit (ulimit -n)",
    errno.ENFILE: "the system has too many files open: close some programs",
    errno.EROFS: "the filesystem is read-only; point OAUTH_AUTH_HOME elsewhere",
    errno.EACCES: "check owner and mode, or point OAUTH_AUTH_HOME elsewhere",
    errno.EPERM: "check owner and mode, or point OAUTH_AUTH_HOME elsewhere",
    errno.ELOOP: "a symbolic link stands in its place; remove it",
}
_CHECK_DISK: Final = "check the disk, or OAUTH_AUTH_HOME"
#: A file that cannot be read for one of these is there, and may be read later.
_FAILING: Final = frozenset(
    {errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE}
)


def not_writable(path: Path, error: OSError) -> Exception:
    """Return the error for a place that cannot be written, with its remedy."""
    remedy = _REMEDIES.get(error.errno or 0, _CHECK_DISK)
    return errors.StoreNotWritable(
        f"{path} cannot be written: {error.strerror or error}; {remedy}"
    )


def unreadable(path: Path, error: OSError) -> Exception:
    """Return the error for a place that cannot be read, with its remedy."""
    if error.errno in (errno.ELOOP, errno.EMLINK):
        return errors.TokenStoreError(
            f"{path} is a symbolic link, which could lead anywhere; remove it"
        )
    remedy = _REMEDIES.get(error.errno or 0, _CHECK_DISK)
    # Whoever needs no store to get a token goes on without one that fails to work, as
    # without one that is full; but not without one that somebody has tampered with.
    failing = error.errno in _FAILING
    kind = errors.StoreNotWritable if failing else errors.TokenStoreError
    return kind(f"{path} cannot be read: {error.strerror or error}; {remedy}")
