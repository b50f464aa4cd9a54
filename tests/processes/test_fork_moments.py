"""Programs that fork at awkward moments: amid a renewal, an import, TLS."""

import signal

import pytest

from oauth_auth.testing import TestingServer
from tests.processes.scenes import Scene
from tests.transport.servers import make_certificate

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")


@pytest.fixture(scope="module")
def _server():
    with TestingServer() as server:
        yield server


@pytest.fixture
def server(_server):
    """The strictest server: rotation, family revocation, no grace."""
    _server.reset()
    return _server


def run(scene, name, ca="", **options):
    """Start a program that forks."""
    return scene.run("fork_scenes", name, ca, **options)


@pytest.fixture
def scene(server, tmp_path):
    scene = Scene(server, tmp_path)
    yield scene
    scene.relay.close()


def test_children_that_end_leave_their_parents_renewal_alone(scene):
    """However a child ends, the parent still holds the lock and saves. M70."""
    scene.relay.hold_up()
    with run(scene, "exits") as program:
        program.wait_for(scene.relay.held)
        program.tell("fork")
        assert program.line() == f"3 4 1 {-signal.SIGTERM} 0 0"
        assert scene.is_locked()
        scene.relay.there.set()
        assert program.end() == (0, ["200"])
        assert "KeyError: 'raise'" in program.errors()
    assert not scene.is_locked()
    scene.check()


@pytest.mark.parametrize("name", ["tasks", "thread"])
def test_a_fork_amid_waiting_tasks_and_threads(scene, name):
    """The child, with a loop or on a thread of its own, gets the token too. M72."""
    scene.relay.hold_up()
    with run(scene, name) as program:
        program.wait_for(scene.relay.held)
        program.tell("fork")
        assert program.line() == "child"
        scene.relay.there.set()
        code, said = program.end()
        assert (code, sorted(" ".join(said).split())) == (0, ["0", "200"])
    scene.check()


def test_a_fork_in_a_signal_handler(scene):
    """A handler that interrupts the wait for a renewal may fork."""
    scene.relay.hold_up()
    with run(scene, "signalled") as program:
        assert program.line() == "ready"
        program.wait_for(scene.relay.held)
        program.signal(signal.SIGUSR1)
        assert program.line() == "child"
        scene.relay.there.set()
        code, said = program.end()
        assert (code, sorted(said)) == (0, ["0", "200"])
    scene.check()


@pytest.mark.parametrize(
    "module",
    [
        "oauth_auth.sources",
        "oauth_auth.turn",
        "filelock",
        "filelock._core._lock",  # by then its own hooks for forks are there
        "cryptography.hazmat.primitives.ciphers.aead",
    ],
)
def test_a_fork_amid_an_import(scene, module):
    """A child does not hang in an import that a thread of its parent had begun."""
    with run(scene, "imports") as program:
        program.tell(module)
        code, said = program.end()
        assert (code, sorted(said)) == (0, ["0", "200"])
        assert "Traceback" not in program.errors()
    scene.check()


def test_a_child_does_not_hold_its_dead_parents_lock(scene):
    """The parent is killed amid a renewal, its child lives on: others renew. M70."""
    scene.relay.hold_up()
    with run(scene, "outlives") as program:
        program.wait_for(scene.relay.held)
        program.tell("fork")
        child = program.line()
        assert scene.is_locked()
        program.signal(signal.SIGKILL)
        program.wait()
        scene.relay.drop()
        assert scene.auth.token().access_token
        scene.check()
        assert child.isdecimal()


@pytest.mark.parametrize("forks", [30, pytest.param(3000, marks=pytest.mark.long)])
def test_forks_amid_renewals_over_tls(server, tmp_path, forks):
    """No child hangs in TLS, however close to an exchange it was forked. M69."""
    certificate = make_certificate(tmp_path)
    scene = Scene(server, tmp_path, certificate)
    try:
        with run(scene, "tls", certificate.path, limit=60 + forks) as program:
            program.tell(forks)
            assert program.end() == (0, ["0"])
        counts = server.counts()
        assert counts.token_requests >= forks / 2
        assert counts.reuse_detected == counts.families_revoked == 0
    finally:
        scene.relay.close()


@pytest.mark.parametrize("forks", [200, pytest.param(5000, marks=pytest.mark.long)])
def test_forks_amid_threads_that_begin_and_end_with_tls(scene, forks):
    """The same with exchanges that do nothing but what is dangerous to a fork. M69."""
    with run(scene, "contexts", limit=60 + forks) as program:
        program.tell(forks)
        assert program.end() == (0, ["0"])
