"""FileStore: one sealed file per record, shared by all processes of a user.

For a record ``ID`` there are in ``records/``:

    ID        the record
    ID.next   journal, reserved space and temporary file in one: the journal in front,
              the answer written behind it in place, then renamed over the record
    ID.mark   the mark
    ID.lock   the lock (filelock); never removed, since a waiter could then hold the
              lock of a file that nobody else can find

A record file and a ``.next`` file have the same layout: a magic, then the sealed
journal and the sealed record, each behind its length in 4 bytes. A length of 0 means
that the part is absent.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, final

from oauth_auth.lazy_errors import errors
from oauth_auth.secret import Secret
from oauth_auth.stores import disk
from oauth_auth.stores.base import Journal, Mark, Record, _Kept, decode, encode
from oauth_auth.stores.keys import KeyChain, new_key
from oauth_auth.stores.sealing import Sealer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oauth_auth.stores.keys import Keys

__all__ = ["FileStore"]

_MAGIC: Final = b"oauth_auth 1\n"
#: Room for an answer of any usual size, so that a full disk is met before the refresh
#: token is spent, not after it.
_RESERVED: Final = 64 * 1024
_NAME: Final = re.compile(r"[a-z0-9-]{1,80}")
_log = logging.getLogger("oauth_auth")


@final
class FileStore:
    """Keeps records in encrypted files, shared by threads, tasks and processes.

    Args:
        path: The directory. None means the environment variable ``OAUTH_AUTH_HOME``,
            else the platform's place for a user's state.
        keys: Sealing keys in base64 (32 bytes each), oldest to newest: one, or a
            list, or references to them, or ``"keyring"``. None means the environment
            variable ``OAUTH_AUTH_KEY``, else a key file in the directory, which is
            made at first use.

    Example:
        >>> store = FileStore("/var/lib/reports/oauth")
        >>> store
        FileStore('/var/lib/reports/oauth')
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, *, keys: Keys = None
    ) -> None:
        self.path: Final = Path(path).absolute() if path else default_path()
        self._records: Final = self.path / "records"
        self._claims: Final = self.path / "claims"
        self._sealer: Final = Sealer(KeyChain(keys, self._key_file))

    @property
    def sealer(self) -> Sealer:
        """Seals what leaves this process under the store's keys."""
        return self._sealer

    def read(self, record_id: str) -> Record | None:
        """Return the record with its mark, or None; takes no lock."""
        path = self._record_path(record_id)
        record = self._read_record(path)
        mark = self._read_mark(path)
        if record is None and mark is None:
            return None
        return (record or Record())._replace(mark=mark)

    def lock(self, record_id: str, *, timeout: float) -> _Transaction:
        """Return the record's lock, among all processes of this user."""
        return _Transaction(self, self._record_path(record_id), timeout)

    def records(self) -> Iterator[str]:
        """Yield the ids of all records."""
        try:
            with os.scandir(self._records) as entries:
                yield from (e.name for e in entries if _NAME.fullmatch(e.name))
        except FileNotFoundError:
            return

    def claim(
        self,
        fingerprint: str,
        record_id: str | None = None,
        *,
        replaces: str | None = None,
    ) -> str | None:
        """Look up, or set, which record a seed or refresh token belongs to."""
        path = self._claims / _checked(fingerprint)
        sealed = disk.read_private(path)
        kept = None
        if sealed is not None:
            kept = self._sealer.unseal("claim", fingerprint, sealed, path).reveal()
        if record_id is not None and record_id != kept:
            disk.make_private_directory(self.path)
            disk.make_private_directory(self._claims)
            sealed = self._sealer.seal("claim", fingerprint, Secret(record_id))
            # Durable: a program may have saved the refresh token itself, and offer it
            # as a seed again after a power cut.
            disk.write_private(path, sealed, durable=True)
            kept = record_id
        if replaces is not None:
            with contextlib.suppress(OSError):
                (self._claims / _checked(replaces)).unlink()
        return kept

    def _record_path(self, record_id: str) -> Path:
        return self._records / _checked(record_id)

    def _make_directories(self) -> None:
        disk.make_private_directory(self.path)
        disk.make_private_directory(self._records)

    def _read_record(self, path: Path) -> Record | None:
        data = disk.read_private(path)
        if data is None:
            return None
        parts = _parts(data)
        record = None
        if parts and parts[1]:
            record = self._unsealed(Record, "record", path, parts[1], path)
        if record is None:
            raise errors.StoreCorrupt(
                f"{path} is damaged; the next login keeps it aside and starts anew"
            )
        return record

    def _read_mark(self, path: Path) -> Mark | None:
        place = path.with_name(f"{path.name}.mark")
        data = disk.read_private(place)
        if data is None:
            return None
        try:
            return self._unsealed(Mark, "mark", path, data, place)
        except errors.StoreCorrupt:
            # A mark only saves needless requests; without it one more is sent.
            return None

    def _unsealed(
        self, kind: type[_Kept], word: str, path: Path, sealed: bytes, where: Path
    ) -> _Kept | None:
        text = self._sealer.unseal(word, path.name, sealed, where)
        return decode(kind, text)

    def _key_file(self) -> Secret:
        """Return the key file's text, made first if the store is new."""
        path = self.path / "keys"
        text = _key_text(path)
        if text is not None:
            return text
        self._make_directories()
        with _file_lock(self.path / "keys.lock", timeout=10.0):
            text = _key_text(path)
            if text is not None:
                return text
            if any(self.records()):
                raise errors.KeyMismatch(
                    f"{path} is missing, and {self._records} holds records that were "
                    "sealed with a key from it; put the key file back, set "
                    "OAUTH_AUTH_KEY, or use another directory (OAUTH_AUTH_HOME)"
                )
            text = Secret(new_key().reveal() + "\n")
            disk.write_private(path, text.reveal().encode(), durable=True)
        return text

    def __repr__(self) -> str:
        return f"FileStore({str(self.path)!r})"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, FileStore)
            and other.path == self.path
            and other._sealer.chain.given == self._sealer.chain.given
        )

    def __hash__(self) -> int:
        return hash(self.path)

    def __reduce__(self) -> tuple[Any, ...]:
        if self._sealer.chain.given_literally:
            raise errors.ConfigurationError(
                f"the FileStore of {self.path} was given its keys literally, and a "
                "pickle is readable by anyone; put them into OAUTH_AUTH_KEY, or pass "
                "FromEnv(...) or FromFile(...)"
            )
        return _rebuild, (str(self.path), self._sealer.chain.given)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self


@final
class _Transaction:
    """The record's lock, and what may be done while it is held."""

    def __init__(self, store: FileStore, path: Path, timeout: float) -> None:
        self._store: Final = store
        self._path: Final = path
        self._next: Final = path.with_name(f"{path.name}.next")
        self._mark: Final = path.with_name(f"{path.name}.mark")
        self._timeout: Final = timeout
        self._lock: Any = None
        self._fd: int | None = None
        self._answer_at = 0

    def __enter__(self) -> Self:
        if self._lock is None:
            self._store._make_directories()
            self._lock = _file_lock(
                self._path.with_name(f"{self._path.name}.lock"), self._timeout
            )
        self._lock.__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        try:
            self._close()
        finally:
            self._lock.__exit__(*exc_info)

    def read(self) -> Record:
        record = self._store._read_record(self._path) or Record()
        journal, answer = self._read_next()
        if answer is not None and answer.generation > record.generation:
            # Its writer had the answer safe on disk, and died before the rename.
            self._put_in_place()
            record, journal = answer, None
        if journal is not None and journal.generation != record.generation:
            journal = None
        mark = self._store._read_mark(self._path)
        return record._replace(mark=mark, journal=journal)

    def reserve(self, journal: Journal) -> None:
        try:
            self._start_next(journal)
        except OSError as error:
            self._close()
            raise disk.not_writable(self._next, error) from None

    def save(self, record: Record) -> None:
        try:
            current = self._store._read_record(self._path)
        except errors.StoreCorrupt:
            current = None
            aside = self._path.with_name(f"{self._path.name}.corrupt-{time.time_ns()}")
            disk.replace(self._path, aside)
        if current is not None and record.generation <= current.generation:
            raise errors.StoreConflict(
                f"{self._path} is at generation {current.generation}, so generation "
                f"{record.generation} is not saved"
            )
        sealed = self._store._sealer.seal("record", self._path.name, encode(record))
        try:
            if self._fd is None:
                self._start_next(None)
            self._finish_next(sealed)
            self._put_in_place()
            self._mark.unlink(missing_ok=True)
        except OSError as error:
            # After a failed sync the pages count as clean, so a second sync would
            # succeed without writing them: the next try starts a new file.
            self._close()
            raise disk.not_writable(self._path, error) from None

    def mark(self, mark: Mark | None) -> None:
        try:
            if mark is None:
                self._mark.unlink(missing_ok=True)
            else:
                seal = self._store._sealer.seal
                sealed = seal("mark", self._path.name, encode(mark))
                disk.write_private(self._mark, sealed, durable=False)
            if mark is None or not mark.in_doubt:
                self._close()
                self._next.unlink(missing_ok=True)
        except OSError as error:
            raise disk.not_writable(self._mark, error) from None

    def _read_next(self) -> tuple[Journal | None, Record | None]:
        data = disk.read_private(self._next)
        parts = None if data is None else _parts(data)
        if parts is None:
            return None, None
        journal = answer = None
        # What was being written when its writer died is damaged, and then absent.
        with contextlib.suppress(errors.StoreCorrupt):
            if parts[0]:
                journal = self._store._unsealed(
                    Journal, "journal", self._path, parts[0], self._next
                )
        with contextlib.suppress(errors.StoreCorrupt):
            if parts[1]:
                answer = self._store._unsealed(
                    Record, "record", self._path, parts[1], self._next
                )
        return journal, answer

    def _start_next(self, journal: Journal | None) -> None:
        self._close()
        self._next.unlink(missing_ok=True)
        self._fd = disk.open_private(self._next)
        head = b""
        if journal is not None:
            seal = self._store._sealer.seal
            head = seal("journal", self._path.name, encode(journal))
        head = _MAGIC + len(head).to_bytes(4, "big") + head
        self._answer_at = len(head)
        if journal is not None:
            _allocate(self._fd, self._answer_at + self._room())
            disk.write_all(self._fd, head, 0)
            os.fsync(self._fd)
            disk.sync_directory(self._next.parent)
        else:
            disk.write_all(self._fd, head, 0)

    def _room(self) -> int:
        with contextlib.suppress(OSError):
            return max(_RESERVED, 2 * self._path.stat().st_size)
        return _RESERVED

    def _finish_next(self, sealed: bytes) -> None:
        assert self._fd is not None  # noqa: S101  # save() has just opened it
        answer = len(sealed).to_bytes(4, "big") + sealed
        disk.write_all(self._fd, answer, self._answer_at)
        os.ftruncate(self._fd, self._answer_at + len(answer))
        os.fsync(self._fd)

    def _put_in_place(self) -> None:
        self._close()
        disk.replace(self._next, self._path)
        disk.sync_directory(self._path.parent)

    def _close(self) -> None:
        if self._fd is not None:
            fd, self._fd = self._fd, None
            os.close(fd)


def default_path() -> Path:
    """Return the directory that a FileStore without a path uses."""
    home = os.environ.get("OAUTH_AUTH_HOME")
    if home:
        return Path(home).absolute()
    import platformdirs

    return platformdirs.user_state_path("oauth_auth", appauthor=False)


_defaults: dict[tuple[str | None, ...], FileStore] = {}


def default_store() -> FileStore:
    """Return the user's FileStore, the same object for the same environment."""
    names = ("OAUTH_AUTH_HOME", "XDG_STATE_HOME", "HOME")
    key = tuple(os.environ.get(name) for name in names)
    store = _defaults.get(key)
    if store is None:
        store = _defaults[key] = FileStore()
    return store


def _rebuild(path: str, keys: Keys) -> FileStore:
    return FileStore(path, keys=keys)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a record id or fingerprint")
    return name


def _key_text(path: Path) -> Secret | None:
    data = disk.read_private(path, strict=True)
    return None if data is None else Secret(data.decode("ascii", "replace"))


def _parts(data: bytes) -> tuple[bytes, bytes] | None:
    """Split a file into sealed journal and sealed record; None if it is neither."""
    if not data.startswith(_MAGIC):
        return None
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


class _file_lock:  # noqa: N801  # a function in all but the state it needs
    """A file lock that raises this package's errors, and may be entered again."""

    def __init__(self, path: Path, timeout: float) -> None:
        self._path: Final = path
        self._timeout: Final = timeout
        self._lock: Any = None

    def __enter__(self) -> None:
        # filelock imports asyncio, which a program that never renews need not load.
        import filelock

        if self._lock is None:
            self._lock = filelock.FileLock(
                self._path,
                mode=0o600,
                # A lock that merely exists would outlive a killed holder.
                fallback_to_soft=False,
                preserve_lock_file=True,
            )
        try:
            self._lock.acquire(
                timeout=self._timeout, blocking=self._timeout > 0, poll_interval=0.01
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
                "(OAUTH_AUTH_HOME)"
            )
        assert isinstance(error, OSError)  # noqa: S101  # nothing else is caught
        return disk.not_writable(self._path, error)
