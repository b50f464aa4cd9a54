"""Callers that leave while a renewal is under way: it goes on, and nothing is lost."""

import os
import signal
import threading

import anyio
import anyio.to_thread
import pytest
import requests

from oauth_auth import MemoryStore
from tests.fake_server import FakeServer
from tests.http_clients.drivers import FOREVER
from tests.http_clients.local import MODULES, URL, Gate, LocalApi, person


@pytest.fixture
def server():
    return FakeServer()


@pytest.fixture(params=["httpx", "httpx2"])
def module(request):
    return MODULES[request.param]


@pytest.fixture(params=["asyncio", "trio"])
def backend(request):
    return request.param


@pytest.fixture
def gate():
    """Something that waits, and waits no longer when the test ends."""
    gate = Gate()
    yield gate
    gate.opened.set()


class SlowStore:
    """A MemoryStore that can be made to wait at a name's next call."""

    def __init__(self):
        self._store = MemoryStore()
        self.gates = {}

    def __getattr__(self, name):
        gate = self.gates.pop(name, None)
        if gate is not None:
            gate()
        return getattr(self._store, name)


async def cancelled_at(gate, client, *, opening=None):
    """Send a request and cancel it where the gate is.

    Args:
        gate: Where to cancel.
        client: The client to send it with.
        opening: Let the gate open by then, where cancelling has to wait for it; this
            server's token request waits, lest all be over before it is noticed.
    """
    ended, renewal = [], Gate()
    if opening is not None:
        opening.script.append(renewal)

    async def send():
        try:
            await client.get(URL)
        except anyio.get_cancelled_exc_class():
            ended.append("cancelled")
            raise

    with anyio.fail_after(FOREVER):
        async with anyio.create_task_group() as group:
            group.start_soon(send)
            await anyio.to_thread.run_sync(gate.arrived.wait, FOREVER)
            assert gate.arrived.is_set()
            group.cancel_scope.cancel()
            if opening is not None:
                gate.opened.set()
    renewal.opened.set()
    assert ended == ["cancelled"]


class TestCancelledTasks:
    """A cancelled caller leaves, and the flight goes on."""

    def test_while_the_token_request_is_under_way(self, module, backend, server, gate):
        """The next caller has the token that the cancelled one asked for. M78."""
        auth, api = person(server), LocalApi(module)
        server.script.append(gate)

        async def main():
            async with api.async_client(auth) as client:
                await cancelled_at(gate, client)
                gate.opened.set()
                return await client.get(URL)

        response = anyio.run(main, backend=backend)
        assert response.status_code == 200
        assert api.authorizations == [f"Bearer {auth.access_token()}"]
        assert server.token_requests == 1
        assert server.families_revoked == 0

    def test_while_a_401_is_being_answered(self, module, backend, server, gate):
        """A renewal that a 401 began is finished without the request. M78."""
        auth, api = person(server), LocalApi(module)
        old = auth.access_token()
        api.refused.add(f"Bearer {old}")
        server.script.append(gate)

        async def main():
            async with api.async_client(auth) as client:
                await cancelled_at(gate, client)
                gate.opened.set()
                return await client.get(URL)

        assert anyio.run(main, backend=backend).status_code == 200
        assert api.authorizations == [f"Bearer {old}", f"Bearer {auth.access_token()}"]
        assert server.token_requests == 2
        assert server.families_revoked == 0

    @pytest.mark.parametrize("call", ["claim", "read", "lock"])
    def test_while_the_store_is_being_asked(self, module, backend, server, gate, call):
        """Finding the record, reading it and locking it can be left at any time.

        M78.
        """
        store = SlowStore()
        auth, api = person(server, store=store), LocalApi(module)
        store.gates[call] = gate

        async def main():
            async with api.async_client(auth) as client:
                await cancelled_at(gate, client, opening=server)
                return await client.get(URL)

        assert anyio.run(main, backend=backend).status_code == 200
        assert server.token_requests == 1

    def test_while_the_store_is_looked_at_after_a_401(
        self, module, backend, server, gate
    ):
        """The next request finds out anew that the token is refused."""
        store = SlowStore()
        auth, api = person(server, store=store), LocalApi(module)
        api.refused.add(f"Bearer {auth.access_token()}")
        store.gates["read"] = gate

        async def main():
            async with api.async_client(auth) as client:
                await cancelled_at(gate, client, opening=server)
                return await client.get(URL)

        assert anyio.run(main, backend=backend).status_code == 200
        assert server.token_requests == 2

    def test_while_the_api_answers(self, module, backend, server):
        """A request that is cancelled on the wire leaves nothing behind."""
        auth, api = person(server), LocalApi(module)
        auth.access_token()

        async def main():
            arrived = anyio.Event()

            async def answer(request):
                if not arrived.is_set():
                    arrived.set()
                    await anyio.sleep_forever()
                return module.Response(200)

            api.transport = module.MockTransport(answer)
            async with api.async_client(auth) as client:
                async with anyio.create_task_group() as group:
                    group.start_soon(client.get, URL)
                    with anyio.fail_after(FOREVER):
                        await arrived.wait()
                    group.cancel_scope.cancel()
                with anyio.fail_after(FOREVER):
                    return await client.get(URL)

        assert anyio.run(main, backend=backend).status_code == 200
        assert server.token_requests == 1

    def test_one_of_many_leaves(self, module, backend, server, gate):
        """The others who wait for the same renewal are not disturbed. M78."""
        auth, api = person(server), LocalApi(module)
        server.script.append(gate)
        statuses = []

        async def main():
            async with api.async_client(auth) as client:

                async def send():
                    statuses.append((await client.get(URL)).status_code)

                async with anyio.create_task_group() as group:
                    for _ in range(5):
                        group.start_soon(send)
                    await cancelled_at(gate, client)
                    gate.opened.set()

        anyio.run(main, backend=backend)
        assert statuses == [200] * 5
        assert server.token_requests == 1

    def test_a_loop_that_ends_meanwhile(self, module, backend, server, gate):
        """A renewal outlives the event loop that began it; the next one finds it."""
        auth, api = person(server), LocalApi(module)
        server.script.append(gate)

        async def leave():
            async with api.async_client(auth) as client:
                await cancelled_at(gate, client)

        async def come():
            async with api.async_client(auth) as client:
                return (await client.get(URL)).status_code

        anyio.run(leave, backend=backend)
        gate.opened.set()
        assert anyio.run(come, backend=backend) == 200
        assert server.token_requests == 1


class Interrupted(BaseException):
    """What a signal handler raises, as a worker's time limit does."""


class TestInterruptedThreads:
    @pytest.mark.parametrize("interrupt", [KeyboardInterrupt, Interrupted])
    def test_a_waiting_request_can_be_interrupted(self, server, gate, interrupt):
        """Ctrl-C ends the wait at once, and the renewal goes on. M78."""
        auth = person(server)
        server.script.append(gate)
        handled = threading.Event()

        def handle(number, frame):
            if not handled.is_set():
                handled.set()
                raise interrupt

        def press():
            assert gate.arrived.wait(FOREVER)
            # Python may miss a signal that comes just before it goes to sleep.
            while not handled.wait(0.02):
                os.kill(os.getpid(), signal.SIGINT)

        before = signal.signal(signal.SIGINT, handle)
        thread = threading.Thread(target=press)
        thread.start()
        try:
            with pytest.raises(interrupt):
                requests.get(URL, auth=auth, timeout=FOREVER)
            thread.join()
        finally:
            signal.signal(signal.SIGINT, before)
        gate.opened.set()
        assert auth.access_token()
        assert server.token_requests == 1
        assert server.families_revoked == 0
