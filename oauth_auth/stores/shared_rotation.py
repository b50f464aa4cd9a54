"""Rotating the sealing keys of a store that several machines share.

Its keys are in no file of this machine, so a new one is put in place by hand,
everywhere. Then everything that an older key has sealed is sealed anew, while workers
go on. That needs no lock, and waits for nobody: the server puts each value in place of
the one that was read, byte for byte, in one step, or finds that a worker has written
another one since. No version changes, so workers notice nothing.
"""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING, Final

from oauth_auth.lazy_errors import errors
from oauth_auth.stores.rotation import Resealed
from oauth_auth.stores.sealing import key_id_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oauth_auth.stores.shared import SharedStore

__all__ = ["reseal"]

#: How often a value may be written by others while it is sealed anew.
_TRIES: Final = 10
_BESIDE: Final = ("mark", "journal")


def reseal(store: SharedStore) -> Iterator[Resealed]:
    """Seal everything anew that an older key has sealed.

    Yields:
        What has been done so far, after each record, so that progress can be shown.

    Raises:
        ConfigurationError: There is no usable key.
        StoreNotWritable: The server refuses.
        StoreUnreachable: It does not answer; what was done is done.
    """
    store.sealer.chain.reload()
    rows = store._rows
    so_far = Resealed(0, 0, ())
    yield so_far
    places = itertools.chain(
        (("record", name) for name in rows.names()),
        ((kind, name) for name in rows.names_beside() for kind in _BESIDE),
        (("claim", name) for name in rows.claims()),
    )
    for kind, name in places:
        so_far = so_far.after(partial(_resealed, store, kind, name))
        yield so_far


def _resealed(store: SharedStore, kind: str, name: str) -> list[bool]:
    """Seal one value anew; return whether that was needed, or nothing if none is there.

    Raises:
        TokenStoreError: It cannot be opened, or others write it all the time.
    """
    sealer, newest = store.sealer, store.sealer.chain.all()[-1].id
    where = f"{kind} {name} in {store.name}"
    for _ in range(_TRIES):
        old = _value(store, kind, name)
        if not old:
            return []
        if key_id_of(old) == newest:
            return [False]
        try:
            new = sealer.seal(kind, name, sealer.unseal(kind, name, old, where))
        except errors.StoreCorrupt:
            if kind in _BESIDE:
                return []  # a damaged one counts as none
            raise
        if store._rows.replace(kind, name, old, new):
            return [True]
    raise errors.StoreLocked(f"{where} is written all the time; try again")


def _value(store: SharedStore, kind: str, name: str) -> bytes | None:
    if kind == "claim":
        return store._rows.read_claim(name)
    row = store._rows.read(name)
    return (
        row and {"record": row.record, "mark": row.mark, "journal": row.journal}[kind]
    )
