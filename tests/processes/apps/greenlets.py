"""Programs in which gevent has made greenlets of threads."""

# ruff: noqa: E402  # gevent wants to patch before anything else is imported
import sys

SCENE = sys.argv[1]
if SCENE != "late":
    import gevent.monkey

    gevent.monkey.patch_all()

import time
import warnings

import requests

from oauth_auth.testing import TestingServer
from tests.processes.programs import say
from tests.processes.through import login_through

COUNT = 50
FLIGHTS = 300


def main():
    if SCENE == "flights":
        share_flights()
        return
    token_endpoint, issuer, path, seed = sys.argv[2:]
    server = TestingServer.connect(issuer)
    auth = login_through(token_endpoint, server, path, seed, timeout=60)
    if SCENE == "late":
        patch_late(auth)
    import gevent

    def send():
        return requests.get(server.api_url, auth=auth, timeout=60).status_code

    def tick():
        while server.counts().token_requests == 0:
            gevent.sleep(0.01)
        say("the loop runs")

    pool = gevent.get_hub().threadpool
    if SCENE == "stale":
        # A renewal in the background, begun on a thread that does not wait for it.
        held = auth._resolved().look()
        held.fresh_until = time.time() - 1
        say(pool.spawn(send).get())
        say(gevent.spawn(send).get())
        while auth._resolved().held is held:
            gevent.sleep(0.01)
        return
    if SCENE == "pool":
        # gevent's locks for imports hang where real threads import the same module.
        auth._resolved().look()
    tasks = [gevent.spawn(send) for _ in range(COUNT)]
    if SCENE == "pool":
        tasks += [pool.spawn(send) for _ in range(5)]
    gevent.spawn(tick)
    statuses = [task.get() for task in tasks]
    say(*sorted(set(statuses)), len(statuses))


def share_flights():
    """Have greenlets and real threads start and join flights all the time."""
    import gevent

    from oauth_auth import flight

    def fly():
        return sum(flight.join("a record", lambda _: 1).wait() for _ in range(FLIGHTS))

    say(
        type(flight._state.guard)
        is type(gevent.monkey.get_original("threading", "Lock")())
    )
    # So that threads are stopped amid what they guard.
    sys.setswitchinterval(1e-5)
    pool = gevent.get_hub().threadpool
    tasks = [gevent.spawn(fly) for _ in range(COUNT)]
    tasks += [pool.spawn(fly) for _ in range(5)]
    say(sum(task.get() for task in tasks))


def patch_late(auth):
    """Patch when the package, its locks and a token are there already."""
    auth._resolved().look()
    import gevent.monkey

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of urllib3, which has imported ssl before
        gevent.monkey.patch_all()


if __name__ == "__main__":
    main()
