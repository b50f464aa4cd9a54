"""Rows and locks in PostgreSQL."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Final, final

from oauth_auth.lazy_errors import errors
from oauth_auth.stores import postgres_sql as sql
from oauth_auth.stores.heartbeat import Heartbeat
from oauth_auth.stores.shared_rows import Row, Version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oauth_auth.stores.postgres_server import PostgresServer

__all__ = ["PostgresLease", "PostgresRows"]

#: The server ends a session that holds a lock and says nothing for so long, in
#: seconds, as when its machine has lost the network.
SILENCE_SECONDS: Final = 60.0
#: A holder sees so often that it still is one.
BEAT_SECONDS: Final = 0.5
#: A lock that is free although its holder has sent something: has it died, or only
#: lost its connection? One that lives comes back within this time.
SETTLE_SECONDS: Final = 2.0

_log = logging.getLogger("oauth_auth")


@final
class PostgresRows:
    """A PostgreSQL server's rows: `Rows`.

    Args:
        server: The way to it.
    """

    def __init__(self, server: PostgresServer) -> None:
        self._server: Final = server

    @property
    def name(self) -> str:
        """Where it is, for people."""
        return self._server.name

    def read(self, record_id: str) -> Row | None:
        """Return what lies under a record id."""
        found = self._ask(sql.READ, record_id)
        for lineage, generation, record, mark, journal in found:
            version = Version(lineage, generation)
            return Row(version, record or b"", mark or b"", journal or b"")
        return None

    def lease(self, record_id: str) -> PostgresLease:
        """Return a way to hold a record."""
        return PostgresLease(self._server, record_id)

    def names(self) -> Iterator[str]:
        """Yield the ids of all records."""
        return self._names(sql.NAMES, "record")

    def claims(self) -> Iterator[str]:
        """Yield the fingerprints of all claims."""
        return self._names(sql.NAMES, "claim")

    def names_beside(self) -> Iterator[str]:
        """Yield the ids of what has a mark or journal."""
        return self._names(sql.NAMES_BESIDE, "record")

    def replace(self, kind: str, name: str, old: bytes, new: bytes) -> bool:
        """Put something sealed in place of something else."""
        return bool(self._ask(sql.replacing(kind), name, old=old, new=new))

    def _names(self, question: str, kind: str) -> Iterator[str]:
        after = ""
        while True:
            # A page at a time: a cursor would need a session.
            page = self._server.ask(question, {"kind": kind, "after": after})
            yield from (name for (name,) in page)
            if not page:
                return
            after = page[-1][0]

    def read_claim(self, fingerprint: str) -> bytes | None:
        """Return a claim, sealed."""
        for (sealed,) in self._ask(sql.READ_CLAIM, fingerprint):
            return bytes(sealed)
        return None

    def write_claim(self, fingerprint: str, sealed: bytes) -> None:
        """Keep a claim."""
        self._ask(sql.CLAIM, fingerprint, sealed=sealed)

    def drop_claim(self, fingerprint: str) -> None:
        """Remove a claim."""
        self._ask(sql.DROP_CLAIM, fingerprint)

    def claimed_inside(self, fingerprint: str) -> str | None:
        """Return the record that was last saved with this claim."""
        for (name,) in self._server.ask(sql.CLAIMED, {"claim": fingerprint}):
            return str(name)
        return None

    def prepare(self) -> None:
        """Make the table, unless it is there."""
        self._server.prepare()

    def _ask(self, question: str, name: str, **facts: Any) -> list[tuple[Any, ...]]:
        return self._server.ask(question, {"name": name, **facts})


@final
class PostgresLease:
    """An advisory lock, in a transaction that stays open: `Lease`.

    The server frees it when its session ends, as when its holder is killed. A holder
    that lives, and only lost its connection, takes it again at once, and is given the
    time for that. Records are read and written on other connections, so that what was
    written is there whatever becomes of the transaction.
    """

    def __init__(self, server: PostgresServer, record_id: str) -> None:
        self._server: Final = server
        self._id: Final = record_id
        #: Names the worker, and is nobody else's.
        self._me: Final = f"{socket.gethostname()}:{os.getpid()}:{os.urandom(8).hex()}"
        self._pid: Final = os.getpid()
        self._guard: Final = threading.Lock()  # guards the connection
        #: The one that holds the lock.
        self._connection: Any = None
        self._silence = SILENCE_SECONDS
        #: Whether this worker may have sent something since it was last told to be
        #: over.
        self._sent = False
        #: Who may have sent something, and when that was first seen.
        self._missing: tuple[str, float] | None = None
        #: From whom the record was taken over.
        self._before: str | None = None
        self._heartbeat: Heartbeat | None = None

    def take(self) -> bool:
        """Try once to hold the record."""
        if not self._taken():
            return False
        self._heartbeat = Heartbeat(self._beat, BEAT_SECONDS)
        self._heartbeat.start()
        return True

    def _taken(self) -> bool:
        connection, rows = self._server.begin(sql.taking(self._id, self._silence))
        (held,), *senders = rows
        if held and self._nobody_is_missing(senders):
            self._connection = connection
            return True
        self._end(connection)
        return False

    def _nobody_is_missing(self, senders: list[tuple[Any, ...]]) -> bool:
        """Whether no other worker may be about to come back."""
        sender = senders[0][0] if senders else self._me
        if sender in (self._me, self._before):
            return True
        now = time.monotonic()
        if self._missing is None or self._missing[0] != sender:
            self._missing = (sender, now)
        if now - self._missing[1] < SETTLE_SECONDS:
            return False
        self._before = sender
        return True

    def _end(self, connection: Any) -> None:
        # If the connection is lost, the server frees the lock by itself.
        with contextlib.suppress(errors.TokenStoreError):
            self._server.say(connection, "ROLLBACK")
        self._server.give(connection)

    def _beat(self) -> bool:
        with self._guard:
            self._holding()
        return True

    def _holding(self, seconds: float | None = None) -> bool:
        """See whether the lock is still held, and take it again if not."""
        if seconds is not None:
            self._silence = max(SILENCE_SECONDS, seconds)
        if self._connection is not None:
            milliseconds = int(self._silence * 1000)
            question = f"SET LOCAL idle_in_transaction_session_timeout={milliseconds}"
            try:
                self._server.say(self._connection, question)
            except errors.TokenStoreError as error:
                self._connection = None
                _log.debug("record %s is no longer locked: %s", self._id, error)
            else:
                return True
        return self._taken()

    def free(self) -> None:
        """Let it go."""
        if self._heartbeat is not None:
            self._heartbeat.stop()
            self._heartbeat = None
        connection, self._connection = self._connection, None
        if os.getpid() != self._pid:
            return  # a fork's child ends nothing of its parent's
        if self._sent:
            try:
                self._ask(sql.FREE)
            except errors.TokenStoreError as error:
                # No error: what was done is done, and counts.
                _log.warning("others wait for nothing for a moment: %s", error)
            self._sent = False
        if connection is not None:
            self._end(connection)

    def reserve(self, journal: bytes, seconds: float, expected: Version) -> bool:
        """Keep the journal, then see that the lock is still held."""
        self._sent = True
        facts = {"journal": journal, "seconds": seconds, "before": self._before}
        if not self._ask(sql.RESERVE, **expected._asdict(), **facts):
            return False
        return self.still_held(expected, seconds)

    def still_held(self, expected: Version, seconds: float | None = None) -> bool:
        """Whether it is, and the record is as it was."""
        with self._guard:
            before = self._connection
            if not self._holding(seconds):
                return False
            if before is self._connection and seconds is not None:
                return True  # held all the time since the journal was written
        return bool(self._ask(sql.STILL, **expected._asdict()))

    def save(
        self, row: Row, expected: Version | None, writing: str, *, aside: bool
    ) -> bool:
        """Put a record in place of an older one."""
        old = expected or Version()
        facts: dict[str, Any] = {**row.version._asdict(), "writing": writing}
        saved = self._ask(
            sql.SAVE,
            **facts,
            sealed=row.record,
            claim=row.claim or None,
            known=expected is not None,
            old_lineage=old.lineage,
            old_generation=old.generation,
            aside=aside,
        )
        if not saved and not self._ask(sql.SAVED, **facts):
            return False
        self._sent = False
        return True

    def mark(self, mark: bytes, *, ends_journal: bool) -> bool:
        """Keep a mark, or remove it."""
        with self._guard:
            if not self._holding():
                return False
        facts = {"mark": mark or None, "before": self._before}
        return bool(self._ask(sql.MARK, **facts, ends=ends_journal))

    def holder(self) -> str | None:
        """Return who holds it, in words."""
        try:
            found = self._server.ask(sql.HOLDER, {"number": sql.lock_number(self._id)})
        except errors.TokenStoreError:
            return None
        for name, pid in found:
            word, _, rest = (name or "").partition(" ")
            host, _, process = rest.partition(" ")
            if word == "oauth_auth" and process:
                return f"process {process} on {host}"
            return f"the database's session {pid}"
        return None

    def _ask(self, question: str, **facts: Any) -> list[tuple[Any, ...]]:
        return self._server.ask(question, {"name": self._id, "me": self._me, **facts})
