"""This process's token sources, one per record, and which one settings mean."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

from oauth_auth import renewal
from oauth_auth.identity import Identifier
from oauth_auth.lazy_errors import errors
from oauth_auth.renewal import Terms, TokenSource
from oauth_auth.seed import find_place

if TYPE_CHECKING:
    from oauth_auth.grants.base import Grant
    from oauth_auth.reach import Reach
    from oauth_auth.stores.base import TokenStore

__all__ = ["Found", "find_source", "has_fresh", "knows", "source_of"]

#: How many records' tokens are kept in memory.
_KEPT: Final = 8192
_IDENTIFIERS_KEPT: Final = 1024
#: Seconds until a store that could not be reached is asked again.
_OUTAGE_PAUSE: Final = 60.0
#: Seconds between two tries to reach the store at the start.
_NEXT_TRY: Final = 0.1
#: For so long after the last of them nobody tries again: all get its error.
_HOLD: Final = 1.0

_log = logging.getLogger("oauth_auth")
_sources: dict[tuple[TokenStore, str], TokenSource] = {}
_identifiers: dict[TokenStore, Identifier] = {}
#: Stores that could not be reached, and when they are asked again (monotonic time).
_ask_again: dict[TokenStore, float] = {}


class _Outage(NamedTuple):
    """What those who start know of a store that cannot be reached (monotonic time)."""

    began: float
    #: When somebody last tried, and why that failed (`errors.to_facts`).
    last: float
    why: Any

    @property
    def given_up(self) -> bool:
        """Whether somebody has waited for long enough."""
        return self.last - self.began > renewal._OUTAGE_SECONDS


#: All who start during an outage wait for its end together, and no longer.
_outages: dict[TokenStore, _Outage] = {}


@final
class Found:
    """Where the tokens of a grant come from."""

    __slots__ = ("configuration", "identifier", "source")

    def __init__(
        self, source: TokenSource, identifier: Identifier, configuration: str
    ) -> None:
        self.source: Final = source
        self.identifier: Final = identifier
        #: The record id of the configuration without a seed.
        self.configuration: Final = configuration

    def terms(
        self,
        grant: Grant,
        reach: Reach,
        *,
        account: str | None,
        leeway: float,
        background: bool,
    ) -> Terms:
        """Return the terms of a caller with these settings; see `Terms`."""
        return Terms(
            grant=grant,
            reach=reach,
            identifier=self.identifier,
            leeway=leeway,
            background=background,
            account=account,
            configuration=self.configuration,
        )


def find_source(store: TokenStore, grant: Grant, account: str | None) -> Found:
    """Return the source of a grant's tokens; a seed that is new is planted first.

    Raises:
        ConfigurationError: The seed belongs to a record of another configuration.
        TokenStoreError: The store cannot be used, and the grant needs it.
    """
    while True:
        began = time.monotonic()
        outage = _outages.get(store)
        if (
            outage is not None
            and outage.given_up
            and began - outage.last < _HOLD
            and grant.needs_person  # others do without it
        ):
            raise errors.from_facts(outage.why)
        try:
            found = _found(store, grant, account)
        except errors.StoreUnreachable as error:
            # A worker may start while the store's server is started anew, and as a
            # renewal does it waits for that.
            if _note_outage(store, began, errors.to_facts(error)).given_up:
                raise
        else:
            _outages.pop(store, None)
            return found
        time.sleep(_NEXT_TRY)


def _note_outage(store: TokenStore, tried: float, why: Any) -> _Outage:
    """Note a try that began at a time and failed; return what is known then."""
    before = _outages.get(store)
    if before is None or tried - before.last > _HOLD:
        before = _Outage(tried, tried, why)  # it is another one
    outage = before._replace(last=time.monotonic(), why=why)
    _outages[store] = outage
    return outage


def _found(store: TokenStore, grant: Grant, account: str | None) -> Found:
    identifier = _identifier_of(store, grant)
    place = find_place(store, identifier, grant, account, has_fresh)
    source = source_of(store, place.record_id)
    if not identifier.kept:
        source.said.add("unwritable")  # _identifier_of has said it
    return Found(source, identifier, place.configuration)


def knows(store: TokenStore, grant: Grant) -> bool:
    """Whether a grant's record has a name without a look at the store."""
    identifier = _identifiers.get(store)
    return identifier is not None and (identifier.kept or _still_away(store, grant))


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


def _identifier_of(store: TokenStore, grant: Grant) -> Identifier:
    identifier = _identifiers.get(store)
    if identifier is None or not (identifier.kept or _still_away(store, grant)):
        try:
            found = Identifier.of(store)
        except errors.StoreNotWritable as error:
            if grant.needs_person:
                raise
            if isinstance(error, errors.StoreUnreachable):
                _ask_again[store] = time.monotonic() + _OUTAGE_PAUSE
            _log.warning("tokens are kept in memory only: %s", error)
            found = identifier or Identifier.unkept()
        if len(_identifiers) >= _IDENTIFIERS_KEPT:
            _identifiers.clear()
            _ask_again.clear()
            _outages.clear()
        if found.kept:
            _identifiers[store] = found
        identifier = _identifiers.setdefault(store, found)
    return identifier


def _still_away(store: TokenStore, grant: Grant) -> bool:
    """Whether a store that could not be used is not worth another try."""
    if grant.needs_person:
        return False
    return time.monotonic() < _ask_again.get(store, float("inf"))
