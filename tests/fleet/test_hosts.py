"""Two hosts share one login, while workers, servers and networks fail."""

import threading

import pytest

from tests.fleet.backends import PostgresBackend, RedisBackend
from tests.fleet.hosts import (
    Expiries,
    SharedPlace,
    Steady,
    granted,
    paused_in_haste,
)
from tests.fleet.proxy import Wire
from tests.processes.fleet import in_foreman
from tests.processes.moments import RENEWED
from tests.servers import machines

LONG = pytest.mark.long


@pytest.fixture(params=["redis", "postgres"])
def own(request):
    """A records' server of this test alone, which may be started anew."""
    kind, backend = {
        "redis": (machines.Redis, RedisBackend),
        "postgres": (machines.Postgres, PostgresBackend),
    }[request.param]
    with machines.directory_for(request.param) as path, kind(path) as machine:
        yield backend(machine)


@pytest.fixture
def far():
    """The second host's way to the server."""
    wires = []

    def make(backend):
        wires.append(Wire(backend.machine.port).__enter__())
        return wires[-1]

    yield make
    for wire in wires:
        wire.__exit__()


def crew(server, backend, wire, tmp_path, each=1):
    """Return the jobs of workers on two hosts."""
    here = SharedPlace(server, backend.url, tmp_path / "here")
    there = SharedPlace(server, backend.address(wire.port), tmp_path / "there")
    return [Steady(place) for place in (here, there) for _ in range(each)]


class Meanwhile:
    """Does things while the workers work, each after one more renewal."""

    def __init__(self, server, *acts):
        self._server = server
        self._acts = acts
        self._failure = None
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            for act in self._acts:
                granted(self._server, self._server.counts().refreshes_granted + 1)
                act()
        except BaseException as error:
            self._failure = error

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._thread.join()
        if self._failure is not None:
            raise self._failure


def newest(server):
    """Return the fingerprint of the refresh token that was issued last."""
    return [r.issued for r in server.token_log() if r.issued][-1]


@pytest.mark.parametrize("expiries", [4, pytest.param(50, marks=LONG)])
def test_holders_are_killed_and_paused(
    backend, far, oauth_server_factory, tmp_path, expiries
):
    """No request fails; a killed holder's answer is asked for again, once. M10, M87."""
    server = oauth_server_factory(
        rotation="grace", grace=10.0, access_token_lifetime=1.5
    )
    wire = far(backend)
    events = ("kill", 0.5) * (1 if expiries < 10 else 8)
    outcome = in_foreman(
        Expiries(expiries, events), crew(server, backend, wire, tmp_path)
    )
    counts = server.counts()
    assert outcome.reports == []
    assert outcome.crashed == []
    assert counts.reuse_detected == counts.families_revoked == 0
    # One for each expiry, and a second one for each holder that was killed.
    assert counts.replays_in_grace <= events.count("kill")
    assert counts.token_requests <= counts.refreshes_granted + events.count("kill")
    assert newest(server) in outcome.kept


@LONG
@pytest.mark.parametrize("expiries", [5, 50])
def test_servers_restart_and_networks_are_cut(
    own, far, oauth_server_factory, tmp_path, expiries
):
    """The strictest server sees one request for each expiry, and no request fails."""
    server = oauth_server_factory(access_token_lifetime=2.0)
    wire = far(own)
    rounds = 1 if expiries < 10 else 10
    acts = (own.machine.restart, _blink(wire)) * rounds
    with Meanwhile(server, *acts):
        outcome = in_foreman(Expiries(expiries), crew(server, own, wire, tmp_path))
    counts = server.counts()
    assert outcome.reports == []
    assert outcome.crashed == []
    assert counts.reuse_detected == counts.families_revoked == 0
    assert counts.token_requests == counts.refreshes_granted
    assert newest(server) in outcome.kept


class TestStandingStill:
    """A holder that stands still while its answer is on the way."""

    @LONG
    @pytest.mark.parametrize("rotation", ["strict", "grace"])
    def test_within_its_time(self, backend, oauth_server_factory, tmp_path, rotation):
        """Nobody takes over, and all get its new token. M21."""
        server = oauth_server_factory(rotation=rotation, grace=10.0)
        place = SharedPlace(server, backend.url, tmp_path / "home")
        outcome = in_foreman(paused_in_haste, place, 0.7, 1)
        assert [report.what for report in outcome.reports] == [RENEWED] * 2
        assert server.counts().token_requests == 1

    def test_beyond_it(self, backend, oauth_server_factory, tmp_path):
        """Another worker takes over; a server with a grace window forgives that.

        With none it is the documented exception: the login is lost.
        """
        server = oauth_server_factory(rotation="grace", grace=30.0)
        place = SharedPlace(server, backend.url, tmp_path / "home")
        outcome = in_foreman(paused_in_haste, place, None, 1)
        assert [report.what for report in outcome.reports] == [RENEWED] * 2
        counts = server.counts()
        assert counts.token_requests == 2
        assert counts.replays_in_grace == 1
        assert counts.families_revoked == 0


def _blink(wire):
    """Return what cuts a network for a moment."""

    def act():
        wire.cut()
        threading.Event().wait(0.3)
        wire.mend()

    return act
