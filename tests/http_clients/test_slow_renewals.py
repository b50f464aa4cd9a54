"""What happens to everybody else while a renewal takes its time."""

import os
import threading

import anyio
import anyio.to_thread
import pytest
import requests

from oauth_auth import FileStore
from tests.fake_server import FakeServer
from tests.http_clients.drivers import FOREVER, RequestsSession
from tests.http_clients.local import MODULES, URL, LocalApi, person
from tests.http_clients.logins import use_up
from tests.stores.children import child

THREADS = 32


def test_threads_that_never_stop_asking(server, login):
    """32 of them: each request has a token, old or new, and never half of both. M06."""
    renewals = 3
    server.configure(access_token_lifetime=1.0)
    server.token_faults.delay(before=0.3, times=None)
    auth = login(expired=True)
    statuses = set()

    def work():
        with requests.Session() as session:
            session.auth = auth
            while server_has_renewed() < renewals:
                statuses.add(session.get(server.api_url, timeout=FOREVER).status_code)

    def server_has_renewed():
        return auth._resolved().look().generation - first

    first = auth._resolved().look().generation
    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(FOREVER)
    assert statuses == {200}
    counts = server.counts()
    assert counts.api_without_token == 0
    assert counts.api_ok > THREADS
    assert counts.refreshes_granted == counts.token_requests >= renewals
    assert counts.reuse_detected == counts.families_revoked == 0


def test_everybody_waits_for_one_renewal_of_a_second(server, login):
    """64 threads on one session: all succeed, with one token request. M07, M23."""
    auth = login(expired=True)
    server.token_faults.delay(before=1.0)
    assert RequestsSession().crowd(auth, server.api_url, 64) == [200] * 64
    counts = server.counts()
    assert counts.token_requests == 1
    assert counts.api_requests == counts.api_ok == 64


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("name", MODULES)
def test_a_loop_goes_on_while_another_worker_holds_the_lock(tmp_path, name, backend):
    """The lock is free only after the loop has done other things meanwhile. M74."""
    server, api = FakeServer(), LocalApi(MODULES[name])
    auth = person(server, store=FileStore(tmp_path), timeout=1.0)
    other = person(server, store=FileStore(tmp_path))
    for each in (auth, other):
        each.token()
    use_up(auth)
    path, record_id = FileStore(tmp_path).path, auth._resolved().record_id
    reading, enough = os.pipe()

    def hold(said):
        os.close(enough)
        with FileStore(path).lock(record_id, timeout=FOREVER):
            os.write(said, b"held\n")
            os.read(reading, 1)

    async def main():
        seen = []
        async with api.async_client(auth) as client, api.async_client(other) as second:

            async def wait_for_the_lock():
                seen.append((await client.get(URL)).status_code)

            with anyio.fail_after(FOREVER):
                async with anyio.create_task_group() as group:
                    group.start_soon(wait_for_the_lock)
                    while not renewing():
                        await anyio.lowlevel.checkpoint()
                    for _ in range(50):
                        assert (await second.get(URL)).status_code == 200
                    assert seen == []
                    os.write(enough, b".")
        return seen

    with child(hold) as holder:
        assert holder.line() == "held"
        try:
            assert anyio.run(main, backend=backend) == [200]
        finally:
            os.close(reading)
            os.close(enough)
    assert server.token_requests == 3
    assert server.families_revoked == 0


def renewing():
    return any(t.name == "oauth_auth renewal" for t in threading.enumerate())
