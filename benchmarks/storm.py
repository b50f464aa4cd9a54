"""`storm`: many threads of many processes find the token expired at once."""

from __future__ import annotations

import collections
import logging
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.candidates import TWIN, find, installed
from benchmarks.floors import FlockByHand
from benchmarks.handoff import round_trip
from benchmarks.login import Login, Place
from benchmarks.measure import Spread
from benchmarks.ours import OursRequests
from benchmarks.peers import PEERS
from benchmarks.report import Column, Table
from benchmarks.workers import together
from oauth_auth.testing import TestingServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.candidate import Candidate
    from benchmarks.options import Options
    from benchmarks.workers import Gate

__all__ = ["run"]

_OK = 200
_SECONDS = 60.0


class _Storm(NamedTuple):
    """What came of one storm, and of the same with a valid token before."""

    token_requests: int
    succeeded: int
    lost: bool
    #: Seconds until the last request had its answer.
    seconds: float
    valid_seconds: float
    round_trip: float
    problems: dict[str, int]


def run(options: Options) -> list[Table]:
    """Measure oauth_auth, a floor, and the peers."""
    processes = options.processes or options.pick(64, 2)
    threads = options.threads or options.pick(8, 2)
    delay = 0.02 if options.quick else 0.1
    here, notes = installed(PEERS if options.peers else ())
    with TestingServer(rotation="strict") as server:
        server.token_faults.delay(before=delay, times=None)

        def tries(those: dict[str, Candidate]) -> dict[str, Callable[[], _Storm]]:
            return {
                name: partial(_storm, options, server, candidate, processes, threads)
                for name, candidate in those.items()
            }

        ours = OursRequests()
        figures = options.compare(
            tries({FlockByHand.name: FlockByHand(), ours.name: ours, TWIN: ours}), 5
        )
        # One, since the outcome is always the same.
        figures |= options.compare(
            tries({f"{peer.name} ({peer.library})": peer for peer in here}),
            1,
            warm_up=False,
        )
    total = processes * threads
    return [
        Table(
            f"{processes} processes x {threads} threads send a request each when the "
            "token has expired; refresh tokens rotate, and reuse revokes the login. "
            f"The token endpoint takes {delay:g} s.",
            [
                Column("who", "who"),
                Column("requests", "token requests"),
                Column("succeeded", f"of {total} requests succeeded"),
                Column("lost", "logins lost"),
                Column("time", "s until the last answer"),
                Column("valid", "s with a valid token"),
                Column("ratio", "against valid + one round trip"),
                Column("problem", "what failed requests got"),
            ],
            [_row(who, found) for who, found in figures.items()],
            [
                (
                    f"Goal: 1 token request, {total} of {total}, no login lost, at "
                    "most 1.1. Each process has one session for its threads. A peer "
                    "that fails fast takes little time."
                ),
                *notes,
            ],
        )
    ]


def _row(who: str, found: list[_Storm]) -> dict[str, Any]:
    problems = sum((collections.Counter(one.problems) for one in found), start=_none())
    return {
        "who": who,
        "requests": _range([one.token_requests for one in found]),
        "succeeded": _range([one.succeeded for one in found]),
        "lost": f"{sum(one.lost for one in found)} of {len(found)}",
        "time": Spread.of([one.seconds for one in found]),
        "valid": Spread.of([one.valid_seconds for one in found]),
        "ratio": Spread.of(
            [one.seconds / (one.valid_seconds + one.round_trip) for one in found]
        ),
        "problem": ", ".join(name for name, _ in problems.most_common(2)),
        "failed": max(sum(one.problems.values()) for one in found),
        "logins_lost": sum(one.lost for one in found),
        "mean_requests": sum(one.token_requests for one in found) / len(found),
        "mean_succeeded": sum(one.succeeded for one in found) / len(found),
    }


def _none() -> collections.Counter[str]:
    return collections.Counter()


def _range(values: list[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"


def _storm(
    options: Options,
    server: TestingServer,
    candidate: Candidate,
    processes: int,
    threads: int,
) -> _Storm:
    valid, expired = (
        options.place(
            candidate, Login.at(server, expired=expired, public=candidate.public)
        )
        for expired in (False, True)
    )
    trip = round_trip(server)
    server.reset_counts()
    reports = together(
        _work, processes, candidate.key, valid.directory, expired.directory, threads
    )
    counts = server.counts()
    problems = sum((report[1] for report in reports), start=_none())
    if problems.pop("valid", 0):
        raise RuntimeError(f"{candidate.name} failed with a valid token")
    succeeded = problems.pop(str(_OK), 0)
    return _Storm(
        token_requests=counts.token_requests,
        succeeded=succeeded,
        lost=counts.families_revoked > 0,
        seconds=max(seconds for (_, seconds), _ in reports),
        valid_seconds=max(seconds for (seconds, _), _ in reports),
        round_trip=trip,
        problems=dict(problems),
    )


def _work(
    gate: Gate, _: int, key: str, valid: Path, expired: Path, threads: int
) -> tuple[tuple[float, float], collections.Counter[str]]:
    """Be one of the processes: a storm with a valid token, then one without."""
    # Peers log what goes wrong, hundreds of times.
    logging.disable(logging.CRITICAL)
    first, outcomes = _burst(gate, key, valid, threads)
    failed = sum(outcomes.values()) - outcomes[str(_OK)]
    second, outcomes = _burst(gate, key, expired, threads)
    outcomes["valid"] = failed
    return (first, second), outcomes


def _burst(
    gate: Gate, key: str, directory: Path, threads: int
) -> tuple[float, collections.Counter[str]]:
    place = Place.find(directory)
    candidate: Any = find(key)
    session = candidate.session(place)
    outcomes: list[str] = []
    begin = threading.Event()

    def send() -> None:
        begin.wait()
        try:
            response = session.get(place.login.api_url, timeout=_SECONDS)
            outcomes.append(str(response.status_code))
        except Exception as error:  # noqa: BLE001  # any is a failed request
            outcomes.append(type(error).__name__)

    crowd = [threading.Thread(target=send) for _ in range(threads)]
    for thread in crowd:
        thread.start()
    start = gate.pass_through()
    begin.set()
    for thread in crowd:
        thread.join()
    return time.monotonic() - start, collections.Counter(outcomes)
