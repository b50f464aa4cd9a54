"""`tasks`: many tasks of one event loop find the token expired at once."""

from __future__ import annotations

import asyncio
import gc
import importlib
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.candidate import HttpxCandidate
from benchmarks.candidates import TWIN, installed, peers
from benchmarks.floors import FixedHttpx
from benchmarks.handoff import round_trip
from benchmarks.login import API, Login
from benchmarks.measure import Spread
from benchmarks.ours import OursHttpx2
from benchmarks.report import Column, Table
from oauth_auth.testing import TestingServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.options import Options

__all__ = ["run"]

_MILLI = 1e3
#: What the API takes for an answer, in seconds.
_API_SECONDS = 0.02
#: How often it is looked at whether the loop stands still, in seconds.
_TICK = 0.001


class _Burst(NamedTuple):
    """What came of one burst."""

    seconds: float
    #: The longest time by which the loop was late.
    stall: float
    token_requests: int
    succeeded: int


class _Figures(NamedTuple):
    """A burst at expiry, and one with a valid token before."""

    expired: _Burst
    valid: _Burst
    round_trip: float


def run(options: Options) -> list[Table]:
    """Measure on httpx2, and a peer for httpx alone on httpx."""
    tasks = options.pick(1000, 20)
    delay = 0.02 if options.quick else 0.1
    ours = OursHttpx2()
    here, notes = installed(peers(HttpxCandidate, wanted=options.peers))
    everybody: list[tuple[str, HttpxCandidate]] = [
        ("floor: fixed header", FixedHttpx("httpx2")),
        (ours.name, ours),
        (TWIN, ours),
        *((f"{peer.name} ({peer.library})", peer) for peer in here),
    ]
    with TestingServer() as server:
        server.token_faults.delay(before=delay, times=None)
        tries: dict[str, Callable[[], _Figures]] = {
            name: partial(_measure, options, server, candidate, tasks)
            for name, candidate in everybody
        }
        figures = options.compare(tries, 9)
    return [
        Table(
            f"{tasks:,} tasks of one loop call an API that takes "
            f"{_API_SECONDS * _MILLI:g} ms, one started after the other; the token has "
            f"expired, and the token endpoint takes {delay * _MILLI:g} ms.",
            [
                Column("who", "who"),
                Column("requests", "token requests"),
                Column("succeeded", "succeeded"),
                Column("time", "ms until the last answer"),
                Column("ratio", "against a valid token + one round trip"),
                Column("stall", "longest stall of the loop, ms"),
                Column("valid_stall", "with a valid token, ms"),
            ],
            [_row(who, found) for who, found in figures.items()],
            ["Goal: 1 token request, at most 1.1, a stall of at most 3 ms.", *notes],
        )
    ]


def _row(who: str, found: list[_Figures]) -> dict[str, Any]:
    fixed = who.startswith("floor")
    ratios = [
        one.expired.seconds / (one.valid.seconds + (0.0 if fixed else one.round_trip))
        for one in found
    ]
    return {
        "who": who,
        "requests": max(one.expired.token_requests for one in found),
        "succeeded": min(one.expired.succeeded for one in found),
        "time": Spread.of([one.expired.seconds for one in found], _MILLI),
        "ratio": Spread.of(ratios),
        "stall": Spread.of([one.expired.stall for one in found], _MILLI),
        "valid_stall": Spread.of([one.valid.stall for one in found], _MILLI),
    }


def _measure(
    options: Options, server: TestingServer, candidate: HttpxCandidate, tasks: int
) -> _Figures:
    trip = round_trip(server)
    bursts = []
    for expired in (True, False):
        login = Login.at(server, expired=expired, public=candidate.public)
        place = options.place(candidate, login)
        server.reset_counts()
        seconds, stall, succeeded = asyncio.run(
            _burst(
                importlib.import_module(candidate.library),
                partial(candidate.async_client, place),
                tasks,
            )
        )
        requests = server.counts().token_requests
        bursts.append(_Burst(seconds, stall, requests, succeeded))
    return _Figures(*bursts, trip)


async def _burst(
    module: Any, make: Callable[..., Any], tasks: int
) -> tuple[float, float, int]:
    succeeded = 0

    async def call() -> None:
        nonlocal succeeded
        response = await client.get(API)
        succeeded += response.is_success

    async with make(transport=_slow_api(module)) as client:
        gc.collect()
        ticker = asyncio.create_task(_stall())
        await asyncio.sleep(_TICK * 5)
        start = time.perf_counter()
        running = []
        for _ in range(tasks):
            running.append(asyncio.create_task(call()))
            # Else the loop would stand still while all of them start.
            await asyncio.sleep(0)
        await asyncio.gather(*running, return_exceptions=True)
        seconds = time.perf_counter() - start
        ticker.cancel()
        return seconds, await ticker, succeeded


async def _stall() -> float:
    """Return the longest time by which a short sleep came back late."""
    longest = 0.0
    try:
        while True:
            due = time.perf_counter() + _TICK
            await asyncio.sleep(_TICK)
            longest = max(longest, time.perf_counter() - due)
    except asyncio.CancelledError:
        return longest


def _slow_api(module: Any) -> Any:
    """Return a transport that answers after a while; it passes token requests on."""

    class Transport(module.AsyncBaseTransport):
        def __init__(self) -> None:
            self._network = module.AsyncHTTPTransport()

        async def handle_async_request(self, request: Any) -> Any:
            if str(request.url) != API:
                return await self._network.handle_async_request(request)
            await asyncio.sleep(_API_SECONDS)
            return module.Response(200, request=request)

        async def aclose(self) -> None:
            await self._network.aclose()

    return Transport()
