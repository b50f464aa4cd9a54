"""Worker processes that use one login at the same time."""

import collections
import threading
import time

import httpx
import httpx2
import requests

from oauth_auth import ClientCredentials, OAuthAuth, RefreshToken
from oauth_auth.stores.places import store_at
from tests.processes.starting import LOADED

GETS = (requests.get, httpx.get, httpx2.get)


def login(server, path, seed, **settings):
    """Return the auth object that every worker builds."""
    grant = RefreshToken(
        server.issuer,
        client_id=server.client_id,
        client_secret=server.client_secret,
        refresh_token=seed,
    )
    return OAuthAuth(grant, store=store_at(str(path)), **settings)


def machine(server, path, seed, **settings):
    """Return the auth object of a client without a person."""
    grant = ClientCredentials(
        server.issuer, client_id=server.client_id, client_secret=server.client_secret
    )
    return OAuthAuth(grant, store=store_at(str(path)), **settings)


def expire(auth, lifetime=1000.0):
    """Age the token in the store, so that every worker finds it expired."""
    source = auth._resolved()
    token = source.look().token
    end = time.time() - 1.0
    aged = type(token)(
        token._access_token,
        expires_at=end,
        obtained_at=end - lifetime,
        refresh_token=token._refresh_token,
    )
    with source.store.lock(source.record_id, timeout=5) as transaction:
        transaction.save(transaction.read().succeed(token=aged))


def storm(build, server, path, seed, processes, threads):
    """Have processes x threads send one request each at the same moment.

    Returns:
        How often each outcome came: a status code, or the name of an error.
    """
    barrier = LOADED.Barrier(processes)
    outcomes = LOADED.SimpleQueue()
    workers = [
        LOADED.Process(
            target=_storm_worker,
            args=(build, server, path, seed, threads, barrier, outcomes),
        )
        for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    total = collections.Counter()
    for _ in workers:
        total.update(outcomes.get())
    for worker in workers:
        worker.join()
    return total


def _storm_worker(build, server, path, seed, threads, barrier, outcomes):
    auth = build(server, path, seed)
    seen = []  # a counter would miss some of those that come at the same moment
    ready = threading.Barrier(threads + 1)

    def work(get):
        ready.wait()
        try:
            seen.append(get(server.api_url, auth=auth, timeout=30).status_code)
        except Exception as error:
            seen.append(f"{type(error).__name__}: {error}")

    crowd = [
        threading.Thread(target=work, args=(GETS[n % len(GETS)],))
        for n in range(threads)
    ]
    for thread in crowd:
        thread.start()
    barrier.wait()
    ready.wait()
    for thread in crowd:
        thread.join()
    outcomes.put(dict(collections.Counter(seen)))


def steady(build, server, path, seed, generation, outcomes, settings):
    """Send requests until the login has reached a generation; report the outcomes."""
    auth = build(server, path, seed, **settings)
    url = getattr(server, "api_url", None) or server.resource
    seen = collections.Counter()
    number = 0
    give_up = time.monotonic() + 60
    with requests.Session() as one, httpx.Client() as two, httpx2.Client() as three:
        while auth._resolved().look().generation < generation:
            assert time.monotonic() < give_up, f"nobody renewed: {seen}"
            client = (one, two, three)[number % 3]
            number += 1
            try:
                response = client.get(url, auth=auth)
                seen[response.status_code] += 1
            except Exception as error:
                seen[f"{type(error).__name__}: {error}"] += 1
            time.sleep(0.03)  # a bounded load: the machine has other tests to run
    outcomes.put(dict(seen))


def run_steadily(build, server, path, seed, *, processes, generation, **settings):
    """Have several processes send requests until a login has reached a generation.

    Returns:
        How often each outcome came.
    """
    build(server, path, seed).token()
    outcomes = LOADED.SimpleQueue()
    workers = [
        LOADED.Process(
            target=steady,
            args=(build, server, path, seed, generation, outcomes, settings),
        )
        for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    total = collections.Counter()
    while not outcomes.empty():
        total.update(outcomes.get())
    assert all(worker.exitcode == 0 for worker in workers)
    return total
