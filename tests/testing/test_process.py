"""The testing server's process: how it starts, and that it always ends."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
import textwrap
from contextlib import ExitStack
from pathlib import Path

import pytest

from oauth_auth.testing import TestingServer, process
from tests.testing.talk import call, closed, connected, raw_get, refresh

#: Where `python -c` finds both the package and these tests.
ROOT = Path(__file__).parents[2]


def script(source):
    """Start a Python script, with pipes to it."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(source)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def output(source):
    """Run a Python script to its end, and return what it printed."""
    with script(source) as running:
        text, _ = running.communicate(timeout=60)
    assert running.returncode == 0
    return text


def gone(server):
    """Whether nothing listens there any more."""
    try:
        with connected(server):
            return False
    except ConnectionRefusedError:
        return True


def test_starts_and_stops():
    """It answers inside the with-block, and ends with it by itself."""
    with TestingServer() as server:
        assert call(server, server.issue()).status_code == 200
    assert gone(server)
    assert server._process.returncode == 0
    server.stop()


def test_settings_at_the_start():
    """The keywords of the constructor hold from the first request on."""
    with TestingServer(access_token_lifetime=7.0, extra={"tenant": "t"}) as server:
        answer = refresh(server, server.issue()).json()
    assert answer["expires_in"] == 7
    assert answer["tenant"] == "t"


def test_bad_settings_start_nothing(monkeypatch):
    """A setting that makes no sense is refused before there is a process."""
    monkeypatch.delattr(subprocess, "Popen")
    with pytest.raises(TypeError, match="rotating"):
        TestingServer(rotating="strict")
    with pytest.raises(ValueError, match="grace"):
        TestingServer(grace=-1.0)


def test_calls_after_the_stop():
    """A handle without a server says so, with the URL."""
    with TestingServer() as server:
        pass
    with pytest.raises(RuntimeError, match=server.issuer):
        server.counts()


def test_stop_with_open_connections():
    """Open connections, and requests under way, do not keep it alive."""
    with ExitStack() as stack:
        server = stack.enter_context(TestingServer())
        server.api_faults.delay(before=3600.0)
        idle, busy = (stack.enter_context(connected(server)) for _ in range(2))
        busy.sendall(raw_get("/api"))
        idle.sendall(raw_get("/nowhere"))
        assert idle.recv(100)
        server.stop()
        assert server._process.returncode == 0
        assert closed(busy) == b""


def test_stop_after_a_crash():
    """Stopping a server that has died is no error."""
    with TestingServer() as server:
        server._process.kill()
        server._process.wait()
    assert server._process.returncode == -signal.SIGKILL


def test_stop_kills_what_does_not_stop(monkeypatch):
    """A server that hangs is killed."""
    monkeypatch.setattr(process, "STOP_TIMEOUT", 0.05)
    with TestingServer() as server:
        server._process.send_signal(signal.SIGSTOP)
    assert server._process.returncode == -signal.SIGKILL
    assert server._process.stdin.closed
    assert server._process.stdout.closed


def test_stop_when_interrupted(monkeypatch):
    """Ctrl-C while waiting for the end leaves no process behind."""
    server = TestingServer()

    def interrupted(timeout=None):
        if timeout is not None:
            raise KeyboardInterrupt
        return wait()

    wait = server._process.wait
    server._process.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(server._process, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        server.stop()
    assert server._process.returncode == -signal.SIGKILL


def test_ctrl_c_leaves_it_running():
    """Ctrl-C in a terminal reaches the server too, which leaves the end to us."""
    with TestingServer() as server:
        server._process.send_signal(signal.SIGINT)
        assert server.issue()
        assert server._process.poll() is None


def test_failed_start(monkeypatch):
    """A server that cannot start is reported, with what to look at."""
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(RuntimeError, match=r"did not start.*h11"):
        TestingServer()


def test_start_that_fails_early(monkeypatch):
    """The same holds where the process ends before it gets its settings."""
    popen = subprocess.Popen

    def ended(arguments, **options):
        child = popen([arguments[0], "-c", ""], **options)
        child.wait()
        return child

    monkeypatch.setattr(subprocess, "Popen", ended)
    with pytest.raises(RuntimeError, match="did not start"):
        TestingServer()


def test_silent_start(monkeypatch):
    """A server that says nothing is given up, and killed."""
    monkeypatch.setattr(process, "START_TIMEOUT", 0.05)
    started = []
    popen = subprocess.Popen

    def hang(arguments, **options):
        code = "import sys; sys.stdin.read()"
        started.append(popen([arguments[0], "-c", code], **options))
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", hang)
    with pytest.raises(RuntimeError, match="did not start"):
        TestingServer()
    assert started[0].returncode == -signal.SIGKILL


def test_modules_of_the_user_do_not_get_in_the_way(tmp_path, monkeypatch):
    """Files that are named like the standard library's do not break the server."""
    for name in ("asyncio", "token", "signal"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('wrong module')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with TestingServer() as server:
        assert server.issue()


def test_dies_with_its_parent():
    """SIGKILL of the process that started it ends it."""
    source = """
        import sys
        from oauth_auth.testing import TestingServer
        print(TestingServer().issuer, flush=True)
        sys.stdin.read()
    """
    with script(source) as parent:
        server = TestingServer.connect(parent.stdout.readline().strip())
        with connected(server) as connection:
            parent.kill()
            assert closed(connection) == b""
    assert gone(server)


def test_dies_with_its_parent_although_a_fork_lives():
    """What the parent forked holds the pipe too, and does not keep the server alive."""
    source = """
        import os, sys, time
        from oauth_auth.testing import TestingServer
        server = TestingServer()
        fork = os.fork()
        if fork == 0:
            time.sleep(3600)
        print(server.issuer, fork, flush=True)
        sys.stdin.read()
    """
    with script(source) as parent:
        issuer, fork = parent.stdout.readline().split()
        server = TestingServer.connect(issuer)
        try:
            with connected(server) as connection:
                parent.kill()
                assert closed(connection) == b""
        finally:
            os.kill(int(fork), signal.SIGKILL)


def test_stops_although_a_fork_lives():
    """A stop is asked for, so that a fork which holds the pipe does not matter."""
    source = """
        import os, signal, time
        from oauth_auth.testing import TestingServer
        server = TestingServer()
        fork = os.fork()
        if fork == 0:
            time.sleep(3600)
        server.stop()
        print(server._process.returncode)
        os.kill(fork, signal.SIGKILL)
        os.waitpid(fork, 0)
    """
    assert output(source) == "0\n"


def test_a_fork_does_not_stop_it():
    """A forked process that leaves the with-block leaves the server to its parent."""
    source = """
        import os
        from oauth_auth.testing import TestingServer
        with TestingServer() as server:
            fork = os.fork()
            if fork:
                os.waitpid(fork, 0)
                print(server.issue()["token_type"])
        if not fork:
            os._exit(0)
    """
    assert output(source) == "Bearer\n"


def test_forgotten_stop():
    """A program that forgets to stop it exits as usual, and the server with it."""
    issuer = output(
        """
        from oauth_auth.testing import TestingServer
        server = TestingServer()
        print(server.issuer)
        """
    )
    with pytest.raises(RuntimeError, match="no testing server"):
        TestingServer.connect(issuer.strip())


@pytest.mark.parametrize(
    "copied",
    [
        lambda server: pickle.loads(pickle.dumps(server)),
        lambda server: TestingServer.connect(server.issuer),
    ],
)
def test_further_handles(server, copied):
    """A copy of a handle does everything but stop the server."""
    with copied(server) as copy:
        assert copy.client_secret == server.client_secret
        tokens = copy.issue()
        copy.api_faults.answer(500)
    assert call(server, tokens).status_code == 500
    assert call(server, tokens).status_code == 200


def test_repr_shows_no_secret(server):
    """The repr is the URL."""
    assert repr(server) == f"TestingServer({server.issuer!r})"


def test_low_limit_of_open_files():
    """A low soft limit, as on macOS, does not limit the connections."""
    source = """
        import contextlib, resource
        from oauth_auth.testing import TestingServer
        from tests.testing.talk import connected, raw_get
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (32, hard))
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(TestingServer())
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for _ in range(64):
                connection = stack.enter_context(connected(server))
                connection.sendall(raw_get("/api"))
                assert connection.recv(100)
            print(server.counts().connections)
    """
    assert output(source) == "64\n"


def test_leaves_quietly():
    """In Python's development mode too it ends without a word, whatever is open."""
    source = """
        import contextlib
        from oauth_auth.testing import TestingServer
        from tests.testing.talk import connected, raw_get
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(TestingServer())
            connection = stack.enter_context(connected(server))
            connection.sendall(raw_get("/api"))
            assert connection.recv(100)
            server.stop()
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)],
        cwd=ROOT,
        env={**os.environ, "PYTHONDEVMODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stderr == ""


def test_512_connections_at_once():
    """So many connect before the server accepts the first, and all are answered."""
    with ExitStack() as stack:
        server = stack.enter_context(TestingServer())
        headers = f"Authorization: Bearer {server.issue()['access_token']}"
        server._process.send_signal(signal.SIGSTOP)
        connections = [stack.enter_context(connected(server)) for _ in range(512)]
        for connection in connections:
            connection.sendall(raw_get("/api", headers))
        server._process.send_signal(signal.SIGCONT)
        for connection in connections:
            assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
        counts = server.counts()
        assert (counts.connections, counts.api_ok) == (512, 512)
