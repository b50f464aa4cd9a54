"""Both runs: all workers on one store, and then each with a cache of its own."""

from __future__ import annotations

import math
import random
import signal
import time
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, NamedTuple

from oauth_auth.cli.demo.crew import Crew
from oauth_auth.cli.demo.figures import (
    Failure,
    Figures,
    Outcome,
    View,
    WithoutSharedCache,
)
from oauth_auth.cli.demo.slots import Cell
from oauth_auth.cli.demo.worker import Job
from oauth_auth.testing import TestingServer

if TYPE_CHECKING:
    import threading

    from oauth_auth.cli.demo.screen import Screen
    from oauth_auth.testing import TokenRequest
    from oauth_auth.testing.settings import Rotation

__all__ = ["ACCESS_TOKEN_LIFETIME", "GRACE", "run"]

#: Seconds that an access token lives.
ACCESS_TOKEN_LIFETIME: Final = 2.0
#: Seconds in which the server answers a spent refresh token as the first time, so that
#: the answer that a killed worker was waiting for is not lost.
GRACE: Final = 5.0
#: Seconds without a shared cache, at most: all is lost in the first.
_WITHOUT: Final = 3.0
#: Seconds between two looks.
_LOOK: Final = 0.25
#: Seconds until the first kill, and between kills.
_FIRST_KILL: Final = (0.2, 0.8)
_KILLS: Final = (0.5, 2.5)


class _Result(NamedTuple):
    elapsed: float
    figures: Figures
    failures: tuple[Failure, ...]
    logged_out_after: float | None


def run(
    *,
    seconds: float,
    workers: int,
    kills: bool,
    seed: int | None,
    screen: Screen,
    stop: threading.Event,
) -> Outcome:
    """Run the demo.

    Args:
        seconds: How long the workers share a cache.
        workers: How many processes.
        kills: Whether to kill some of them.
        seed: Decides when and which; None for chance.
        screen: Where progress is shown.
        stop: Ends the demo early.

    Raises:
        RuntimeError: The testing server did not start.
    """
    killer = _Killer(seed) if kills else None
    shared = _run(seconds, workers, screen, stop, rotation="grace", killer=killer)
    outcome = Outcome(shared.elapsed, workers, shared.figures, shared.failures, None)
    if stop.is_set():
        return outcome
    alone = _run(min(_WITHOUT, seconds / 2), workers, screen, stop, rotation="strict")
    if stop.is_set():
        return outcome  # half a comparison would say something wrong
    without = WithoutSharedCache(
        requests=alone.figures.requests,
        failures=alone.figures.failures,
        renewals=alone.figures.renewals,
        reuse_detected=alone.figures.reuse_detected,
        logged_out_after_seconds=alone.logged_out_after,
    )
    return outcome._replace(without=without)


class _Killer:
    """Kills workers at random moments."""

    def __init__(self, seed: int | None) -> None:
        self._chance: Final = random.Random(seed)  # noqa: S311  # no secret is made
        self.next: float = self._chance.uniform(*_FIRST_KILL)

    def kill_if_due(self, crew: Crew, elapsed: float) -> None:
        if elapsed >= self.next:
            crew.kill_one(self._chance)
            self.next = elapsed + self._chance.uniform(*_KILLS)


def _run(
    seconds: float,
    workers: int,
    screen: Screen,
    stop: threading.Event,
    *,
    rotation: Rotation,
    killer: _Killer | None = None,
) -> _Result:
    shared = rotation == "grace"
    with (
        TemporaryDirectory(
            prefix="oauth-auth-demo-", ignore_cleanup_errors=True
        ) as name,
        _server(rotation) as server,
    ):
        directory = Path(name)
        with Crew(_job(server, directory, shared=shared), workers, directory) as crew:
            watch = _Watch(server, crew, seconds, screen, shared=shared)
            crew.wait_ready(stop)
            started = time.time()
            if not stop.is_set():
                crew.begin(stop)
                watch.follow(killer, stop)
            elapsed, ended = watch.elapsed, time.time()
            crew.stop()
            figures = watch.figures(ended)
            return _Result(
                elapsed,
                figures,
                tuple(sorted(crew.failures())),
                _refused_after(server, started) if figures.logouts else None,
            )


def _server(rotation: Rotation) -> TestingServer:
    """Start a server that signals to all our processes do not end before the demo.

    A terminal and ``timeout`` send them so. What is blocked while a process starts is
    blocked in it; here it is only held back meanwhile.
    """
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    blockable = hasattr(signal, "pthread_sigmask")  # not on Windows
    if blockable:
        numbers = [getattr(signal, name) for name in names]
        before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        return TestingServer(
            access_token_lifetime=ACCESS_TOKEN_LIFETIME, rotation=rotation, grace=GRACE
        )
    finally:
        if blockable:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _job(server: TestingServer, directory: Path, *, shared: bool) -> Job:
    seed_file = directory / "refresh_token"
    seed_file.write_text(
        server.issue(client=server.public_client_id)["refresh_token"], "ascii"
    )
    return Job(
        issuer=server.issuer,
        client_id=server.public_client_id,
        api_url=server.api_url,
        seed_file=str(seed_file),
        store=str(directory / "store") if shared else None,
        library="",
        slot="",
        interval=0.0,
    )


class _Watch:
    """Follows a run, and shows it."""

    def __init__(
        self,
        server: TestingServer,
        crew: Crew,
        seconds: float,
        screen: Screen,
        *,
        shared: bool,
    ) -> None:
        self._server: Final = server
        self._crew: Final = crew
        self._seconds: Final = seconds
        self._screen: Final = screen
        self._shared: Final = shared
        self._started: float | None = None
        self._show()

    @property
    def elapsed(self) -> float:
        """Seconds since the workers began."""
        return 0.0 if self._started is None else time.monotonic() - self._started

    def follow(self, killer: _Killer | None, stop: threading.Event) -> None:
        """Watch until the time is over or `stop` is set."""
        self._started = time.monotonic()
        look = 0.0
        while not stop.is_set() and self.elapsed < self._seconds:
            if killer is not None:
                killer.kill_if_due(self._crew, self.elapsed)
            if self.elapsed >= look:
                self._crew.inspect()
                self._show()
                look = self.elapsed + _LOOK
            until = min(look, self._seconds, killer.next if killer else math.inf)
            stop.wait(max(0.0, until - self.elapsed))
        self._show()

    def figures(self, now: float) -> Figures:
        """Return what has happened so far.

        Args:
            now: Access tokens that expire later have not expired.
        """
        counts = self._server.counts()
        crew = self._crew
        lost = int(crew.total(Cell.LOGOUTS) > 0)
        return Figures(
            requests=crew.total(Cell.REQUESTS),
            failures=crew.total(Cell.FAILURES),
            renewals=counts.refreshes_granted,
            expiries=_expired(self._server.token_log(), now),
            logouts=max(counts.families_revoked, lost),
            reuse_detected=counts.reuse_detected,
            workers_killed=crew.killed,
        )

    def _show(self) -> None:
        self._screen.show(
            View(
                self._shared,
                min(self.elapsed, self._seconds),
                self._seconds,
                self.figures(time.time()),
                self._crew.rows(),
            )
        )


def _expired(log: tuple[TokenRequest, ...], now: float) -> int:
    """Return how many access tokens were issued and have expired.

    A replay within the grace window brings the token of the first time again.
    """
    issued: dict[str | None, float] = {}
    for request in log:
        if request.status == HTTPStatus.OK:
            issued.setdefault(request.refresh_token, request.time)
    return sum(time + ACCESS_TOKEN_LIFETIME <= now for time in issued.values())


def _refused_after(server: TestingServer, started: float) -> float | None:
    """Return when the server first refused a refresh, in seconds after the start."""
    refused = [r.time for r in server.token_log() if r.status != HTTPStatus.OK]
    return round(min(refused) - started, 2) if refused else None
