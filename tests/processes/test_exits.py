"""Programs that end amid a renewal, or want a token while they end."""

import signal
import time

import pytest

from oauth_auth.errors import EndpointUnreachable, LoginRequired
from oauth_auth.testing import TestingServer
from tests.http_clients.logins import record_of, turn
from tests.processes.programs import LIMIT
from tests.processes.scenes import Scene


@pytest.fixture(scope="module")
def _server():
    with TestingServer() as server:
        yield server


@pytest.fixture
def server(_server):
    """The strictest server: rotation, family revocation, no grace."""
    _server.reset()
    return _server


@pytest.fixture
def scene(server, tmp_path):
    scene = Scene(server, tmp_path)
    yield scene
    scene.relay.close()


def run(scene, name, timeout=60.0):
    """Start a program that ends."""
    return scene.run("exit_scenes", name, timeout)


def goes_on(scene, token_requests=1):
    """Whether another process goes on with the login after so many token requests."""
    assert scene.auth.token().access_token
    scene.check(token_requests)
    return True


class TestInterrupted:
    """A signal that ends what waits, and lets the interpreter end by itself."""

    @pytest.mark.parametrize("name", ["sync", "on_asyncio", "on_trio"])
    def test_ctrl_c_loses_nothing(self, scene, name):
        """Ctrl-C ends the wait at once; the answer is saved before the end."""
        scene.relay.hold_back()
        with run(scene, name) as program:
            program.wait_for(scene.relay.answered)
            program.signal(signal.SIGINT)
            assert program.line() == "KeyboardInterrupt"
            scene.relay.back.set()
            assert program.end() == (-signal.SIGINT, [])
        assert goes_on(scene)

    def test_system_exit_from_a_handler_loses_nothing(self, scene):
        """A SIGTERM handler that raises SystemExit is as harmless as Ctrl-C."""
        scene.relay.hold_back()
        with run(scene, "terminated") as program:
            program.wait_for(scene.relay.answered)
            program.signal(signal.SIGTERM)
            assert program.line() == "SystemExit"
            scene.relay.back.set()
            assert program.end() == (0, [])
        assert goes_on(scene)

    def test_a_second_ctrl_c_ends_at_once(self, server, scene):
        """Who insists need not wait; within the grace window the login is kept."""
        server.configure(rotation="grace", grace=LIMIT)
        scene.relay.hold_back()
        with run(scene, "sync") as program:
            program.wait_for(scene.relay.answered)
            program.signal(signal.SIGINT)
            assert program.line() == "KeyboardInterrupt"
            while program.running:
                program.signal(signal.SIGINT)
                time.sleep(0.01)
            assert program.end() == (-signal.SIGINT, [])
        scene.relay.drop()
        assert scene.auth.token().access_token
        assert server.counts().replays_in_grace == 1

    def test_system_exit_in_another_thread_disturbs_nobody(self, scene):
        """sys.exit() ends the thread that calls it, and nothing else."""
        with run(scene, "from_a_thread") as program:
            assert program.end() == (0, ["200", "end of main"])
        assert goes_on(scene)


class TestEndedAtOnce:
    """What ends a process without Python's doing anything more."""

    def end(self, scene, how):
        """End a program when its token request was processed, not yet answered."""
        scene.relay.hold_back()
        with run(scene, "at_once") as program:
            program.wait_for(scene.relay.answered)
            if how == "os._exit":
                program.tell("exit")
            else:
                program.signal(how)
            assert program.wait() == (0 if how == "os._exit" else -how)
        scene.relay.drop()

    @pytest.mark.parametrize("how", [signal.SIGTERM, "os._exit"])
    def test_within_a_grace_window_the_next_process_rolls_it_forward(
        self, server, scene, how
    ):
        """The journal tells of the lost answer, and the server repeats it. M15."""
        server.configure(rotation="grace", grace=LIMIT)
        self.end(scene, how)
        assert scene.auth.token().access_token
        counts = server.counts()
        assert counts.replays_in_grace == 1
        assert counts.families_revoked == 0

    def test_without_a_grace_window_the_error_says_why(self, scene):
        """This is what no client can keep, and the next process says so."""
        self.end(scene, signal.SIGTERM)
        with pytest.raises(LoginRequired, match="An earlier answer was lost") as caught:
            scene.auth.token()
        assert caught.value.answer_lost

    def test_a_request_that_was_not_processed_costs_nothing(self, scene):
        """If the request died with the process the login goes on."""
        scene.relay.hold_up()
        with run(scene, "at_once") as program:
            program.wait_for(scene.relay.held)
            program.signal(signal.SIGTERM)
            assert program.wait() == -signal.SIGTERM
        scene.relay.drop()
        assert goes_on(scene)


class TestBackground:
    """The interpreter ends while a stale token is being renewed."""

    @pytest.fixture
    def scene(self, scene):
        scene.make_fresh()
        return scene

    def test_before_it_is_sent_it_is_given_up(self, scene):
        """Nobody waits for it, and the refresh token has not been spent."""
        generation = record_of(scene.auth).generation
        with turn(scene.auth), run(scene, "background") as program:
            assert program.end() == (0, ["end of main"])
        assert record_of(scene.auth).generation == generation
        scene.check(0)

    def test_after_it_is_sent_it_is_waited_for(self, scene):
        """The answer is saved although the program has long ended."""
        generation = record_of(scene.auth).generation
        scene.relay.hold_back()
        with run(scene, "background_sent") as program:
            program.wait_for(scene.relay.answered)
            program.tell("end")
            assert program.line() == "end of main"
            scene.relay.back.set()
            assert program.end() == (0, [])
        assert record_of(scene.auth).generation == generation + 1
        scene.check(1)

    def test_a_server_that_never_answers_is_not_waited_for_long(self, scene):
        """The deadline of the exchange is also the end of the program."""
        scene.relay.hold_up()
        with run(scene, "background_sent", 0.3) as program:
            program.wait_for(scene.relay.held)
            program.tell("end")
            assert program.end() == (0, ["end of main"])
        scene.relay.drop()
        scene.expire()
        give_up = time.monotonic() + LIMIT
        while True:
            try:
                assert scene.auth.token().access_token
                break
            except EndpointUnreachable:  # for a second, by the mark of that failure
                assert time.monotonic() < give_up
                time.sleep(0.05)
        scene.check(1)


class TestAtTheEnd:
    """A token is wanted while the interpreter ends."""

    @pytest.mark.parametrize(
        "name", ["in_atexit", "in_threading_atexit", "in_a_thread", "without_threads"]
    )
    def test_it_is_had(self, scene, name):
        """Also where no thread can be started any more, as since Python 3.12."""
        with run(scene, name) as program:
            assert program.end() == (0, ["end of main", "200"])
            assert program.errors() == ""
        assert goes_on(scene)

    @pytest.mark.parametrize(
        ("name", "token_requests"), [("in_a_finalizer", 0), ("in_a_late_finalizer", 1)]
    )
    def test_a_finalizer_is_told_that_it_is_too_late(self, scene, name, token_requests):
        """When modules are gone nothing is sent, and the error says why."""
        with run(scene, name) as program:
            code, said = program.end()
            assert (code, said[-2]) == (0, "end of main")
            assert "shutting down" in said[-1]
        scene.check(token_requests)
        assert goes_on(scene, token_requests + 1)
