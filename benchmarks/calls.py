"""`calls`: a whole call of each client, with a transport that answers at once."""

from __future__ import annotations

import importlib
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.candidate import HttpxCandidate, RequestsCandidate
from benchmarks.candidates import TWIN, installed, peers
from benchmarks.floors import FixedHttpx, FixedRequests, IdleHttpx, IdleRequests
from benchmarks.login import API
from benchmarks.measure import Spread, per_call, per_call_async
from benchmarks.noop import NoopAdapter, noop_transport
from benchmarks.ours import OursHttpx, OursHttpx2, OursRequests, grant_of, store_at
from benchmarks.report import Column, Table
from benchmarks.warm import per_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.options import Options

__all__ = ["run"]

_COLUMNS = [
    Column("library", "client"),
    Column("who", "who"),
    Column("time", "CPU us per call, median (min to max)"),
    Column("ratio", "against a fixed header"),
]
_FLOOR = "floor: fixed header"
_MICRO = 1e6


def run(options: Options) -> list[Table]:
    """Measure every client, and new objects."""
    rows, notes = per_client(options, _requests, _httpx, rounds=21)
    return [
        Table(
            "A whole warm call, sent nowhere.",
            _COLUMNS,
            rows,
            [
                (
                    "Goal: at most 0.90 with requests (which looks into ~/.netrc for a "
                    "client without auth), 1.01 with httpx and httpx2. What an auth "
                    "that does nothing takes, no package can do without."
                ),
                *notes,
            ],
        ),
        _new_objects(options),
    ]


def _requests(options: Options) -> tuple[dict[str, Callable[[], float]], list[str]]:
    number = options.pick(100, 3)

    def calling(session: Any) -> float:
        return per_call(session.get, [API] * number)

    ours = OursRequests()
    here, notes = installed(peers(RequestsCandidate, wanted=options.peers))
    everybody: list[tuple[str, RequestsCandidate]] = [
        (_FLOOR, FixedRequests()),
        (IdleRequests.name, IdleRequests()),
        (ours.name, ours),
        (TWIN, ours),
        *((peer.name, peer) for peer in here),
    ]
    tries = {
        name: partial(
            calling, candidate.mounted(options.place(candidate), NoopAdapter())
        )
        for name, candidate in everybody
    }
    return tries, notes


def _httpx(
    options: Options, library: str, *, asynchronous: bool
) -> tuple[dict[str, Callable[[], float]], list[str]]:
    number = options.pick(100, 3)
    transport = noop_transport(importlib.import_module(library))
    ours = OursHttpx() if library == "httpx" else OursHttpx2()
    here, notes = installed(
        peer
        for peer in peers(HttpxCandidate, wanted=options.peers)
        if peer.library == library
    )
    everybody: list[tuple[str, HttpxCandidate]] = [
        (_FLOOR, FixedHttpx(library)),
        (IdleHttpx.name, IdleHttpx(library)),
        (ours.name, ours),
        (TWIN, ours),
        *((peer.name, peer) for peer in here),
    ]
    tries: dict[str, Callable[[], float]] = {}
    for name, candidate in everybody:
        make = candidate.async_client if asynchronous else candidate.client
        client = make(options.place(candidate), transport=transport)
        tries[name] = partial(_async_calls if asynchronous else _calls, client, number)
    return tries, notes


def _calls(client: Any, number: int) -> float:
    return per_call(client.get, [API] * number)


def _async_calls(client: Any, number: int) -> float:
    return per_call_async(client.get, [API] * number)


def _new_objects(options: Options) -> Table:
    """Measure what it costs to build everything anew for each request."""
    import requests

    from oauth_auth import (
        AuthorizationServer,
        FileStore,
        MemoryStore,
        OAuthAuth,
        RefreshToken,
    )
    from oauth_auth.http_clients.requests import RequestsAuth

    ours = OursRequests()
    place = options.place(ours)
    store = store_at(place.directory)
    grant = grant_of(place)
    url = requests.Request("GET", API).prepare()
    number = options.pick(300, 3)
    machine, credentials = _machine_store(MemoryStore()), _credentials()
    login, path = place.login, str(store.path)

    def token() -> Any:
        # As in `grant_of`, but what a program imports once counts once.
        return RefreshToken(
            AuthorizationServer(token_endpoint=login.token_endpoint),
            client_id=login.client_id,
            client_secret=login.client_secret,
            refresh_token=login.refresh_token,
        )

    def measured(make: Callable[[], Any]) -> float:
        def once(request: requests.PreparedRequest) -> None:
            make()(request)

        return per_call(once, [url.copy() for _ in range(number)])

    tries = {
        "RequestsAuth, grant and store at hand": partial(
            measured, lambda: RequestsAuth(grant, store=store)
        ),
        "the same again (A/A)": partial(
            measured, lambda: RequestsAuth(grant, store=store)
        ),
        "OAuthAuth, grant and store at hand": partial(
            measured, lambda: OAuthAuth(grant, store=store)
        ),
        "OAuthAuth and its RefreshToken": partial(
            measured, lambda: OAuthAuth(token(), store=store)
        ),
        "OAuthAuth and its ClientCredentials": partial(
            measured, lambda: OAuthAuth(credentials(), store=machine)
        ),
        "OAuthAuth, RefreshToken and FileStore": partial(
            measured, lambda: OAuthAuth(token(), store=FileStore(path))
        ),
    }
    figures = options.compare(tries, 21)
    return Table(
        "A new object for every call: build it, and attach the token.",
        [Column("what", "what is new"), Column("time", "CPU us, median (min to max)")],
        [
            {"what": what, "time": Spread.of(values, _MICRO)}
            for what, values in figures.items()
        ],
        ["Goal: at most 20 us."],
    )


def _credentials() -> Callable[[], Any]:
    from oauth_auth import AuthorizationServer, ClientCredentials

    return lambda: ClientCredentials(
        AuthorizationServer(token_endpoint="https://auth.example.com/token"),
        client_id="reports",
        client_secret="made-up secret",
        scope="reports:read",
    )


def _machine_store(store: Any) -> Any:
    """Put a token of client credentials into a store."""
    import time

    from oauth_auth.token import Token
    from oauth_auth.token_auth import TokenAuth

    source = TokenAuth(_credentials()(), store=store)._resolved()
    now = time.time()
    token = Token("a" * 40, expires_at=now + 3600.0, obtained_at=now)
    with store.lock(source.record_id, timeout=5.0) as transaction:
        transaction.save(transaction.read().succeed(token=token, lineage="made up"))
    return store
