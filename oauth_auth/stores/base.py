"""What every store keeps, and what every store can do.

A *record* is what a store keeps under a record id: one login's newest token. Each save
makes the next *generation*; all generations from one login are a *lineage*. Records
are ordered by generation, never by time, and generations never restart: whoever holds
two of them knows which is newer whatever the clocks say.

Beside the record lie a *mark* (why the current generation is not to be renewed now)
and a *journal* (a refresh token is about to be spent). Both belong to one generation
and are void for any other.
"""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, Self, TypeVar

from oauth_auth.lazy_errors import errors
from oauth_auth.secret import Secret
from oauth_auth.token import Token

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

__all__ = ["Journal", "Mark", "Record", "TokenStore", "Transaction", "replaceable"]

_Kept = TypeVar("_Kept", "Record", "Mark", "Journal")

#: The version of the encoding, sealed in with every record.
FORMAT: Final = 1
#: Who waits longer for a lock says so in the log, and who holds it.
PATIENT_SECONDS: Final = 5.0
#: Room for saving beside the exchanges of a renewal, in seconds.
SAVE_SECONDS: Final = 10.0
#: How many seeds and refresh tokens of a record can be recognised again.
CLAIMS_KEPT: Final = 64


class Mark(NamedTuple):
    """Why a generation is not to be renewed now."""

    #: "hold": not before `duration` has passed; "refused": not without a new login.
    kind: str
    generation: int
    #: Wall time in seconds since the epoch.
    written_at: float
    #: Seconds, at most an hour; without meaning where refused.
    duration: float
    #: The error that every worker raises meanwhile, as `errors.to_facts` gives it.
    error: Mapping[str, Any]
    #: Consecutive failures, from which the next duration follows.
    failures: int = 1
    #: Whether the refresh token may have been spent although no answer came.
    in_doubt: bool = False

    def active(self, now: float) -> bool:
        """Whether it still applies; a mark from the future is a clock's mistake."""
        if self.kind == "refused":
            return True
        return self.written_at <= now < self.written_at + min(self.duration, 3600.0)


class Journal(NamedTuple):
    """Written durably before a refresh token is spent."""

    generation: int
    #: The keyed fingerprint of the refresh token.
    fingerprint: str
    written_at: float
    #: Until when its writer may still be waiting for the answer, by the store's clock.
    in_flight_until: float


class Record(NamedTuple):
    """One login's newest token, and what belongs to it. Immutable."""

    lineage: str = ""
    #: 0 means that nothing was ever saved.
    generation: int = 0
    token: Token | None = None
    #: Whether somebody logged out: a tombstone, kept so that a late answer is dropped.
    logged_out: bool = False
    #: The record id of the configuration without any seed.
    configuration: str = ""
    #: For people: authorization server, client_id, grant type, account, scope.
    about: Mapping[str, str] = {}
    #: Keyed fingerprints of its seeds and refresh tokens, newest last.
    claims: tuple[str, ...] = ()
    #: The rejections for which its last generations were made: (origin, seconds since
    #: the epoch, generation).
    rejections: tuple[tuple[str, float, int], ...] = ()
    #: Anything else that is kept like a record: server metadata, the store's id key.
    document: Mapping[str, Any] | None = None
    mark: Mark | None = None
    journal: Journal | None = None

    def __repr__(self) -> str:
        # A document may be the store's id key, which no traceback shall show.
        return (
            f"Record(generation={self.generation}, lineage={self.lineage!r}, "
            f"token={self.token!r}, mark={self.mark!r}, journal={self.journal!r})"
        )

    def beside(self, mark: Mark | None, journal: Journal | None) -> Self:
        """Return the record with what lies beside it, unless that is void."""
        return self._replace(
            mark=mark if mark and mark.generation == self.generation else None,
            journal=journal
            if journal and journal.generation == self.generation
            else None,
        )

    def succeed(self, **changes: Any) -> Self:
        """Return the next generation with these changes."""
        return self._replace(
            generation=self.generation + 1, mark=None, journal=None, **changes
        )

    def claiming(self, fingerprint: str) -> tuple[str, ...]:
        """Return the claims with this one as the newest, and the oldest dropped."""
        others = tuple(claim for claim in self.claims if claim != fingerprint)
        return (*others, fingerprint)[-CLAIMS_KEPT:]


class Transaction(Protocol):
    """What can be done to one record; exists only while its lock is held."""

    def read(self) -> Record:
        """Return the record as it is now, with its journal; an empty one if none.

        A complete answer that its writer could not put in place any more is rolled
        forward first.

        Raises:
            StoreCorrupt: The record is damaged.
            KeyMismatch: It was sealed with a key that is not among ours.
            StoreNotWritable: A complete answer could not be put in place.
            TokenStoreError: It cannot be read, or a newer version wrote it.
        """
        ...

    def reserve(self, journal: Journal) -> None:
        """Make the journal durable, and the space for the answer certain.

        Raises:
            StoreNotWritable: That cannot be done, so nothing may be spent.
        """
        ...

    def save(self, record: Record) -> None:
        """Put the record in place, durably on return; this ends journal and mark.

        A damaged record in its place is kept aside.

        Raises:
            StoreConflict: The store holds this generation or a newer one.
            KeyMismatch: What it holds was sealed with a key that is not among ours,
                so it may be the newer one.
            StoreNotWritable: It could not be written; saving may be tried again in
                the same transaction.
        """
        ...

    def mark(self, mark: Mark | None) -> None:
        """Put a mark beside the record, or remove it.

        This ends the journal, unless the mark says that the outcome is in doubt.

        Raises:
            StoreNotWritable: It could not be written.
        """
        ...


class TokenStore(Protocol):
    """A place for records. Stores are hashable: equal ones share tokens in memory.

    A store may also have ``pauses``, two numbers of seconds: the first pause of those
    who wait for a record, and the longest. And ``stamp(record_id)``, which returns, at
    a small part of the cost of `read`, what compares unequal once the record or its
    mark has changed; it takes no lock and raises nothing. Who waits reads when it
    differs, and tries the lock now and then all the same, so it may miss a change.

    And ``listen(record_id)``, which returns None, or a context manager if it knows that
    somebody holds the record's lock: its ``wait(seconds)`` returns True as soon as that
    one has saved, let go or died, and False after so long. Who waits then leaves the
    stamp and the lock alone for a while.
    """

    def read(self, record_id: str) -> Record | None:
        """Return the record with its mark, or None; no lock, no wait for a writer.

        Raises:
            StoreCorrupt: The record is damaged.
            KeyMismatch: It was sealed with a key that is not among ours.
            TokenStoreError: It cannot be read, or a newer version wrote it.
        """
        ...

    def lock(
        self, record_id: str, *, timeout: float
    ) -> AbstractContextManager[Transaction]:
        """Return the record's lock, across all workers that use the store.

        Args:
            record_id: Which record.
            timeout: Seconds to wait on entering; 0 tries once.

        Returns:
            A context manager for one thread. After `StoreLocked` it may be entered
            again, so that a waiter need not build a new one for every try.

        Raises:
            StoreLocked: On entering: another worker holds it.
            StoreNotWritable: On entering: the store can hold no lock.
        """
        ...

    def records(self) -> Iterator[str]:
        """Yield the ids of all records, in no order."""
        ...

    def claim(
        self,
        fingerprint: str,
        record_id: str | None = None,
        *,
        replaces: str | None = None,
        seed: bool = False,
    ) -> str | None:
        """Look up, or set, which record a seed or refresh token belongs to.

        Args:
            fingerprint: The keyed fingerprint of the token.
            record_id: The record it belongs to, whose lock the caller holds; None only
                looks up.
            replaces: A fingerprint to forget, unless it is a seed's.
            seed: Somebody's configuration has this token, and may offer it again after
                any time, so it is never forgotten. Looking up, only such claims count.

        Returns:
            The record id that is kept for it, or None.

        Raises:
            StoreNotWritable: It could not be written.
        """
        ...


def replaceable(transaction: Transaction) -> Record:
    """Return the record that is about to be succeeded, even if it is damaged.

    For those who have a new token, or can get one without a person. The save keeps a
    damaged record aside. Generations never restart: what other workers hold in memory
    must stay older than what comes now, and the clock is past every count from 1.
    """
    try:
        return transaction.read()
    except errors.StoreCorrupt as error:
        logging.getLogger("oauth_auth").warning("%s", error)
        return Record(generation=int(time.time()))


def holder_of(attempt: object) -> str:
    """Return who holds a lock that was not to be had, for people to read.

    Args:
        attempt: What `TokenStore.lock` returned. It may have a method ``holder``,
            which returns that, or None.
    """
    holder = getattr(attempt, "holder", None)
    return (holder and holder()) or "another worker"


def encode(value: Record | Mark | Journal) -> Secret:
    """Return the text to seal; tokens are in it.

    Raises:
        ConfigurationError: It holds something that JSON cannot, as a token made by
            the program itself may.
    """
    try:
        # In one expression: the parts hold tokens, which no frame shall keep.
        return Secret(
            json.dumps(
                {"format": FORMAT, **_state(value)}, separators=(",", ":"), default=str
            )
        )
    except Exception as error:  # noqa: BLE001  # str() of anything may be tried
        reason = type(error).__name__
    # Outside the clause, since the error's frames hold the tokens.
    raise errors.ConfigurationError(
        f"a {type(value).__name__.lower()} cannot be written as JSON ({reason}); give "
        "the token's extra parameters as plain data"
    )


def _state(value: Record | Mark | Journal) -> dict[str, Any]:
    if not isinstance(value, Record):
        return value._asdict()
    return {
        name: _token_state(part) if isinstance(part, Token) else part
        for name, part in value._asdict().items()
        if name not in ("mark", "journal")
    }


def _token_state(token: Token) -> dict[str, Any]:
    # Not to_dict(): there, a server's odd "expires_in" among the extra parameters
    # could be taken for the token's own when it is read back.
    return {
        "access_token": token.access_token,
        "token_type": token.token_type,
        "expires_at": token.expires_at,
        "obtained_at": token.obtained_at,
        "refresh_token": token.refresh_token,
        "scope": token.scope,
        "id_token": token.id_token,
        "refresh_at": token.refresh_at,
        "extra": dict(token.extra),
    }


def from_newer(where: object) -> Exception:
    """Return the error for what a newer version of this package has written.

    It is not damage, which would be replaced: an installation that was left behind, or
    put back, would then end the logins of the others.
    """
    return errors.TokenStoreError(
        f"{where} was written by a newer oauth_auth, in a format that this one does "
        "not know, and is left as it is; update oauth_auth here, or use another "
        "directory (OAUTH_AUTH_HOME)"
    )


def decode(kind: type[_Kept], text: Secret, where: object) -> _Kept | None:
    """Read what `encode` wrote.

    Args:
        kind: What it should be.
        text: What was written.
        where: The place it was read from, for the error.

    Returns:
        The value, or None if the text is not one.

    Raises:
        TokenStoreError: A newer version of this package wrote it.
    """
    value = _decoded(kind, text)
    if value is _NEWER:
        raise from_newer(where)
    return value


#: Stands for what was written in a newer format.
_NEWER: Final[Any] = object()


def _decoded(kind: type[_Kept], text: Secret) -> _Kept | None:
    # Nothing is raised here: the text would be a local of a frame that an error passes.
    try:
        data = json.loads(text.reveal())
        version = data.pop("format")
        if version != FORMAT:
            return _NEWER if version > FORMAT else None
        if kind is Record:
            token = data["token"]
            data["token"] = None if token is None else Token(**token)
            data["claims"] = tuple(data["claims"])
            data["rejections"] = tuple(map(tuple, data["rejections"]))
        value = kind(**data)
        int(value.generation)  # a text in its place would break every comparison
    except Exception:  # noqa: BLE001  # whatever is wrong with it, it is no record
        return None
    return value
