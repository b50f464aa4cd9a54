"""One worker process: sends requests, and counts what came of them.

It is started with a `Job` as JSON in its arguments, and says in its slot when it is
ready. The first byte on standard input starts it; the end of standard input, which
the death of the demo brings too, stops it after the request under way.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from oauth_auth.cli.demo.slots import Cell, Slot

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from oauth_auth import OAuthAuth

__all__ = ["LIBRARIES", "Job", "main"]

#: What the workers use, in turn; the first three are the three libraries.
LIBRARIES: Final = ("requests", "httpx", "httpx2", "httpx async", "httpx2 async")
#: Seconds. Only a request that hangs is to fail, not one on a busy machine.
_TIMEOUT: Final = 60.0
#: Requests that an async worker has under way at once.
_TASKS: Final = 4


class Job(NamedTuple):
    """What a worker is to do. Holds no secret: other users can read arguments."""

    issuer: str
    client_id: str
    api_url: str
    #: Holds the refresh token.
    seed_file: str
    #: The directory of the shared store; None for a cache of its own.
    store: str | None
    #: One of `LIBRARIES`.
    library: str
    slot: str
    #: Seconds between two requests.
    interval: float


def main() -> None:
    """Work until standard input ends."""
    job = Job(**json.loads(sys.argv[1]))
    with Slot(Path(job.slot)) as slot:
        work = _worker(job, slot)
        slot[Cell.READY] = 1
        os.read(0, 1)
        stop = threading.Event()
        threading.Thread(target=_watch, args=(stop,), daemon=True).start()
        work(stop)


def _watch(stop: threading.Event) -> None:
    # Not sys.stdin, whose lock this thread would still hold at interpreter exit.
    os.read(0, 1)
    stop.set()


def _worker(job: Job, slot: Slot) -> Callable[[threading.Event], None]:
    """Import the library and return the loop."""
    auth = _auth(job)
    if job.library == "requests":
        import requests

        session = requests.Session()
        session.auth = auth

        def get() -> int:
            return session.get(job.api_url, timeout=_TIMEOUT).status_code

        return lambda stop: _send(get, slot, job.interval, stop)
    httpx = _httpx(job.library)
    if job.library.endswith("async"):

        async def aget(client: Any) -> int:
            status: int = (await client.get(job.api_url)).status_code
            return status

        async def tasks(stop: threading.Event) -> None:
            async with httpx.AsyncClient(auth=auth, timeout=_TIMEOUT) as client:
                interval = job.interval * _TASKS
                loops = [
                    _asend(lambda: aget(client), slot, interval, stop)
                    for _ in range(_TASKS)
                ]
                await asyncio.gather(*loops)

        return lambda stop: asyncio.run(tasks(stop))
    client = httpx.Client(auth=auth, timeout=_TIMEOUT)
    return lambda stop: _send(
        lambda: client.get(job.api_url).status_code, slot, job.interval, stop
    )


def _httpx(library: str) -> Any:
    if library.startswith("httpx2"):
        import httpx2

        return httpx2
    import httpx

    return httpx


def _auth(job: Job) -> OAuthAuth:
    from oauth_auth import FileStore, FromFile, MemoryStore, OAuthAuth, RefreshToken

    return OAuthAuth(
        RefreshToken(
            job.issuer,
            client_id=job.client_id,
            refresh_token=FromFile(job.seed_file),
        ),
        store=MemoryStore() if job.store is None else FileStore(job.store),
    )


def _send(
    get: Callable[[], int], slot: Slot, interval: float, stop: threading.Event
) -> None:
    pace = _Pace(interval)
    while not stop.wait(pace.pause()):
        try:
            status = get()
        except Exception as error:  # noqa: BLE001  # any is a failed request
            slot.raised(error)
        else:
            slot.succeeded_or_not(status)


async def _asend(
    get: Callable[[], Awaitable[int]],
    slot: Slot,
    interval: float,
    stop: threading.Event,
) -> None:
    pace = _Pace(interval)
    while not stop.is_set():
        await asyncio.sleep(pace.pause())
        try:
            status = await get()
        except Exception as error:  # noqa: BLE001  # any is a failed request
            slot.raised(error)
        else:
            slot.succeeded_or_not(status)


class _Pace:
    """Bounds the rate, without a burst after a delay."""

    def __init__(self, interval: float) -> None:
        self._interval: Final = interval
        self._next = time.monotonic()

    def pause(self) -> float:
        """Return the seconds to wait for the next request."""
        now = time.monotonic()
        self._next = max(self._next + self._interval, now)
        return self._next - now


if __name__ == "__main__":
    main()
