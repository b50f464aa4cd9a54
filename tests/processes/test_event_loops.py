"""One auth object in event loops that begin and end, one after the other."""

import asyncio
import threading
import time

import anyio
import httpx
import httpx2
import pytest
import requests

from oauth_auth import flight
from oauth_auth.testing import TestingServer
from tests.processes.programs import LIMIT
from tests.processes.scenes import Scene

LOOPS = ("asyncio", "trio")


@pytest.fixture(scope="module")
def _server():
    with TestingServer() as server:
        yield server


@pytest.fixture
def scene(_server, tmp_path):
    _server.reset()
    scene = Scene(_server, tmp_path)
    yield scene
    scene.relay.close()


def burst(scene, backend, module=httpx):
    """Send three requests at once in a loop of their own; return what came."""
    statuses = []

    async def one(client):
        statuses.append((await client.get(scene.server.api_url)).status_code)

    async def main():
        with anyio.fail_after(LIMIT):
            await all_of_them()

    async def all_of_them():
        async with (
            module.AsyncClient(auth=scene.auth, timeout=LIMIT) as client,
            anyio.create_task_group() as group,
        ):
            for _ in range(3):
                group.start_soon(one, client)

    anyio.run(main, backend=backend)
    return statuses


def test_loops_in_turn(scene):
    """asyncio, trio and no loop at all take turns; each renews once. M72, M73."""
    said = []
    for n, backend in enumerate(("asyncio", "asyncio", "trio", "asyncio", "trio")):
        if n:
            scene.expire()
        said += burst(scene, backend, (httpx, httpx2)[n % 2])
    scene.expire()
    said.append(requests.get(scene.server.api_url, auth=scene.auth).status_code)
    assert said == [200] * 16
    scene.check(6)


@pytest.mark.parametrize("second", LOOPS)
@pytest.mark.parametrize("first", LOOPS)
def test_a_renewal_outlives_the_loop_that_began_it(scene, first, second):
    """A loop ends while its tasks wait; the next one gets the same answer. M72."""
    scene.relay.hold_up()

    async def give_up():
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(scene.auth.atoken)
            await anyio.to_thread.run_sync(scene.relay.held.wait, LIMIT)
            group.cancel_scope.cancel()

    anyio.run(give_up, backend=first)
    assert scene.server.counts().token_requests == 0

    def let_go():
        while not any(each._waiting for each in tuple(flight._state.flights.values())):
            time.sleep(0.002)
        scene.relay.there.set()

    later = threading.Thread(target=let_go)
    later.start()
    assert burst(scene, second) == [200] * 3
    later.join(LIMIT)
    scene.check(1)


def test_a_loop_that_is_closed_amid_a_renewal(scene):
    """Tasks that nobody cancels or awaits any more are left behind in silence. M73."""
    scene.relay.hold_up()
    loop = asyncio.new_event_loop()
    waiting = loop.create_task(scene.auth.atoken())
    loop.run_until_complete(loop.run_in_executor(None, scene.relay.held.wait, LIMIT))
    loop.run_until_complete(loop.shutdown_default_executor())
    waiting.cancel()
    loop.stop()
    loop.close()
    scene.relay.there.set()
    assert burst(scene, "asyncio") == [200] * 3
    scene.check(1)
