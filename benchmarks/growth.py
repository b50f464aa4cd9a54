"""`growth`: more records, more processes, longer tokens."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.handoff import handoff
from benchmarks.login import API, Login, Place
from benchmarks.measure import Spread, per_call
from benchmarks.ours import OursRequests, grant_of, store_at
from benchmarks.report import Column, Table
from oauth_auth.testing import TestingServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.options import Options
    from oauth_auth import FileStore

__all__ = ["run"]

_MILLI, _MICRO = 1e3, 1e6
_MANY = 10_000
_MEDIAN = "median (min to max)"


def run(options: Options) -> list[Table]:
    """Measure how each cost grows."""
    return [_records(options), _processes(options), _sizes(options)]


def _records(options: Options) -> Table:
    sizes = (1, 3, 10) if options.quick else (1, 10, 100, 1000, 10_000, 100_000)
    place = options.place(OursRequests())
    store = store_at(place.directory)
    have = 1
    rows = []
    _open(place)  # imports what it needs
    for size in sizes:
        _fill(store, have, size)
        have = size
        tries: dict[str, Callable[[], float]] = {
            "open": partial(_seconds, lambda: _open(place)),
            "list": partial(_seconds, lambda: sum(1 for _ in store.records())),
            "seed": partial(_seconds, partial(_new_seed, options, store)),
        }
        # The new seeds are few beside the records. To read a hundred thousand takes
        # long enough for one round.
        figures = options.compare(tries, 3 if size < _MANY else 1, warm_up=False)
        rows.append(
            {
                "records": size,
                **{name: Spread.of(each, _MILLI) for name, each in figures.items()},
            }
        )
    return Table(
        "Records in the store.",
        [
            Column("records", "records"),
            Column("open", f"ms to find and open one login, as status does, {_MEDIAN}"),
            Column("list", f"ms to list the ids of all, {_MEDIAN}"),
            Column("seed", f"ms to take in a refresh token never seen, {_MEDIAN}"),
        ],
        rows,
        [
            (
                "A refresh token that no claim knows is looked for inside every record "
                "first, since its claim may have died with a worker; whatever else "
                "reads every record takes as long."
            )
        ],
    )


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _open(place: Place) -> None:
    """Do what a new process does to say how a login stands."""
    from oauth_auth import sources

    # As in a process that has not seen the store.
    sources._sources.clear()
    sources._identifiers.clear()
    auth = OursRequests().auth(place)
    if auth._resolved().look() is None:
        raise RuntimeError("the login is not there")


def _new_seed(options: Options, store: FileStore) -> None:
    import os

    from oauth_auth.token_auth import TokenAuth

    login = Login.made_up()._replace(refresh_token=os.urandom(16).hex())
    place = Place(login, options.scratch)
    TokenAuth(grant_of(place), store=store)._resolved()


def _fill(store: FileStore, have: int, want: int) -> None:
    """Add records as the store writes them, but without waiting for the disk."""
    import os

    from oauth_auth.stores.base import Record
    from oauth_auth.stores.record_file import _MAGIC
    from oauth_auth.token import Token

    now = time.time()
    for _ in range(have, want):
        token = Token("a" * 40, expires_at=now, obtained_at=now, refresh_token="r" * 40)
        record = Record(
            generation=1,
            lineage=os.urandom(16).hex(),
            token=token,
            configuration=os.urandom(20).hex(),
            about={"server": "https://auth.example.com", "client_id": "reports"},
            claims=(os.urandom(20).hex(),),
        )
        name = os.urandom(20).hex()
        path = store.path / "records" / name
        sealed = store._files(name).sealed(record)
        # No journal, and then the record.
        parts = _MAGIC, bytes(4), len(sealed).to_bytes(4, "big"), sealed
        path.write_bytes(b"".join(parts))
        path.chmod(0o600)


def _processes(options: Options) -> Table:
    sizes = (1, 2) if options.quick else (1, 2, 4, 8, 16, 32, 64, 128)
    delay = 0.02 if options.quick else 1.0
    rows = []
    with TestingServer() as server:
        server.token_faults.delay(before=delay, times=None)
        tries = {
            size: partial(handoff, options, server, OursRequests.name, size)
            for size in sizes
        }
        figures = options.compare(
            {str(size): each for size, each in tries.items()}, 3, warm_up=False
        )
    for size, found in figures.items():
        rows.append(
            {
                "processes": int(size),
                "ratio": Spread.of([one.times[-1] / one.round_trip for one in found]),
                "waiters": Spread.of([one.waiters for one in found], _MILLI),
            }
        )
    return Table(
        f"Processes that wait for one renewal, which takes {delay:g} s.",
        [
            Column("processes", "processes"),
            Column("ratio", f"until all have it / one round trip, {_MEDIAN}"),
            Column("waiters", f"CPU ms of all waiters, {_MEDIAN}"),
        ],
        rows,
    )


def _sizes(options: Options) -> Table:
    import requests

    # A header of more than 64 KiB is sent by no client.
    sizes = (100, 1000) if options.quick else (100, 1000, 4000, 16_000, 60_000)
    url = requests.Request("GET", API).prepare()
    number = options.pick(300, 5)
    rows = []
    for size in sizes:
        place = options.place(OursRequests(), Login.made_up(size=size))
        auth: Any = OursRequests().auth(place)
        tries: dict[str, Callable[[], float]] = {
            "attach": lambda auth=auth: per_call(
                auth, [url.copy() for _ in range(number)]
            ),
            "open": partial(_seconds, partial(_open, place)),
            "save": partial(_seconds, partial(_save, place)),
        }
        figures = options.compare(tries, 7)
        rows.append(
            {
                "size": size,
                "attach": Spread.of(figures["attach"], _MICRO),
                "open": Spread.of(figures["open"], _MILLI),
                "save": Spread.of(figures["save"], _MILLI),
            }
        )
    return Table(
        "The size of an access token.",
        [
            Column("size", "characters"),
            Column("attach", f"CPU us to attach it, {_MEDIAN}"),
            Column("open", f"ms to find and open the login, {_MEDIAN}"),
            Column("save", f"ms to save it durably, {_MEDIAN}"),
        ],
        rows,
    )


def _save(place: Place) -> None:
    auth = OursRequests().auth(place)
    source = auth._resolved()
    with source.store.lock(source.record_id, timeout=5.0) as transaction:
        transaction.save(transaction.read().succeed())
