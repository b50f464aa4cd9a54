"""FileStore: one sealed file per record, shared by all processes of a user.

In the store's directory there are:

    keys       the sealing keys, unless they come from elsewhere
    keys.lock  held while the key file is made
    records/   the records; see `record_file`
    claims/    one sealed file per seed or refresh token: the id of its record
"""

from __future__ import annotations

import contextlib
import os
import re
import string
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias, final

from oauth_auth import forking
from oauth_auth.lazy_errors import errors
from oauth_auth.secret import Secret
from oauth_auth.stores import disk
from oauth_auth.stores.base import Record
from oauth_auth.stores.key_file import KeyFile
from oauth_auth.stores.keys import KeyChain
from oauth_auth.stores.record_file import RecordFiles
from oauth_auth.stores.sealing import Sealer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oauth_auth.stores.bell import Listener
    from oauth_auth.stores.file_transaction import FileTransaction
    from oauth_auth.stores.keys import Keys

__all__ = ["FileStore"]

#: Of what names of records and claims consist. No patterns here: compiling them takes
#: longer than reading a record.
_NAMES: Final = frozenset(f"{string.ascii_lowercase}{string.digits}-")
_LONGEST_NAME: Final = 80
#: How many stores' paths one process remembers.
_KNOWN_KEPT: Final = 256
#: Files in ``records/`` that no key is needed for.
_UNSEALED: Final = r".*(\.lock|\.bell|\.corrupt-\d+)"


#: Which record a token belongs to, and whether it is a seed.
_Claim: TypeAlias = tuple[str, bool]
_NO_CLAIM: Final[_Claim] = "", False


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
        self.path, self._records, self._claims = _directories(path or default_path())
        self._hash: Final = hash(self.path)
        key_file = KeyFile(self.path, _holds_sealed)
        chain = KeyChain(keys, key_file)
        self._given: Final = chain.given
        self._sealer: Final = Sealer(chain)

    #: Pauses of those who wait for a record, in seconds: the first and the longest.
    pauses: Final = (0.005, 0.025)

    @property
    def sealer(self) -> Sealer:
        """Seals what leaves this process under the store's keys."""
        return self._sealer

    def read(self, record_id: str) -> Record | None:
        """Return the record with its mark, or None; takes no lock."""
        files = self._files(record_id)
        record = files.read_record()
        mark = files.read_mark()
        if record is None and mark is None:
            return None
        return (record or Record()).beside(mark, None)

    def stamp(self, record_id: str) -> object:
        """Return what differs once the record or its mark has changed; takes 6 us.

        Every change is a rename, and what takes a file's place has another inode. Only
        a second change within a tick of the filesystem's clock could bring the first
        inode back with the same time.
        """
        path = f"{self._records}{os.sep}{_checked(record_id)}"
        return _version(path), _version(f"{path}.mark")

    def listen(self, record_id: str) -> Listener | None:
        """Return what waits for who holds the record's lock; None if nobody is known.

        It ends with the save or the lock, whichever is first.
        """
        with forking.importing("oauth_auth.stores.bell"):
            from oauth_auth.stores.bell import listen

        return listen(self._files(record_id).bell)

    def lock(self, record_id: str, *, timeout: float) -> FileTransaction:
        """Return the record's lock, among all processes of this user."""
        # No program that finds a fresh token needs it.
        with forking.importing("oauth_auth.stores.file_transaction"):
            from oauth_auth.stores.file_transaction import FileTransaction

        return FileTransaction(self._files(record_id), timeout)

    def records(self) -> Iterator[str]:
        """Yield the ids of all records."""
        return filter(_is_name, _names(self._records))

    def claim(
        self,
        fingerprint: str,
        record_id: str | None = None,
        *,
        replaces: str | None = None,
        seed: bool = False,
    ) -> str | None:
        """Look up, or set, which record a seed or refresh token belongs to."""
        path = self._claims / _checked(fingerprint)
        try:
            kept_id, kept_seed = self._claimed(path)
        except errors.StoreCorrupt:
            # Who sets a claim knows the record; who looks it up must not go on, since
            # a spent refresh token would count as new and be sent again.
            if record_id is None:
                raise
            kept_id, kept_seed = _NO_CLAIM
        if record_id is None:
            return kept_id or None if kept_seed or not seed else None
        wanted = record_id, seed or kept_seed
        if wanted != (kept_id, kept_seed):
            self._write_claim(path, *wanted)
        if replaces is not None:
            self._forget(self._claims / _checked(replaces))
        return record_id

    def claimed_inside(self, fingerprint: str) -> str | None:
        """Return the record that knows a token, though nobody has written its claim."""
        for record_id in self.records():
            try:
                if self._files(record_id).holds(fingerprint):
                    record = self.read(record_id)
                    if record is not None and fingerprint in record.claims:
                        return record_id
            except errors.TokenStoreError:
                continue  # what cannot be read now tells nothing
        return None

    def claims(self) -> Iterator[tuple[str, str, bool]]:
        """Yield all claims: fingerprint, record id, and whether it is a seed's."""
        for name in _names(self._claims):
            if _is_name(name):
                yield name, *self._claimed(self._claims / name)

    def _claimed(self, path: Path) -> _Claim:
        sealed = disk.read_private(path)
        if sealed is None:
            return _NO_CLAIM
        text = self._sealer.unseal("claim", path.name, sealed, path).reveal()
        record_id, _, kind = text.partition(" ")
        return record_id, kind == "seed"

    def _write_claim(self, path: Path, record_id: str, seed: bool) -> None:  # noqa: FBT001  # as it is read
        disk.make_private_directory(self.path)
        disk.make_private_directory(self._claims)
        text = f"{_checked(record_id)}{' seed' if seed else ''}"
        disk.write_private(
            path,
            self._sealer.seal("claim", path.name, Secret(text)),
            # A program may have saved the refresh token itself, and offer it as a seed
            # again after a power cut.
            durable=True,
            # One per record, under whose lock it is: not one per claim.
            temporary=self._claims / f".{record_id}.new",
        )

    def _forget(self, path: Path) -> None:
        with contextlib.suppress(OSError, errors.TokenStoreError):
            _, seed = self._claimed(path)
            if not seed:
                path.unlink()

    def _files(self, record_id: str) -> RecordFiles:
        return RecordFiles(self._records / _checked(record_id), self._sealer)

    def __repr__(self) -> str:
        return f"FileStore({str(self.path)!r})"

    def __eq__(self, other: object) -> bool:
        return (
            other.__class__ is FileStore
            # Nearly always the same object; see `_directories`.
            and (other.path is self.path or other.path == self.path)
            and other._given == self._given
        )

    def __hash__(self) -> int:
        return self._hash

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


#: By the path as text. A store may be made for every request, and putting three paths
#: together takes as long as all else.
_known: dict[str, tuple[Path, Path, Path]] = {}


def _directories(path: str | os.PathLike[str]) -> tuple[Path, Path, Path]:
    """Return a store's directory, and those of its records and its claims."""
    text = os.fspath(path)
    found = _known.get(text)
    if found is None:
        whole = Path(text).absolute()
        found = whole, whole / "records", whole / "claims"
        # What a relative path means depends on the working directory.
        if str(whole) == text:
            if len(_known) >= _KNOWN_KEPT:
                _known.clear()
            _known[text] = found
    return found


# No method: a store would then hold itself, and one that is made for a request live
# until the garbage collector comes.
def _holds_sealed(directory: Path) -> bool:
    """Whether there is anything in a store's directory that only a key opens."""
    _, records, claims = _directories(directory)
    names = (name for name in _names(records) if not re.fullmatch(_UNSEALED, name))
    return any(names) or any(_names(claims))


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
    home = os.environ.get("OAUTH_AUTH_HOME")
    names = ("XDG_STATE_HOME", "HOME")
    key = (home,) if home else tuple(map(os.environ.get, names))
    store = _defaults.get(key)
    if store is None:
        store = _defaults[key] = FileStore()
    return store


def _rebuild(path: str, keys: Keys) -> FileStore:
    return FileStore(path, keys=keys)


def _is_name(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_NAME and _NAMES.issuperset(text)


def _version(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None  # what is wrong with it, a reader will say
    return found.st_ino, found.st_mtime_ns, found.st_size


def _checked(name: str) -> str:
    if not _is_name(name):
        raise ValueError(f"{name!r} is not a record id or fingerprint")
    return name


def _names(directory: Path) -> Iterator[str]:
    try:
        with os.scandir(directory) as entries:
            yield from (entry.name for entry in entries)
    except FileNotFoundError:
        return
    except OSError as error:
        raise disk.unreadable(directory, error) from None
