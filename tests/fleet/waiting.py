"""How long real processes wait for one renewal, against one token round trip."""

import contextlib
import os
import statistics
import tempfile
import time
from pathlib import Path

from oauth_auth import sources
from oauth_auth.stores.keys import new_key
from oauth_auth.testing import TestingServer
from tests.fleet.hosts import SharedPlace
from tests.processes.fleet import FORK, in_foreman
from tests.processes.workers import expire
from tests.servers import machines

REPEATS = 3


def compare(processes, seconds, say):
    """Print the ratio for each store.

    Args:
        processes: How many wait.
        seconds: What a token request takes.
        say: Prints a line.
    """
    os.environ["OAUTH_AUTH_KEY"] = new_key().reveal()
    say(
        f"{processes} processes, a token request of {seconds:g} s; median of {REPEATS} "
        "(least, most)\n\n| store | until all have the token / one round trip |\n"
        "| --- | ---: |"
    )
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(TestingServer())
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = stack.enter_context(machines.directory_for("redis"))
        postgres = stack.enter_context(machines.directory_for("postgres"))
        stores = {
            "FileStore": str(home / "store"),
            "RedisStore": stack.enter_context(machines.Redis(redis)).url,
            "PostgresStore": stack.enter_context(machines.Postgres(postgres)).dsn(),
        }
        for name, address in stores.items():
            place = SharedPlace(server, address, home / "home")
            ratios = in_foreman(_ratios, place, processes, seconds)
            say(
                f"| {name} | {statistics.median(ratios):.2f} "
                f"({min(ratios):.2f}, {max(ratios):.2f}) |"
            )


def _ratios(place, processes, seconds):
    place.log_in()
    auth = place.auth(0, timeout=10.0)
    auth.token()
    ratios = []
    for _ in range(REPEATS):
        place.server.token_faults.delay(after=seconds, times=None)
        alone = _alone(auth)
        expire(auth)
        place.server.reset_counts()
        ratios.append(_together(place, processes) / alone)
        assert place.server.counts().token_requests == 1
    return ratios


def _alone(auth):
    auth._resolved().look()  # else it would be content with what the others have
    began = time.monotonic()
    auth.renew()
    return time.monotonic() - began


def _together(place, processes):
    barrier = FORK.Barrier(processes + 1)
    ends = FORK.SimpleQueue()
    workers = [
        FORK.Process(target=_wait, args=(place, number, barrier, ends))
        for number in range(1, processes + 1)
    ]
    for worker in workers:
        worker.start()
    barrier.wait()
    began = time.monotonic()
    last = max(ends.get() for _ in workers)
    for worker in workers:
        worker.join()
    return last - began


def _wait(place, number, barrier, ends):
    sources._sources.clear()  # what its parent knows, another machine would not
    auth = place.auth(number, timeout=10.0)
    auth._resolved()
    auth._terms_for(None)
    barrier.wait()
    auth.token()
    ends.put(time.monotonic())
