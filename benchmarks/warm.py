"""`warm`: to attach a token that is there, and nothing else."""

from __future__ import annotations

import importlib
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.candidate import HttpxCandidate, RequestsCandidate
from benchmarks.candidates import TWIN, installed, peers
from benchmarks.floors import FixedHttpx, FixedRequests
from benchmarks.login import API
from benchmarks.measure import Spread, per_call, per_call_async, ratio
from benchmarks.ours import OursHttpx, OursHttpx2, OursRequests
from benchmarks.report import Column, Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.options import Options

__all__ = ["per_client", "run"]

_COLUMNS = [
    Column("library", "library"),
    Column("who", "who"),
    Column("time", "CPU us per request, median (min to max)"),
    Column("ratio", "against the floor"),
]
_MICRO = 1e6


def run(options: Options) -> list[Table]:
    """Measure every adapter."""
    rows, notes = per_client(options, _requests, _httpx, rounds=31)
    return [
        Table(
            "Attach a warm token to a prepared request (httpx: run the whole auth "
            "flow with a 200).",
            _COLUMNS,
            rows,
            [
                (
                    "Goal: at most 2 times the floor. Of the peers only those with a "
                    "check of the expiry do the same work; Authlib's auth object for "
                    "httpx2 has none, its client checks before."
                ),
                *notes,
            ],
        )
    ]


def per_client(
    options: Options,
    of_requests: Callable[[Options], tuple[dict[str, Callable[[], float]], list[str]]],
    of_httpx: Callable[..., tuple[dict[str, Callable[[], float]], list[str]]],
    *,
    rounds: int,
) -> tuple[list[dict[str, Any]], list[str]]:
    """Compare each client's candidates; return rows, and notes on what is missing."""
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    for client, tries, missing in (
        ("requests", *of_requests(options)),
        ("httpx", *of_httpx(options, "httpx", asynchronous=False)),
        ("httpx async", *of_httpx(options, "httpx", asynchronous=True)),
        ("httpx2", *of_httpx(options, "httpx2", asynchronous=False)),
        ("httpx2 async", *of_httpx(options, "httpx2", asynchronous=True)),
    ):
        rows += _compared(client, tries, options, rounds=rounds)
        notes += [note for note in missing if note not in notes]
    return rows, notes


def _compared(
    library: str,
    tries: dict[str, Callable[[], float]],
    options: Options,
    *,
    rounds: int,
) -> list[dict[str, Any]]:
    """Run candidates against each other, the floor first, and return rows."""
    figures = options.compare(tries, rounds)
    floor = next(iter(figures.values()))
    return [
        {
            "library": library,
            "who": who,
            "time": Spread.of(values, _MICRO),
            "ratio": ratio(values, floor),
        }
        for who, values in figures.items()
    ]


def _requests(options: Options) -> tuple[dict[str, Callable[[], float]], list[str]]:
    import requests

    number = options.pick(1000, 10)
    url = requests.Request("GET", API).prepare()

    def attaching(attach: Callable[[Any], object]) -> float:
        # Anew each time: hooks are added to them.
        return per_call(attach, [url.copy() for _ in range(number)])

    ours = OursRequests()
    here, notes = installed(peers(RequestsCandidate, wanted=options.peers))
    everybody: list[tuple[str, RequestsCandidate]] = [
        (FixedRequests.name, FixedRequests()),
        (ours.name, ours),
        (TWIN, ours),
        *((peer.name, peer) for peer in here),
    ]
    tries = {
        name: partial(attaching, candidate.attach(options.place(candidate)))
        for name, candidate in everybody
    }
    return tries, notes


def _httpx(
    options: Options, library: str, *, asynchronous: bool
) -> tuple[dict[str, Callable[[], float]], list[str]]:
    module = importlib.import_module(library)
    number = options.pick(1000, 10)
    measure = _async_flows if asynchronous else _sync_flows
    ours = OursHttpx() if library == "httpx" else OursHttpx2()
    here, notes = installed(
        peer
        for peer in peers(HttpxCandidate, wanted=options.peers)
        if peer.library == library
    )
    everybody: list[tuple[str, HttpxCandidate]] = [
        (FixedHttpx.name, FixedHttpx(library)),
        (ours.name, ours),
        (TWIN, ours),
        *((peer.name, peer) for peer in here),
    ]
    tries = {
        name: partial(measure, module, candidate.auth(options.place(candidate)), number)
        for name, candidate in everybody
    }
    return tries, notes


def _exchanges(module: Any, number: int) -> list[tuple[Any, Any]]:
    requests = [module.Request("GET", API) for _ in range(number)]
    return [(request, module.Response(200, request=request)) for request in requests]


def _sync_flows(module: Any, auth: Any, number: int) -> float:
    def attach(exchange: tuple[Any, Any]) -> None:
        request, response = exchange
        flow = auth.sync_auth_flow(request)
        next(flow)
        try:
            flow.send(response)
        except StopIteration:
            return

    return per_call(attach, _exchanges(module, number))


def _async_flows(module: Any, auth: Any, number: int) -> float:
    async def attach(exchange: tuple[Any, Any]) -> None:
        request, response = exchange
        flow = auth.async_auth_flow(request)
        await anext(flow)
        try:
            await flow.asend(response)
        except StopAsyncIteration:
            return

    return per_call_async(attach, _exchanges(module, number))
