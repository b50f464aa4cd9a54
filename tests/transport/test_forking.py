"""What a fork waits for, and what waits for a fork."""

import os
import socket
import subprocess
import sys
import threading

import pytest
import requests

from oauth_auth import forking
from tests.transport.asking import post, refused, refused_amid
from tests.transport.servers import FOREVER, answering

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")


def in_child(work):
    """Fork, and return the exit code of a child that runs something."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            code = work()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture
def start():
    """Start exchanges on threads, which are awaited when the test is over."""
    threads = []

    def exchange(url, http=None):
        thread = threading.Thread(
            target=post, args=(url, None if http else "requests", http)
        )
        thread.start()
        threads.append(thread)
        return thread

    yield exchange
    for thread in threads:
        thread.join(FOREVER)
        assert not thread.is_alive()


def test_a_fork_waits_for_an_exchange_that_begins(serve, start, monkeypatch):
    """No child is made while an exchange may be creating its TLS context. M69."""
    monkeypatch.setattr(forking, "AT_REST", 0.0)
    entered, made = threading.Event(), []

    def factory():
        entered.set()
        threading.Event().wait(0.1)
        made.append(requests.Session())
        return made[0]

    start(serve(answering()).url, factory)
    assert entered.wait(FOREVER)
    assert in_child(lambda: len(made)) == 1


def test_a_fork_does_not_wait_for_a_slow_server(serve, monkeypatch):
    """An exchange that has waited for its answer for a while delays nobody. M69."""
    monkeypatch.setattr(forking, "PATIENCE", 3 * FOREVER)
    answer = threading.Event()
    server = serve(lambda *args: answer.wait(FOREVER) and answering()(*args))
    done = []
    thread = threading.Thread(
        target=lambda: done.append(post(server.url, "requests", timeout=FOREVER))
    )
    thread.start()
    assert server.met.wait(FOREVER)
    assert [in_child(lambda: len(forking._state.threads)) for _ in range(3)] == [0] * 3
    assert done == []
    answer.set()
    thread.join(FOREVER)
    assert done[0].status == 200


def test_a_fork_has_its_limit(serve, start, monkeypatch):
    """A factory that hangs does not keep the process from forking."""
    monkeypatch.setattr(forking, "PATIENCE", 0.05)
    entered, proceed = threading.Event(), threading.Event()

    def factory():
        entered.set()
        proceed.wait(FOREVER)
        return requests.Session()

    try:
        start(serve(answering()).url, factory)
        assert entered.wait(FOREVER)
        assert in_child(lambda: 7) == 7
    finally:
        proceed.set()


def test_an_exchange_waits_for_a_fork(serve, start):
    """What begins while a process forks begins after the fork. M69."""
    events = []
    before = threading.Event()

    def factory():
        events.append("exchange")
        return requests.Session()

    forking._before()
    try:
        start(serve(answering()).url, factory)
        before.wait(0.1)
        events.append("fork")
    finally:
        forking._after_in_parent()
    for thread in threading.enumerate():
        if thread.name == "oauth_auth exchange":
            thread.join(FOREVER)
    assert events == ["fork", "exchange"]


def test_an_exchange_may_fork_itself(serve, monkeypatch):
    """A factory that starts processes does not wait for its own exchange."""
    monkeypatch.setattr(forking, "PATIENCE", 3 * FOREVER)
    seen = []

    def factory():
        seen.append(in_child(lambda: 5))
        return requests.Session()

    assert post(serve(answering()).url, None, factory).status == 200
    assert seen == [5]


def test_threads_that_are_gone_are_forgotten(serve):
    """However many exchanges there were, few threads are remembered."""
    server = serve(answering())
    for _ in range(20):
        assert post(server.url, "requests").status == 200
        for thread in threading.enumerate():
            if thread.name == "oauth_auth exchange":
                thread.join(FOREVER)
    assert len(forking._state.threads) < 10


def test_a_fork_does_not_wait_for_a_hanging_name_lookup(monkeypatch):
    """An exchange that cannot even connect delays nobody, also when it is given up."""
    monkeypatch.setattr(forking, "PATIENCE", 3 * FOREVER)
    hanging, proceed, over = threading.Event(), threading.Event(), threading.Event()

    def hang(*_, **__):
        hanging.set()
        proceed.wait(FOREVER)
        over.set()
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        refused_amid(
            hanging.is_set,
            lambda timeout: refused("http://auth.test/", "requests", timeout=timeout),
        )
        assert in_child(lambda: 6) == 6
        assert not over.is_set()
    finally:
        proceed.set()
    for thread in threading.enumerate():
        if thread.name == "oauth_auth exchange":
            thread.join(FOREVER)


@pytest.mark.parametrize("order", ["filelock, forking", "forking, filelock"])
def test_a_fork_leaves_filelock_as_it_was(tmp_path, order):
    """Its own hook is called once, whichever package came first: its gate opens. M70.

    Called twice it would never open again, and the next lock would wait for ever.
    """
    modules = {"filelock": "filelock", "forking": "oauth_auth.forking"}
    program = "\n".join(
        [
            *(f"import {modules[name]}" for name in order.split(", ")),
            "import os",
            "child = os.fork() or os._exit(0)",
            "assert os.waitpid(child, 0)[1] == 0",
            f"with filelock.FileLock({str(tmp_path / 'lock')!r}): print('locked')",
        ]
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=FOREVER,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("locked\n", "")


@pytest.mark.parametrize(
    ("waits_in", "counts"), [("load", True), ("fork_transition", False)]
)
def test_imports_that_forks_wait_for(tmp_path, monkeypatch, waits_in, counts):
    """Those of this package, but not one in which filelock waits for the fork. M70."""
    began, proceed = threading.Event(), threading.Event()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(threading, "test_of_imports", (began, proceed), raising=False)
    (tmp_path / f"slow_{waits_in}.py").write_text(
        "import threading\n"
        f"def {waits_in}():\n"
        "    began, proceed = threading.test_of_imports\n"
        "    began.set()\n"
        f"    proceed.wait({FOREVER})\n"
        f"{waits_in}()\n"
    )
    ours = {"__name__": "oauth_auth.some_module"}
    thread = threading.Thread(target=exec, args=(f"import slow_{waits_in}", ours))
    thread.start()
    try:
        assert began.wait(FOREVER)
        assert forking._we_import() is counts
    finally:
        proceed.set()
        thread.join(FOREVER)
    assert not forking._we_import()
