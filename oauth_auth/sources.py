"""This process's token sources: one per record, whoever asks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from oauth_auth.renewal import TokenSource

if TYPE_CHECKING:
    from oauth_auth.stores.base import TokenStore

__all__ = ["has_fresh", "source_of"]

#: How many records' tokens are kept in memory.
_KEPT: Final = 8192

_sources: dict[tuple[TokenStore, str], TokenSource] = {}


def source_of(store: TokenStore, record_id: str) -> TokenSource:
    """Return this process's source of a record, the same for everybody who asks."""
    key = (store, record_id)
    source = _sources.get(key)
    if source is None:
        if len(_sources) >= _KEPT:
            _forget_idle_sources()
        source = _sources.setdefault(key, TokenSource(store, record_id))
    return source


def has_fresh(store: TokenStore, record_id: str) -> bool:
    """Whether this process has a token of a record that no one need look for."""
    source = _sources.get((store, record_id))
    held = source and source.held
    return held is not None and not held.rejected and time.time() < held.fresh_until


def _forget_idle_sources() -> None:
    """Drop the older half; whoever still holds one goes on with it."""
    for key, source in list(_sources.items())[: _KEPT // 2]:
        if source.unsaved is None:
            _sources.pop(key, None)
