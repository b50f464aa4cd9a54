"""`steady`: constant load over many expiries."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

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
_OK = 200
#: Requests a second of each process.
_RATE = 50.0
_PERCENTILES = (0.5, 0.9, 0.99, 0.999, 1.0)
_CURVE = (*(n / 100 for n in range(1, 100)), 0.995, 0.998, 0.999, 0.9995, 0.9999, 1.0)
_FLOOR = "floor: fixed header"
_MODES = {
    _FLOOR: {},
    "oauth_auth": {},
    "oauth_auth, background=False": {"background": False},
}


def run(options: Options) -> list[Table]:
    """Measure with and without renewal in the background."""
    processes = options.pick(4, 1)
    seconds = options.pick(20, 1)
    life = 1.2 if options.quick else _LIFE
    delay = 0.02 if options.quick else _DELAY
    rows = []
    with TestingServer(access_token_lifetime=life) as server:
        for name in _MODES:
            server.configure(access_token_lifetime=3600.0 if name == _FLOOR else life)
            candidate = FixedRequests() if name == _FLOOR else OursRequests()
            login = Login.at(server)
            login = login._replace(expires_at=time.time() + life)
            place = options.place(candidate, login)
            server.token_faults.clear()
            server.token_faults.delay(before=delay, times=None)
            server.reset_counts()
            load = _Load(name, place.directory, float(seconds), delay)
            reports = together(_work, processes, load)
            renewals = server.counts().refreshes_granted
            rows.append(_row(name, reports, renewals))
    return [
        Table(
            f"{processes} processes send {_RATE:g} requests a second each for "
            f"{seconds} s; access tokens live for {life:g} s, and the token endpoint "
            f"takes {delay * _MILLI:g} ms.",
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
            rows,
            [
                (
                    "Goal: no request waits. Latency counts from the moment at which "
                    "a request was due, so that one that is late makes those after it "
                    "late. The peers lose the login at the first expiry: see `storm`."
                ),
            ],
        )
    ]


def _row(who: str, reports: list[Any], renewals: int) -> dict[str, Any]:
    latencies = [seconds for report in reports for seconds in report[0]]
    row = {
        "who": who,
        "requests": len(latencies),
        "failed": sum(report[1] for report in reports),
        "renewals": renewals,
        "waited": sum(report[2] for report in reports),
        "curve": [
            [part, round(percentile(latencies, part) * _MILLI, 3)] for part in _CURVE
        ],
    }
    for part in _PERCENTILES:
        row[f"p{part * 100:g}"] = percentile(latencies, part) * _MILLI
    return row


class _Load(NamedTuple):
    """What each process does."""

    #: One of `_MODES`.
    mode: str
    directory: Path
    #: How long.
    seconds: float
    #: What the token endpoint takes, in seconds.
    delay: float


def _work(gate: Gate, number: int, load: _Load) -> tuple[list[float], int, int]:
    """Be one of the processes; return latencies, failures, and how many waited."""
    place = Place.find(load.directory)
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
    return latencies, failed, waited
