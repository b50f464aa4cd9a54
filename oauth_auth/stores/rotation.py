"""Rotating the sealing keys of a `FileStore`: seal everything anew with the newest.

Each record's files are sealed anew under its lock, one file at a time, each in one
step: a worker that reads meanwhile sees the one or the other, and has both keys. A
rotation that was interrupted goes on where it was, since every file says in its header
which key sealed it.

The older keys stay: programs that run since before the rotation go on sealing with
them until they are started anew, or meet a newer one. `drop_old_keys` takes them out,
and refuses while anything is sealed with one.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from oauth_auth.lazy_errors import errors
from oauth_auth.secret import Secret
from oauth_auth.stores import disk
from oauth_auth.stores.file import _is_name, _names
from oauth_auth.stores.file_lock import FileLock
from oauth_auth.stores.keys import new_key
from oauth_auth.stores.record_file import _MAGIC, _parts
from oauth_auth.stores.sealing import key_id_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from oauth_auth.stores.file import FileStore

__all__ = ["Resealed", "add_key", "drop_old_keys", "reseal", "sealed_with_old"]

#: Waits for a renewal that is under way, in seconds.
_LOCK_SECONDS: Final = 60.0
_BESIDE: Final = (".next", ".mark")


class Resealed(NamedTuple):
    """What a rotation has come to so far."""

    #: Files, or values at a server, that were sealed anew.
    done: int
    #: Those that the newest key had sealed already.
    already: int
    #: Why others could not be, one line for each.
    failures: tuple[str, ...]

    def after(self, step: Callable[[], list[bool]]) -> Resealed:
        """Return this with what a step adds: whether each file had to be sealed."""
        try:
            outcomes = step()
        except errors.StoreUnreachable:
            raise  # no further one could be, either
        except errors.TokenStoreError as error:
            return self._replace(failures=(*self.failures, error.message))
        return self._replace(
            done=self.done + sum(outcomes),
            already=self.already + outcomes.count(False),
        )


def add_key(store: FileStore) -> None:
    """Make a new key, and put it last into the store's key file: it seals from now on.

    Raises:
        ConfigurationError: The keys do not come from the key file.
        TokenStoreError: The file cannot be read or written.
    """
    chain = store.sealer.chain
    if chain.source != "file":
        raise errors.ConfigurationError(
            f"the sealing keys of {store.path} come from somewhere else (the "
            f"{chain.source}); put the new key there"
        )
    chain.all()  # a new store makes its first key
    path = store.path / "keys"
    with FileLock(store.path / "keys.lock", _LOCK_SECONDS):
        _write(path, [*_lines(path), new_key()])
    chain.reload()


def reseal(store: FileStore) -> Iterator[Resealed]:
    """Seal everything anew that an older key has sealed.

    Yields:
        What has been done so far, after each record, so that progress can be shown.

    Raises:
        ConfigurationError: There is no usable key.
        TokenStoreError: The directory or the keys cannot be read.
    """
    store.sealer.chain.reload()
    so_far = Resealed(0, 0, ())
    yield so_far
    for name in sorted(_record_names(store)):
        so_far = so_far.after(partial(_record_resealed, store, name))
        yield so_far
    for path in sorted(_claims(store)):
        so_far = so_far.after(partial(_claim_resealed, store, path))
        yield so_far


def sealed_with_old(store: FileStore) -> list[Path]:
    """Return the files that another key than the newest has sealed.

    Raises:
        ConfigurationError: There is no usable key.
        TokenStoreError: A file or the keys cannot be read.
    """
    newest = store.sealer.chain.reload()[-1].id
    files = [
        *(
            (path, part)
            for name in sorted(_record_names(store))
            for path in _files_of(store, name)
            for part in _sealed_parts(path)
        ),
        *((path, disk.read_private(path) or b"") for path in sorted(_claims(store))),
    ]
    return list(
        dict.fromkeys(path for path, part in files if key_id_of(part) != newest)
    )


def drop_old_keys(store: FileStore) -> int:
    """Take all keys but the newest out of the key file; return how many those were.

    Raises:
        ConfigurationError: The keys do not come from the key file, or something is
            still sealed with an older one.
        TokenStoreError: The file cannot be read or written.
    """
    if store.sealer.chain.source != "file":
        raise errors.ConfigurationError(
            f"the sealing keys of {store.path} come from somewhere else (the "
            f"{store.sealer.chain.source}); take the older ones out there"
        )
    path = store.path / "keys"
    with FileLock(store.path / "keys.lock", _LOCK_SECONDS):
        left = sealed_with_old(store)
        if left:
            raise errors.ConfigurationError(
                f"{len(left)} files, such as {left[0]}, are still sealed with an older "
                "key; run: oauth-auth keys rotate"
            )
        keys = _lines(path)
        _write(path, keys[-1:])
    store.sealer.chain.reload()
    return len(keys) - 1


def _record_names(store: FileStore) -> set[str]:
    """Return the ids of all records, and of what only has a mark or journal."""
    names = (
        name.removesuffix(".next").removesuffix(".mark")
        for name in _names(_records(store))
    )
    return set(filter(_is_name, names))


def _records(store: FileStore) -> Path:
    return store.path / "records"


def _claims(store: FileStore) -> list[Path]:
    directory = store.path / "claims"
    return [directory / name for name in _names(directory) if _is_name(name)]


def _files_of(store: FileStore, name: str) -> list[Path]:
    paths = (_records(store) / f"{name}{suffix}" for suffix in ("", *_BESIDE))
    return [path for path in paths if path.exists()]


def _sealed_parts(path: Path) -> list[bytes]:
    data = disk.read_private(path) or b""
    parts = [data] if path.suffix == ".mark" else [*_parts(data, path)]
    return [part for part in parts if part]


def _record_resealed(store: FileStore, name: str) -> list[bool]:
    with store.lock(name, timeout=_LOCK_SECONDS) as transaction:
        # Puts a dead worker's answer in place first; what is damaged is said below.
        with contextlib.suppress(errors.StoreCorrupt):
            transaction.read()
        return [_file_resealed(store, name, path) for path in _files_of(store, name)]


def _file_resealed(store: FileStore, name: str, path: Path) -> bool:
    """Seal one file of a record anew; return whether that was needed."""
    newest = store.sealer.chain.all()[-1].id
    beside = path.suffix in _BESIDE
    if not beside:
        store._files(name).read_record()  # raises what is wrong with it
    if all(key_id_of(part) == newest for part in _sealed_parts(path)):
        return False
    try:
        sealed = _file_anew(store, name, path)
    except errors.StoreCorrupt:
        if not beside:
            raise
        # A damaged mark or journal counts as none, and so may go.
        path.unlink()
        return True
    disk.write_private(path, sealed, durable=True)
    return True


def _file_anew(store: FileStore, name: str, path: Path) -> bytes:
    data = disk.read_private(path) or b""
    if path.suffix == ".mark":
        return _anew(store, "mark", name, data, path)
    journal, record = _parts(data, path)
    if path.suffix == ".next":
        # A journal in doubt; an answer that was not put in place is void.
        record = b""
    sealed = _MAGIC
    for kind, part in (("journal", journal), ("record", record)):
        anew = _anew(store, kind, name, part, path) if part else b""
        sealed += len(anew).to_bytes(4, "big") + anew
    return sealed


def _claim_resealed(store: FileStore, path: Path) -> list[bool]:
    text = store.sealer.unseal("claim", path.name, disk.read_private(path) or b"", path)
    record_id = text.reveal().partition(" ")[0]
    # Its record's lock is that of all its claims.
    with store.lock(record_id, timeout=_LOCK_SECONDS):
        data = disk.read_private(path)
        if data is None or key_id_of(data) == store.sealer.chain.all()[-1].id:
            return [False]
        disk.write_private(
            path,
            _anew(store, "claim", path.name, data, path),
            durable=True,
            temporary=path.with_name(f".{record_id}.new"),
        )
        return [True]


def _anew(store: FileStore, kind: str, name: str, sealed: bytes, where: Path) -> bytes:
    return store.sealer.seal(kind, name, store.sealer.unseal(kind, name, sealed, where))


def _lines(path: Path) -> list[Secret]:
    data = disk.read_private(path, strict=True) or b""
    text = Secret(data.decode("ascii", "replace"))
    del data
    return [Secret(part) for part in text.reveal().replace(",", " ").split()]


def _write(path: Path, keys: list[Secret]) -> None:
    # The repr of a memoryview shows nothing, in a frame that an error may pass.
    text = memoryview("".join(f"{key.reveal()}\n" for key in keys).encode())
    disk.write_private(path, text, durable=True)
