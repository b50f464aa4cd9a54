"""What `RedisStore` and `PostgresStore` have in common: records on a server.

A store that several machines share never makes a sealing key: each machine would make
one of its own, and none could read what the others write.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from oauth_auth.lazy_errors import errors
from oauth_auth.secret import Secret
from oauth_auth.stores.keys import KeyChain
from oauth_auth.stores.sealing import Sealer
from oauth_auth.stores.shared_rows import Opener
from oauth_auth.stores.shared_transaction import SharedTransaction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oauth_auth.stores.base import Record
    from oauth_auth.stores.keys import Keys
    from oauth_auth.stores.shared_rows import Rows

__all__ = ["SharedStore"]

_NAME: Final = re.compile(r"[a-z0-9-]{1,80}")


class _Claim(NamedTuple):
    """Which record a token belongs to; an empty id for none."""

    record_id: str
    seed: bool


class SharedStore:
    """A `TokenStore` whose records lie on a server.

    Args:
        rows: The server's.
        place: What tells the server from others: hashable, equal for equal arguments.
        keys: Sealing keys, as `RedisStore` and `PostgresStore` take them.
    """

    #: Pauses of those who wait for a record, in seconds: the first and the longest.
    #: Each look is a question to the server.
    pauses: Final = (0.004, 0.1)

    def __init__(self, rows: Rows, place: Any, keys: Keys) -> None:
        self._rows: Final = rows
        self._place: Final[Any] = place
        self._sealer: Final = Sealer(KeyChain(keys, None))

    @property
    def sealer(self) -> Sealer:
        """Seals what leaves this process under the store's keys."""
        return self._sealer

    @property
    def name(self) -> str:
        """Where the records are, for people; without a password."""
        return self._rows.name

    def prepare(self) -> None:
        """Make what the server needs to have, if it has not; done at first use too.

        Raises:
            StoreNotWritable: It cannot be made.
        """
        self._rows.prepare()

    def read(self, record_id: str) -> Record | None:
        """Return the record with its mark, or None; takes no lock.

        Raises:
            StoreUnreachable: The server cannot be reached; see `TokenStore.read` for
                the rest.
        """
        row = self._rows.read(_checked(record_id))
        if row is None or not (row.record or row.mark):
            return None
        opener = self._opener(record_id)
        return opener.record(row).beside(opener.mark(row), None)

    def lock(self, record_id: str, *, timeout: float) -> SharedTransaction:
        """Return the record's lock, among all workers on all machines."""
        opener = self._opener(_checked(record_id))
        return SharedTransaction(self._rows, opener, record_id, timeout)

    def records(self) -> Iterator[str]:
        """Yield the ids of all records; asks the server for some at a time."""
        return self._rows.names()

    def claim(
        self,
        fingerprint: str,
        record_id: str | None = None,
        *,
        replaces: str | None = None,
        seed: bool = False,
    ) -> str | None:
        """Look up, or set, which record a seed or refresh token belongs to."""
        kept = self._claimed(_checked(fingerprint), setting=record_id is not None)
        if record_id is None:
            return kept.record_id or None if kept.seed or not seed else None
        wanted = _Claim(record_id, seed or kept.seed)
        if wanted != kept:
            text = f"{_checked(record_id)}{' seed' if wanted.seed else ''}"
            self._rows.write_claim(
                fingerprint, self._sealer.seal("claim", fingerprint, Secret(text))
            )
        if replaces is not None and not self._is_seed(_checked(replaces)):
            self._rows.drop_claim(replaces)
        return record_id

    def claims(self) -> Iterator[tuple[str, str, bool]]:
        """Yield all claims: fingerprint, record id, and whether it is a seed's."""
        for fingerprint in self._rows.claims():
            claim = self._claimed(fingerprint)
            yield fingerprint, claim.record_id, claim.seed

    def claimed_inside(self, fingerprint: str) -> str | None:
        """Return the record whose newest claim this is, though nobody has set it.

        Its worker may have died just before it would have.
        """
        return self._rows.claimed_inside(_checked(fingerprint))

    def _claimed(self, fingerprint: str, *, setting: bool = False) -> _Claim:
        sealed = self._rows.read_claim(fingerprint)
        if sealed is None:
            return _Claim("", seed=False)
        where = f"claim {fingerprint} in {self.name}"
        try:
            text = self._sealer.unseal("claim", fingerprint, sealed, where).reveal()
        except errors.StoreCorrupt:
            # Who sets a claim knows the record; who looks it up must not go on, since
            # a spent refresh token would count as new and be sent again.
            if not setting:
                raise
            return _Claim("", seed=False)
        record_id, _, kind = text.partition(" ")
        return _Claim(record_id, kind == "seed")

    def _is_seed(self, fingerprint: str) -> bool:
        try:
            return self._claimed(fingerprint).seed
        except errors.TokenStoreError:
            return True  # what cannot be read is not removed

    def _opener(self, record_id: str) -> Opener:
        return Opener(self._sealer, record_id, self.name)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def __eq__(self, other: object) -> bool:
        return (
            type(other) is type(self)
            and isinstance(other, SharedStore)
            and other._place == self._place
            and other._sealer.chain.given == self._sealer.chain.given
        )

    def __hash__(self) -> int:
        return hash((type(self), self._place))

    def __reduce__(self) -> tuple[Any, ...]:
        if self._sealer.chain.given_literally:
            raise errors.ConfigurationError(
                f"the {type(self).__name__} at {self.name} was given its keys "
                "literally, and a pickle is readable by anyone; put them into "
                "OAUTH_AUTH_KEY, or pass FromEnv(...) or FromFile(...)"
            )
        return _rebuild, (type(self), self._address(), self._sealer.chain.given)

    def _address(self) -> Any:
        """Return the first argument for a copy in another process.

        Raises:
            ConfigurationError: It cannot leave this one.
        """
        raise NotImplementedError

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self


def _rebuild(kind: Any, address: Any, keys: Keys) -> Any:
    return kind(address, keys=keys)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a record id or fingerprint")
    return name
