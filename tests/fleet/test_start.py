"""Workers, or a program's objects, that start while the records' server is away."""

import asyncio
import threading

import pytest

from oauth_auth import (
    ClientCredentials,
    OAuthAuth,
    RefreshToken,
    errors,
    renewal,
    sources,
)
from tests.fake_server import TOKEN_ENDPOINT, FakeServer
from tests.faults.clock import Clock
from tests.fleet.proxy import Wire, goes_round_meanwhile
from tests.transport.servers import FOREVER


@pytest.fixture
def server():
    """The strictest server: rotation, family revocation, no grace."""
    return FakeServer()


@pytest.fixture
def wire(backend):
    with Wire(backend.machine.port) as wire:
        yield wire


@pytest.fixture
def build(backend, wire, server):
    """Makes an object for one login, as a program does anew for each call."""
    store = backend.kind(backend.address(wire.port))
    seed = server.seed()

    def build(seed=seed):
        grant = RefreshToken(
            token_endpoint=TOKEN_ENDPOINT, client_id="app", refresh_token=seed
        )
        return OAuthAuth(grant, store=store, http=server.http)

    return build


@pytest.fixture
def tries(build, monkeypatch):
    """Counts how often the server is asked for by those who start."""
    found, times = sources._found, []

    def counted(*args):
        times.append(1)
        return found(*args)

    monkeypatch.setattr(sources, "_found", counted)
    return times


def outcome(auth):
    """Return its token, or what is wrong."""
    try:
        return auth.token()
    except errors.OAuthAuthError as error:
        return error


def test_all_who_start_wait_together(build, wire, monkeypatch):
    """Whoever comes later waits for the rest of the time, and each gets an error."""
    monkeypatch.setattr(renewal, "_OUTAGE_SECONDS", 0.5)
    wire.cut()
    found = []
    crowd = [
        threading.Thread(target=lambda: found.append(outcome(build())))
        for _ in range(20)
    ]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    assert {type(result) for result in found} == {errors.StoreUnreachable}
    assert len(set(map(id, found))) == 20
    assert len({outage.began for outage in sources._outages.values()}) == 1


def test_further_ones_fail_at_once_for_a_moment(
    build, wire, server, tries, monkeypatch
):
    """And ask nobody; then somebody looks again, and all is well."""
    monkeypatch.setattr(renewal, "_OUTAGE_SECONDS", 0.2)
    clock = Clock(monkeypatch)
    wire.cut()
    first = outcome(build())
    asked = len(tries)
    assert asked > 1
    again = [outcome(build()) for _ in range(20)]
    assert {str(error) for error in again} == {str(first)}
    assert first.retryable
    assert len(tries) == asked
    wire.mend()
    clock.wait(2.0)
    assert build().token() == build().token()
    assert server.token_requests == 1


def test_an_outage_that_is_over_shortens_no_other(build, wire, monkeypatch):
    """Long after the one that somebody gave up on, there is time for a restart."""
    monkeypatch.setattr(renewal, "_OUTAGE_SECONDS", 0.0)
    clock = Clock(monkeypatch)
    wire.cut()
    assert isinstance(outcome(build()), errors.StoreUnreachable)
    clock.wait(2 * FOREVER)
    monkeypatch.setattr(renewal, "_OUTAGE_SECONDS", FOREVER)
    threading.Timer(0.3, wire.mend).start()
    assert build().token()


def test_a_machine_that_looks_again_does_not_block_its_loop(
    backend, wire, server, monkeypatch
):
    """Its token was kept in memory only; whether the store is back takes a while."""
    grant = ClientCredentials(
        token_endpoint=TOKEN_ENDPOINT, client_id="app", client_secret="s3cret-s3cret"
    )
    store = backend.kind(backend.address(wire.port))
    clock = Clock(monkeypatch)
    wire.cut()
    OAuthAuth(grant, store=store, http=server.http).token()
    wire.mend()
    wire.silent = True
    clock.wait(120.0)
    auth = OAuthAuth(grant, store=store, http=server.http)
    assert asyncio.run(goes_round_meanwhile(auth.atoken(), wire)) == auth.token()
