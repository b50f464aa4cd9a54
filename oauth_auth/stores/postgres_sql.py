"""What is said to PostgreSQL.

One table, in the schema that the connection's `search_path` names first:

    kind, name        "record" and a record id, or "claim" and a fingerprint
    sealed            the record or claim
    lineage, generation, writing   the record's version, and which save wrote it
    claim             the fingerprint of its newest refresh token
    mark, journal     what lies beside a record, sealed
    sender, sent_until   who may have sent a refresh token, and when that must be over
    damaged           a copy of what could not be opened any more
    changed_at        when a record was last saved, a claim last set

A record is held by an advisory lock, which the server frees when its session ends. Its
number is made of the record id; two ids with one number would only wait for each other.
"""

from __future__ import annotations

import hashlib
from typing import Final

__all__ = [
    "CLAIM",
    "CLAIMED",
    "CREATE",
    "DROP_CLAIM",
    "FIND",
    "FREE",
    "HOLDER",
    "MARK",
    "NAMES",
    "NAMES_BESIDE",
    "READ",
    "READ_CLAIM",
    "RESERVE",
    "SAVE",
    "SAVED",
    "STILL",
    "TABLE",
    "lock_number",
    "replacing",
    "taking",
]

TABLE: Final = "oauth_auth_records"
#: The lock under which the table is made.
_MAKING: Final = int.from_bytes(b"oauth_au", "big") >> 1

FIND: Final = f"SELECT to_regclass('{TABLE}')"
#: Under a lock, since "IF NOT EXISTS" does not keep two from making it at once.
CREATE: Final = f"""
BEGIN;
SELECT pg_advisory_xact_lock({_MAKING});
CREATE TABLE IF NOT EXISTS {TABLE} (
  kind text NOT NULL,
  name text COLLATE "C" NOT NULL,
  sealed bytea,
  lineage text NOT NULL DEFAULT '',
  generation bigint NOT NULL DEFAULT 0,
  writing text,
  claim text,
  mark bytea,
  journal bytea,
  sender text,
  sent_until timestamptz,
  damaged bytea,
  changed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (kind, name)
);
CREATE INDEX IF NOT EXISTS {TABLE}_claim ON {TABLE} (claim) WHERE claim IS NOT NULL;
COMMIT
"""

READ: Final = f"""
SELECT lineage, generation, sealed, mark, journal FROM {TABLE}
WHERE kind = 'record' AND name = %(name)s
"""  # noqa: S608  # the table's name is a constant

NAMES: Final = f"""
SELECT name FROM {TABLE}
WHERE kind = %(kind)s AND sealed IS NOT NULL AND name > %(after)s
ORDER BY name LIMIT 1000
"""  # noqa: S608

NAMES_BESIDE: Final = f"""
SELECT name FROM {TABLE}
WHERE kind = %(kind)s AND (mark IS NOT NULL OR journal IS NOT NULL)
  AND name > %(after)s
ORDER BY name LIMIT 1000
"""  # noqa: S608

CLAIMED: Final = f"""
SELECT name FROM {TABLE} WHERE kind = 'record' AND claim = %(claim)s
"""  # noqa: S608

#: Nobody may have sent anything but this worker, or the one that it took over from.
_NOT_ANOTHERS: Final = """
(t.sender IS NULL OR t.sender IN (%(me)s, %(before)s)
 OR t.sent_until <= clock_timestamp())
"""
_MINE_ENDS: Final = """
sender = CASE WHEN t.sender = %(me)s THEN NULL ELSE t.sender END,
sent_until = CASE WHEN t.sender = %(me)s THEN NULL ELSE t.sent_until END
"""

RESERVE: Final = f"""
INSERT INTO {TABLE} AS t (kind, name, journal, sender, sent_until)
SELECT 'record', %(name)s, %(journal)s, %(me)s,
       clock_timestamp() + make_interval(secs => %(seconds)s)
WHERE %(generation)s = 0
   OR EXISTS (SELECT FROM {TABLE} WHERE kind = 'record' AND name = %(name)s)
ON CONFLICT (kind, name) DO UPDATE SET
  journal = EXCLUDED.journal, sender = EXCLUDED.sender, sent_until = EXCLUDED.sent_until
WHERE t.lineage = %(lineage)s AND t.generation = %(generation)s AND {_NOT_ANOTHERS}
RETURNING 1
"""  # noqa: S608

STILL: Final = f"""
SELECT 1 FROM {TABLE} AS t WHERE kind = 'record' AND name = %(name)s
AND t.lineage = %(lineage)s AND t.generation = %(generation)s AND t.sender = %(me)s
"""  # noqa: S608

SAVE: Final = f"""
INSERT INTO {TABLE} AS t (kind, name, sealed, lineage, generation, writing, claim)
VALUES ('record', %(name)s, %(sealed)s, %(lineage)s, %(generation)s, %(writing)s,
        %(claim)s)
ON CONFLICT (kind, name) DO UPDATE SET
  sealed = EXCLUDED.sealed, lineage = EXCLUDED.lineage,
  generation = EXCLUDED.generation, writing = EXCLUDED.writing,
  claim = EXCLUDED.claim,
  mark = NULL, journal = NULL, {_MINE_ENDS}, changed_at = now(),
  damaged = CASE WHEN %(aside)s THEN t.sealed ELSE t.damaged END
WHERE t.generation < EXCLUDED.generation
  AND (NOT %(known)s OR t.generation = 0
       OR (t.lineage = %(old_lineage)s AND t.generation <= %(old_generation)s))
RETURNING 1
"""  # noqa: S608

#: Whether an earlier try of the same save has come through.
SAVED: Final = f"""
SELECT 1 FROM {TABLE} WHERE kind = 'record' AND name = %(name)s
AND generation = %(generation)s AND writing = %(writing)s
"""  # noqa: S608

MARK: Final = f"""
INSERT INTO {TABLE} AS t (kind, name, mark) VALUES ('record', %(name)s, %(mark)s)
ON CONFLICT (kind, name) DO UPDATE SET
  mark = EXCLUDED.mark,
  journal = CASE WHEN %(ends)s THEN NULL ELSE t.journal END,
  sender = CASE WHEN %(ends)s THEN NULL ELSE t.sender END,
  sent_until = CASE WHEN %(ends)s THEN NULL ELSE t.sent_until END
WHERE {_NOT_ANOTHERS}
RETURNING 1
"""  # noqa: S608

#: Whoever ends its turn sends nothing any more.
FREE: Final = f"""
UPDATE {TABLE} AS t SET {_MINE_ENDS}
WHERE kind = 'record' AND name = %(name)s AND t.sender = %(me)s
"""  # noqa: S608

READ_CLAIM: Final = f"""
SELECT sealed FROM {TABLE} WHERE kind = 'claim' AND name = %(name)s
"""  # noqa: S608

CLAIM: Final = f"""
INSERT INTO {TABLE} (kind, name, sealed) VALUES ('claim', %(name)s, %(sealed)s)
ON CONFLICT (kind, name) DO UPDATE SET sealed = EXCLUDED.sealed, changed_at = now()
"""  # noqa: S608

DROP_CLAIM: Final = f"""
DELETE FROM {TABLE} WHERE kind = 'claim' AND name = %(name)s
"""  # noqa: S608

HOLDER: Final = """
SELECT a.application_name, a.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (l.classid::bigint << 32) | l.objid::bigint = %(number)s
"""


def lock_number(record_id: str) -> int:
    """Return the number of a record's advisory lock: 64 bits, with a sign."""
    text = f"oauth_auth\0{record_id}".encode()
    digest = hashlib.blake2b(text, digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def replacing(kind: str) -> str:
    """Return what puts something sealed in place of something else."""
    row = "claim" if kind == "claim" else "record"
    column = kind if kind in ("mark", "journal") else "sealed"
    return f"""
UPDATE {TABLE} SET {column} = %(new)s
WHERE kind = '{row}' AND name = %(name)s AND {column} = %(old)s
RETURNING 1
"""  # noqa: S608


def taking(record_id: str, seconds: float) -> str:
    """Return what tries to take a lock, and tells who may have sent something.

    In one go and as plain text, since parameters need a question each.

    Args:
        record_id: Letters, digits and hyphens.
        seconds: When the server ends a session that says no more.
    """
    return f"""
BEGIN;
SET LOCAL idle_in_transaction_session_timeout = {int(seconds * 1000)};
SELECT pg_try_advisory_xact_lock({lock_number(record_id)});
SELECT sender FROM {TABLE} WHERE kind = 'record' AND name = '{record_id}'
AND sent_until > clock_timestamp()
"""  # noqa: S608
