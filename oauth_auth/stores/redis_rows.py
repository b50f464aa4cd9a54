"""Rows and leases in Redis."""

from __future__ import annotations

import base64
import logging
import os
import socket
from typing import TYPE_CHECKING, Any, Final, final

from oauth_auth.lazy_errors import errors
from oauth_auth.stores import redis_scripts as scripts
from oauth_auth.stores.heartbeat import Heartbeat
from oauth_auth.stores.shared_rows import Row, Version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oauth_auth.stores.redis_scripts import Script
    from oauth_auth.stores.redis_server import RedisServer

__all__ = ["RedisLease", "RedisRows"]

#: How long a lease lasts after its holder was last heard of, in seconds.
LEASE_SECONDS: Final = 10.0
_BEATS: Final = 3
_CLAIMS: Final = "oauth_auth:claims"
#: Under which of a record's keys what is sealed lies, and in which field.
_FIELDS: Final = {
    "record": (0, "sealed"),
    "mark": (1, "mark"),
    "journal": (1, "journal"),
}

_log = logging.getLogger("oauth_auth")


@final
class RedisRows:
    """A Redis server's rows: `Rows`.

    Args:
        server: The way to it.
    """

    def __init__(self, server: RedisServer) -> None:
        self._server: Final = server

    @property
    def name(self) -> str:
        """Where it is, for people."""
        return self._server.name

    def read(self, record_id: str) -> Row | None:
        """Return what lies under a record id."""
        found = self._server.run(scripts.READ, _keys(record_id), ())
        lineage, generation, record, mark, journal = found
        if not (record or mark or journal):
            return None
        version = Version(_text(lineage), int(_text(generation) or 0))
        return Row(version, _unpacked(record), _unpacked(mark), _unpacked(journal))

    def lease(self, record_id: str) -> RedisLease:
        """Return a way to hold a record."""
        return RedisLease(self._server, record_id)

    def names(self) -> Iterator[str]:
        """Yield the ids of all records."""
        # Of a record's keys only the first ends with the brace.
        for key in self._server.keys("oauth_auth:{*}"):
            yield key.partition("{")[2].removesuffix("}")

    def names_beside(self) -> Iterator[str]:
        """Yield the ids of what has a mark or journal."""
        for key in self._server.keys("oauth_auth:{*}:beside"):
            yield key.partition("{")[2].rpartition("}")[0]

    def replace(self, kind: str, name: str, old: bytes, new: bytes) -> bool:
        """Put something sealed in place of something else."""
        values = (_packed(old), _packed(new))
        if kind == "claim":
            run = self._server.run(scripts.REPLACE, (_claim(name),), values)
        else:
            place, field = _FIELDS[kind]
            key = _keys(name)[place]
            run = self._server.run(scripts.REPLACE_FIELD, (key,), (*values, field))
        return bool(run)

    def read_claim(self, fingerprint: str) -> bytes | None:
        """Return a claim, sealed."""
        return _unpacked(self._server.call("get", _claim(fingerprint))) or None

    def write_claim(self, fingerprint: str, sealed: bytes) -> None:
        """Keep a claim."""
        self._server.call("set", _claim(fingerprint), _packed(sealed))

    def drop_claim(self, fingerprint: str) -> None:
        """Remove a claim."""
        self._server.call("delete", _claim(fingerprint))

    def claims(self) -> Iterator[str]:
        """Yield the fingerprints of all claims."""
        for key in self._server.keys(_claim("*")):
            yield key.rpartition(":")[2]

    def claimed_inside(self, fingerprint: str) -> str | None:
        """Return the record that was last saved with this claim."""
        if not self._server.is_cluster:
            return _text(self._server.call("hget", _CLAIMS, fingerprint)) or None
        for name in self.names():
            if _text(self._server.call("hget", _keys(name)[0], "claim")) == fingerprint:
                return name
        return None

    def prepare(self) -> None:
        """See that the server answers; it needs nothing."""
        self._server.call("ping")


@final
class RedisLease:
    """A lease with a random owner: `Lease`.

    It is renewed by a thread while it is held. A journal keeps others away until what
    it was written for must be over, whatever became of the lease.
    """

    def __init__(self, server: RedisServer, record_id: str) -> None:
        self._server: Final = server
        self._id: Final = record_id
        self._keys: Final = _keys(record_id)
        #: Names the holder for people, and is nobody else's.
        self._me: Final = f"{socket.gethostname()}:{os.getpid()}:{os.urandom(8).hex()}"
        self._pid: Final = os.getpid()
        self._milliseconds: Final = int(LEASE_SECONDS * 1000)
        self._heartbeat: Heartbeat | None = None

    def take(self) -> bool:
        """Try once to hold the record."""
        if not self._extend():
            return False
        self._heartbeat = Heartbeat(self._extend, LEASE_SECONDS / _BEATS)
        self._heartbeat.start()
        return True

    def _extend(self) -> bool:
        return self._run(scripts.HOLD, self._milliseconds)

    def free(self) -> None:
        """Let it go."""
        if self._heartbeat is not None:
            self._heartbeat.stop()
            self._heartbeat = None
        if os.getpid() != self._pid:
            return  # a fork's child ends nothing of its parent's
        try:
            self._run(scripts.FREE)
        except errors.TokenStoreError as error:
            # No error: what was done is done, and counts.
            _log.warning(
                "a lock lapses by itself, for it could not be freed: %s", error
            )

    def reserve(self, journal: bytes, seconds: float, expected: Version) -> bool:
        """Keep the journal, and others away."""
        milliseconds = max(int(seconds * 1000), self._milliseconds)
        return self._run(
            scripts.RESERVE, *_plain(expected), milliseconds, _packed(journal)
        )

    def still_held(self, expected: Version) -> bool:
        """Whether it is, and the record is as it was."""
        return self._run(scripts.STILL_HELD, *_plain(expected), self._milliseconds)

    def save(
        self, row: Row, expected: Version | None, writing: str, *, aside: bool
    ) -> bool:
        """Put a record in place of an older one."""
        return self._run(
            scripts.SAVE,
            *_plain(row.version),
            _packed(row.record),
            writing,
            int(expected is not None),
            *_plain(expected or Version()),
            int(aside),
            row.claim,
            self._id,
            more_keys=() if self._server.is_cluster else (_CLAIMS,),
        )

    def mark(self, mark: bytes, *, ends_journal: bool) -> bool:
        """Keep a mark, or remove it."""
        return self._run(
            scripts.MARK, self._milliseconds, _packed(mark), int(ends_journal)
        )

    def holder(self) -> str | None:
        """Return who holds it, in words."""
        try:
            found = _text(self._server.call("get", self._keys[2]))
        except errors.TokenStoreError:
            return None
        host, _, rest = found.rpartition(":")[0].rpartition(":")
        return f"process {rest} on {host}" if host else None

    def _run(
        self, script: Script, *arguments: Any, more_keys: tuple[str, ...] = ()
    ) -> bool:
        keys = (*self._keys, *more_keys)
        return bool(self._server.run(script, keys, (self._me, *arguments)))


def _keys(record_id: str) -> tuple[str, str, str]:
    key = f"oauth_auth:{{{record_id}}}"
    return key, f"{key}:beside", f"{key}:lease"


def _claim(fingerprint: str) -> str:
    return f"oauth_auth:claim:{fingerprint}"


def _plain(version: Version) -> tuple[str, int]:
    return version.lineage, version.generation


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""


def _packed(sealed: bytes) -> str:
    # A client that decodes answers could not read bytes.
    return base64.b64encode(sealed).decode()


def _unpacked(value: Any) -> bytes:
    try:
        return base64.b64decode(_text(value), validate=True)
    except ValueError:
        return b"?"  # opened it is damaged, as it is
