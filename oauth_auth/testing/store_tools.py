"""What the tests of the store contract share."""

# ruff: noqa: S101  # asserts are what pytest tests consist of

from __future__ import annotations

import contextlib
import pickle
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar

from oauth_auth import errors
from oauth_auth.stores.base import Journal, Mark, Record
from oauth_auth.token import Token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oauth_auth.stores.base import TokenStore

__all__ = [
    "ID",
    "OTHER",
    "PATIENCE",
    "TURNS",
    "WORKERS",
    "StoreTests",
    "a_journal",
    "a_mark",
    "a_record",
    "full_record",
    "holder",
    "refused",
    "save",
    "sized_record",
    "turn",
    "worker",
]

ID = "contract-record"
OTHER = "contract-other"
#: Longer than any lock is held here; reached only where something is broken.
PATIENCE = 30.0
WORKERS = 4
TURNS = 5


class StoreTests:
    """Tests of a store that a subclass makes."""

    #: Whether a pickled store reaches the same records in another process. If not,
    #: pickling it must raise `ConfigurationError`.
    shared_between_processes: ClassVar[bool] = False

    def make_store(self) -> TokenStore:
        """Return a new handle on this test's storage, which is empty at first.

        A store that lives in one process only returns the same object each time.
        """
        raise NotImplementedError


def refused(kind: type[errors.OAuthAuthError]) -> Any:
    """Return the context in which an error of this kind must be raised."""
    import pytest  # only test runs have it

    return pytest.raises(kind)


def save(store: TokenStore, record: Record, record_id: str = ID) -> None:
    """Save a record as a worker does that has nothing to spend."""
    with store.lock(record_id, timeout=PATIENCE) as transaction:
        transaction.save(record)


def turn(store: TokenStore) -> None:
    """Do what a renewal does: read, reserve, save the next generation."""
    with store.lock(ID, timeout=PATIENCE) as transaction:
        record = transaction.read()
        transaction.reserve(a_journal(record.generation))
        time.sleep(0)  # lets another thread in, if the lock does not keep it out
        transaction.save(a_record(record.generation + 1))


@contextlib.contextmanager
def holder(store: TokenStore) -> Iterator[None]:
    """Hold the lock in a thread of its own, as another worker would."""
    held, enough = threading.Event(), threading.Event()

    def hold() -> None:
        with store.lock(ID, timeout=PATIENCE):
            held.set()
            enough.wait(PATIENCE)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert held.wait(PATIENCE)
        yield
    finally:
        enough.set()
        thread.join()


_WORK = f"""
import pickle, sys
sys.path[:] = {{path!r}}
from oauth_auth.testing.store_tools import turn
store = pickle.load(sys.stdin.buffer)
for _ in range({TURNS}):
    turn(store)
"""


def worker(store: TokenStore) -> subprocess.Popen[bytes]:
    """Start a process that takes turns with the pickled store."""
    process = subprocess.Popen(  # noqa: S603  # this very interpreter
        [sys.executable, "-c", _WORK.format(path=sys.path)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(pickle.dumps(store))
    process.stdin.flush()
    return process


def a_record(generation: int, access_token: str = "access") -> Record:  # noqa: S107  # made up
    """Return a record with made-up tokens."""
    return Record(
        lineage="l",
        generation=generation,
        token=Token(
            access_token,
            refresh_token="refresh",  # noqa: S106  # made up
            expires_at=2e9,
            obtained_at=1.0,
        ),
    )


def sized_record(generation: int) -> Record:
    """Return a record whose length differs from those before and after it."""
    return a_record(generation, f"{generation}:" + "x" * (generation * 37 % 1000))


def full_record() -> Record:
    """Return a record with every field set that is saved."""
    token = Token(
        "access",
        token_type="DPoP",  # noqa: S106  # a type, not a password
        expires_at=1_700_003_600.25,
        obtained_at=1_700_000_000.125,
        refresh_token="refresh",  # noqa: S106  # made up
        scope="a b",
        id_token="header.payload.signature",  # noqa: S106  # made up
        refresh_at=1_700_001_800.5,
        extra={"account_id": "1", "team": {"id": 2}},
    )
    return Record(
        lineage="lineage-1",
        generation=41,
        token=token,
        logged_out=False,
        configuration="configuration-1",
        about={"server": "https://auth.example.com", "client_id": "cli"},
        claims=("f1", "f2"),
        rejections=(("https://api.example.com", 1_700_000_001.5, 3),),
        document={"any": ["thing"]},
    )


def a_mark(
    generation: int, *, kind: str = "hold", in_doubt: bool = False, failures: int = 1
) -> Mark:
    """Return a mark with every field set."""
    error = errors.to_facts(
        errors.ServerError("the server is down", status_code=503, retry_after=1.5)
    )
    return Mark(kind, generation, 1_700_000_000.5, 12.25, error, failures, in_doubt)


def a_journal(generation: int, fingerprint: str = "f1") -> Journal:
    """Return a journal entry."""
    return Journal(generation, fingerprint, 1_700_000_000.5, 1_700_000_030.75)
