"""Which record a grant means, and how a seed becomes one.

The store keeps *claims*: the fingerprints of every seed and refresh token of a record.
A seed is looked up there first, so that a script which saved an old refresh token and
starts again goes on with the newest one, and a spent token never seeds again.

A process remembers where a seed led to, and does not look it up again as long as it has
a fresh token from there. An object that was made before would hand out that token too,
whatever has become of the claim and the record meanwhile.
"""

from __future__ import annotations

import contextlib
import logging
import os
from typing import TYPE_CHECKING, Final, final

from oauth_auth.grants.refresh_token import RefreshToken
from oauth_auth.lazy_errors import errors
from oauth_auth.stores.base import Record, replaceable

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_auth.grants.base import Grant
    from oauth_auth.identity import Identifier
    from oauth_auth.stores.base import TokenStore

__all__ = ["Place", "find_place"]

_log = logging.getLogger("oauth_auth")
#: Planting waits for a worker that is renewing the same record, in seconds.
_LOCK_SECONDS: Final = 30.0
#: How many seeds' places one process remembers.
_KEPT: Final = 8192
#: By store, configuration, which the account is a part of, and fingerprint. Threads and
#: forks need no lock here: whoever finds nothing looks the seed up.
_remembered: dict[tuple[TokenStore, str, str], str] = {}


@final
class Place:
    """Where a grant's record is."""

    __slots__ = ("configuration", "record_id")

    def __init__(self, record_id: str, configuration: str) -> None:
        self.record_id: Final = record_id
        #: The record id of the configuration without its seed.
        self.configuration: Final = configuration


def find_place(
    store: TokenStore,
    identifier: Identifier,
    grant: Grant,
    account: str | None,
    has_fresh: Callable[[TokenStore, str], bool],
) -> Place:
    """Return a grant's record id; a seed that is new to the store is planted first.

    Args:
        store: Where its record is.
        identifier: The store's.
        grant: What the caller has.
        account: Whose record it is to be.
        has_fresh: Whether this process has a fresh token of a record at hand.

    Raises:
        ConfigurationError: The seed belongs to a record of another configuration.
        StoreNotWritable: The seed cannot be planted.
    """
    configuration = identifier.record_id(grant.inputs(account))
    if not isinstance(grant, RefreshToken):
        return Place(configuration, configuration)
    secret = grant.seed_secret
    fingerprint = identifier.fingerprint(secret)
    key = store, configuration, fingerprint
    record_id = _remembered.get(key)
    if record_id is None or not has_fresh(store, record_id):
        seeded = Record(
            token=grant.seed_with(secret),
            configuration=configuration,
            about=grant.about(account),
            claims=(fingerprint,),
        )
        record_id = _looked_up(store, identifier, grant, account, seeded)
        if len(_remembered) >= _KEPT:
            _remembered.clear()
        _remembered[key] = record_id
    return Place(record_id, configuration)


def _looked_up(
    store: TokenStore,
    identifier: Identifier,
    grant: RefreshToken,
    account: str | None,
    seeded: Record,
) -> str:
    """Return the id of a seed's record, which it begins if it is new."""
    fingerprint = seeded.claims[-1]
    known = store.claim(fingerprint, seed=True)
    record_id = known or store.claim(fingerprint) or _claimed_inside(store, fingerprint)
    if record_id is not None:
        record = store.read(record_id)
        if record is not None:
            _check_configuration(record, seeded.configuration, grant, account)
            if known is None:
                _remember(store, fingerprint, record_id)
            return record_id
    record_id = seeded.configuration
    if account is None:
        assert seeded.token is not None  # noqa: S101  # it is the seed
        # Two people's seeds under one client must never share a record.
        record_id = identifier.record_id(
            {**grant.inputs(None), "seed": seeded.token._refresh_token}
        )
    _plant(store, record_id, seeded, own=account is None)
    return record_id


def _remember(store: TokenStore, fingerprint: str, record_id: str) -> None:
    """Keep a seed's claim for ever: records forget theirs after some renewals."""
    try:
        with store.lock(record_id, timeout=_LOCK_SECONDS):
            store.claim(fingerprint, record_id, seed=True)
    except errors.TokenStoreError as error:
        _log.warning("a seed may not be recognised after many renewals: %s", error)


def _claimed_inside(store: TokenStore, fingerprint: str) -> str | None:
    """Return the record of a token whose worker died before it wrote the claim."""
    # A store may have an index of it, or a faster way to look through them all.
    find = getattr(store, "claimed_inside", None)
    if find is not None:
        found: str | None = find(fingerprint)
        return found
    for record_id in store.records():
        with contextlib.suppress(errors.TokenStoreError):
            record = store.read(record_id)
            if record is not None and fingerprint in record.claims:
                return record_id
    return None


def _check_configuration(
    record: Record, configuration: str, grant: Grant, account: str | None
) -> None:
    if record.configuration == configuration:
        return
    raise errors.ConfigurationError(
        "this refresh token belongs to the login of "
        f"{_described(record.about)}, and was given here for "
        f"{_described(grant.about(account))}; use the same configuration, or log in "
        "for this one"
    )


def _described(about: object) -> str:
    items = dict(about).items() if isinstance(about, dict) else ()
    return ", ".join(f"{name} {value}" for name, value in items) or "another client"


def _plant(store: TokenStore, record_id: str, seeded: Record, *, own: bool) -> None:
    """Make the seed the record's next generation, unless another worker has.

    Args:
        store: Where.
        record_id: The record.
        seeded: What it becomes.
        own: Whether the record's id is made of this very seed, so that a record that
            is there already began with it.
    """
    fingerprint = seeded.claims[-1]
    with store.lock(record_id, timeout=_LOCK_SECONDS) as transaction:
        record = replaceable(transaction)
        if fingerprint not in record.claims and not (own and record.lineage):
            transaction.save(
                record.succeed(
                    lineage=os.urandom(16).hex(),
                    logged_out=False,
                    token=seeded.token,
                    configuration=seeded.configuration,
                    about=seeded.about,
                    claims=record.claiming(fingerprint),
                    rejections=(),
                )
            )
        store.claim(fingerprint, record_id, seed=True)
