"""`steady`: constant load over many expiries."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.candidates import TWIN
from benchmarks.floors import FixedRequests
from benchmarks.login import Login, Place
from benchmarks.measure import percentile
from benchmarks.ours import OursRequests
from benchmarks.report import Column, Table
from benchmarks.workers import together
from oauth_auth.testing import TestingServer

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.options import Options
    from benchmarks.workers import Gate

__all__ = ["run"]

_MILLI = 1e3
_LIFE = 3.0
_DELAY = 0.1
_SECONDS = 7.0
_OK = 200
#: Requests a second of each process.
_RATE = 50.0
_PERCENTILES = (0.5, 0.9, 0.99, 0.999, 1.0)
_CURVE = (*(n / 100 for n in range(1, 100)), 0.995, 0.998, 0.999, 0.9995, 0.9999, 1.0)
_FLOOR = "floor: fixed header"
_MODES = {
    _FLOOR: {},
    "oauth_auth": {},
    TWIN: {},
    "oauth_auth, background=False": {"background": False},
}


def run(options: Options) -> list[Table]:
    """Measure with and without renewal in the background."""
    processes = options.pick(4, 1)
    life = 1.2 if options.quick else _LIFE
    delay = 0.02 if options.quick else _DELAY
    seconds = 1.0 if options.quick else _SECONDS
    with TestingServer() as server:
        tries = {
            name: partial(
                _load, options, server, _Load(name, life, seconds, delay), processes
            )
            for name in _MODES
        }
        figures = options.compare(tries, 3, warm_up=False)
    return [
        Table(
            f"{processes} processes send {_RATE:g} requests a second each for "
            f"{seconds:g} s, in turns; access tokens live for {life:g} s, and the "
            f"token endpoint takes {delay * _MILLI:g} ms.",
            [
                Column("who", "who"),
                Column("requests", "requests"),
                Column("failed", "failed"),
                Column("renewals", "renewals"),
                Column("waited", "requests that waited for one"),
                Column("p50", "p50, ms"),
                Column("p99", "p99, ms"),
                Column("p99.9", "p99.9, ms"),
                Column("p100", "longest, ms"),
            ],
            [_row(name, found) for name, found in figures.items()],
            [
                (
                    "Goal: no request waits. Latency counts from the moment at which "
                    "a request was due, so that one that is late makes those after it "
                    "late. The peers lose the login at the first expiry: see `storm`."
                ),
            ],
        )
    ]


class _Load(NamedTuple):
    """What each process does."""

    #: One of `_MODES`.
    mode: str
    #: Of access tokens, in seconds.
    life: float
    #: How long.
    seconds: float
    #: What the token endpoint takes, in seconds.
    delay: float


class _Outcome(NamedTuple):
    """What came of it."""

    #: In seconds.
    latencies: list[float]
    failed: int
    waited: int
    renewals: int


def _load(
    options: Options, server: TestingServer, load: _Load, processes: int
) -> _Outcome:
    fixed = load.mode == _FLOOR
    server.configure(access_token_lifetime=3600.0 if fixed else load.life)
    candidate = FixedRequests() if fixed else OursRequests()
    login = Login.at(server)
    # An exact one: the server says whole seconds.
    login = login._replace(expires_at=time.time() + load.life)
    place = options.place(candidate, login)
    server.token_faults.clear()
    server.token_faults.delay(before=load.delay, times=None)
    server.reset_counts()
    reports = together(_work, processes, load, place.directory)
    return _Outcome(
        latencies=[seconds for report in reports for seconds in report.latencies],
        failed=sum(report.failed for report in reports),
        waited=sum(report.waited for report in reports),
        renewals=server.counts().refreshes_granted,
    )


def _row(who: str, found: list[_Outcome]) -> dict[str, Any]:
    latencies = [seconds for one in found for seconds in one.latencies]
    row = {
        "who": who,
        "requests": len(latencies),
        "failed": sum(one.failed for one in found),
        "renewals": sum(one.renewals for one in found),
        "waited": sum(one.waited for one in found),
        "curve": [
            [part, round(percentile(latencies, part) * _MILLI, 3)] for part in _CURVE
        ],
    }
    for part in _PERCENTILES:
        row[f"p{part * 100:g}"] = percentile(latencies, part) * _MILLI
    return row


def _work(gate: Gate, number: int, load: _Load, directory: Path) -> _Outcome:
    """Be one of the processes."""
    place = Place.find(directory)
    waited = 0
    if load.mode == _FLOOR:
        session = FixedRequests().session(place)
    else:
        session = OursRequests().session(place, **_MODES[load.mode])
        attach = session.auth

        def timed(request: Any) -> Any:
            nonlocal waited
            start = time.monotonic()
            attached = attach(request)
            waited += time.monotonic() - start > load.delay / 2
            return attached

        session.auth = timed
    # Its connection.
    session.get(place.login.api_url, timeout=60.0)
    due = gate.pass_through() + number / _RATE / 10
    end = due + load.seconds
    latencies, failed = [], 0
    while due < end:
        time.sleep(max(0.0, due - time.monotonic()))
        status = session.get(place.login.api_url, timeout=60.0).status_code
        failed += status != _OK
        latencies.append(time.monotonic() - due)
        due += 1 / _RATE
    return _Outcome(latencies, failed, waited, renewals=0)
