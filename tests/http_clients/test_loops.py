"""One auth object, many event loops, threads and tasks at once."""

import asyncio
import threading
import time

import anyio
import pytest
import requests
import trio

from oauth_auth import ClientCredentials, MemoryStore, OAuthAuth
from tests.fake_server import FakeServer
from tests.http_clients.drivers import FOREVER
from tests.http_clients.local import MODULES, URL, LocalApi, person
from tests.http_clients.logins import use_up

ROUNDS = 50
TASKS = 4


class Burst:
    """A few requests at once, in whatever event loop it is called."""

    def __init__(self, api, auth):
        self._api = api
        self._auth = auth
        self.statuses = []

    async def asyncio(self):
        async with self._api.async_client(self._auth) as client:
            await asyncio.gather(*(self._one(client) for _ in range(TASKS)))

    async def trio(self):
        async with (
            self._api.async_client(self._auth) as client,
            trio.open_nursery() as nursery,
        ):
            for _ in range(TASKS):
                nursery.start_soon(self._one, client)

    async def _one(self, client):
        self.statuses.append((await client.get(URL)).status_code)


@pytest.mark.parametrize("name", ["httpx", "httpx2"])
def test_threads_with_an_event_loop_each(name):
    """Four loops share the renewals of many expiries, with no error. M72, M73."""
    server, api = FakeServer(), LocalApi(MODULES[name])
    auth = person(server)
    burst = Burst(api, auth)
    barrier = threading.Barrier(4, action=lambda: _expire(auth, server))

    async def one_loop():
        for _ in range(ROUNDS):
            await asyncio.to_thread(barrier.wait, FOREVER)
            await burst.asyncio()

    def many_loops(run):
        for _ in range(ROUNDS):
            barrier.wait(FOREVER)
            run()

    threads = [
        threading.Thread(target=target, args=args)
        for target, args in (
            (asyncio.run, (one_loop(),)),
            (many_loops, (lambda: asyncio.run(burst.asyncio()),)),
            (many_loops, (lambda: asyncio.run(burst.asyncio()),)),
            (many_loops, (lambda: trio.run(burst.trio),)),
        )
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(FOREVER)
        assert not thread.is_alive()
    assert burst.statuses == [200] * (4 * TASKS * ROUNDS)
    assert server.token_requests == ROUNDS
    assert server.families_revoked == 0


def _expire(auth, server):
    """Let the token expire, from the second round on."""
    if server.token_requests:
        use_up(auth)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize(("name", "count"), [("httpx", 200), ("httpx2", 1000)])
def test_many_tasks_at_expiry_make_one_token_request(server, name, count, backend):
    """Every task of one loop waits for the same renewal. M05."""
    api = LocalApi(MODULES[name])
    auth = OAuthAuth(
        ClientCredentials(
            token_endpoint=server.token_endpoint,
            client_id=server.client_id,
            client_secret=server.client_secret,
        ),
        store=MemoryStore(),
    )
    server.token_faults.delay(before=0.05)

    async def main():
        async with (
            api.async_client(auth) as client,
            anyio.create_task_group() as group,
        ):
            for _ in range(count):
                group.start_soon(client.get, URL)

    anyio.run(main, backend=backend)
    assert api.authorizations == [f"Bearer {auth.access_token()}"] * count
    assert server.counts().token_requests == 1


def test_threads_with_an_object_each_while_tokens_run_out(server, login):
    """No request is ever without a token, and none fails, over many expiries. M06."""
    server.configure(access_token_lifetime=0.25)
    auth = login(expired=True)
    started = time.monotonic()
    failures = []

    def work():
        mine = OAuthAuth(auth._grant, **auth._settings())
        with requests.Session() as session:
            session.auth = mine
            while time.monotonic() < started + 1.0:
                response = session.get(server.api_url, timeout=FOREVER)
                if response.status_code != 200:
                    failures.append(response.status_code)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(FOREVER)
    counts = server.counts()
    assert failures == []
    assert counts.api_without_token == 0
    assert counts.families_revoked == 0
    assert counts.refreshes_granted > 2
