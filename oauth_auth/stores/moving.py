"""Moving all logins from one store to another, each in one place at any time.

Two stores with one login would spend its refresh token twice. So a login first ends in
the store that it leaves, under its lock: a tombstone takes its place, with all that
the login consists of sealed inside. Only then it is written into the other store.
Whoever is killed in between leaves it in neither, and whoever goes on finds it in the
tombstone.

Record ids are made with a store's id key, so that goes along, and first.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from oauth_auth.lazy_errors import errors
from oauth_auth.secret import Secret
from oauth_auth.stores.base import Record, decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oauth_auth.stores.base import TokenStore

__all__ = ["MOVED_TO", "Moved", "move"]

#: In a tombstone's document: the store's name, and the login itself until it is there.
MOVED_TO: Final = "moved_to"
_LOGIN: Final = "login"
#: The first one written where both are missing is the copy, as `Identifier` does it.
_ID_KEYS: Final = ("id-key-copy", "id-key")
#: Waits for a renewal that is under way, in seconds.
_LOCK_SECONDS: Final = 60.0


class Moved(NamedTuple):
    """What a move has come to so far."""

    #: Logins that were moved, and records that can be in two places and were copied.
    moved: int = 0
    copied: int = 0
    #: Records that were there already, as after a move that was interrupted.
    already: int = 0
    #: Why others could not be, one line for each.
    failures: tuple[str, ...] = ()


def move(source: Any, target: Any, target_name: str) -> Iterator[Moved]:
    """Move everything from one store into another, which is new or half done.

    Args:
        source: A store that can list its `claims`.
        target: Another one.
        target_name: What workers of the old one are told; without a password.

    Yields:
        What has been done so far, after each record.

    Raises:
        ConfigurationError: The target has records of its own, or is the source.
        TokenStoreError: A store cannot be reached.
    """
    if source == target:
        raise errors.ConfigurationError(f"{source!r} cannot be moved into itself")
    _copy_id_key(source, target)
    for fingerprint, record_id, seed in source.claims():
        target.claim(fingerprint, record_id, seed=seed)
    so_far = Moved()
    yield so_far
    for record_id in list(source.records()):
        if record_id in _ID_KEYS:
            continue
        try:
            what = _moved(source, target, target_name, record_id)
        except (errors.StoreCorrupt, errors.KeyMismatch, errors.StoreLocked) as error:
            failures = (*so_far.failures, error.message)
            so_far = so_far._replace(failures=failures)
        else:
            so_far = so_far._replace(**{what: getattr(so_far, what) + 1})
        yield so_far


def _copy_id_key(source: TokenStore, target: TokenStore) -> None:
    for name in _ID_KEYS:
        record = source.read(name)
        if record is None:
            continue
        with target.lock(name, timeout=_LOCK_SECONDS) as transaction:
            kept = transaction.read()
            if kept.document is None:
                transaction.save(record._replace(generation=kept.generation + 1))
            elif kept.document != record.document:
                raise errors.ConfigurationError(
                    f"{target!r} has been used before, and names its records in a way "
                    f"of its own; move {source!r} into a new store"
                )


def _moved(
    source: TokenStore, target: TokenStore, target_name: str, record_id: str
) -> str:
    """Move one record; return which count of `Moved` that is."""
    with source.lock(record_id, timeout=_LOCK_SECONDS) as transaction:
        record = transaction.read()
        inside = (record.document or {}).get(_LOGIN)
        if record.logged_out and MOVED_TO in (record.document or {}):
            if inside is None:
                return "already"
            login = _unpacked(Secret(str(inside)), record_id)
        elif record.token is None or record.token._refresh_token is None:
            # Nothing in it can be spent, so it may be in two places.
            return _copied(target, record_id, record)
        else:
            login = record
            record = record.succeed(
                # What is still on its way to the old lineage must not bring it back.
                lineage=os.urandom(16).hex(),
                token=None,
                logged_out=True,
                document={MOVED_TO: target_name, _LOGIN: encode(login).reveal()},
            )
            transaction.save(record)
        _claimed(source, target, record_id, login)
        _put(target, record_id, login)
        transaction.save(record.succeed(document={MOVED_TO: target_name}))
    return "moved"


def _unpacked(text: Secret, record_id: str) -> Record:
    login = decode(Record, text, f"record {record_id}")
    if login is None:
        raise errors.StoreCorrupt(
            f"what record {record_id} was moved with is damaged; log in again"
        )
    return login


def _copied(target: TokenStore, record_id: str, record: Record) -> str:
    with target.lock(record_id, timeout=_LOCK_SECONDS) as transaction:
        if transaction.read().generation:
            return "already"
        transaction.save(record)
    return "copied"


def _claimed(
    source: TokenStore, target: TokenStore, record_id: str, login: Record
) -> None:
    # Some may have come since the others were copied.
    for fingerprint in login.claims:
        seed = source.claim(fingerprint, seed=True) is not None
        target.claim(fingerprint, record_id, seed=seed)


def _put(target: TokenStore, record_id: str, login: Record) -> None:
    with target.lock(record_id, timeout=_LOCK_SECONDS) as transaction:
        # A generation is there if this was interrupted here, or somebody has logged
        # in there since.
        if transaction.read().generation:
            return
        transaction.save(login)
        if login.mark is not None:
            transaction.mark(login.mark)
        if login.journal is not None:
            transaction.reserve(login.journal)
