"""Forked children, which inherit a test's objects and imports and start in 1 ms."""

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.stores.syscalls import Syscalls

NOBODY = 65534


class Child:
    """A forked process that runs `work` and says its result, or its error.

    Args:
        work: What it does.
        start: A pipe's read end; the child begins when the pipe is closed.
        unprivileged: Drop root's rights first, since modes mean nothing to root.
    """

    def __init__(self, work, *, start=None, unprivileged=False):
        reader, writer = os.pipe()
        _wait_for_ended_threads()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(reader)
            os._exit(_run(work, writer, start, unprivileged))
        os.close(writer)
        self._pipe = os.fdopen(reader, "rb")
        self._reaped = False

    def said(self):
        """Wait for its end and return what it said."""
        with self._pipe:
            text = self._pipe.read().decode()
        self._reap()
        return text

    def line(self):
        """Wait for the next line it says."""
        return self._pipe.readline().decode().strip()

    def kill(self):
        """End it at once, as the kernel does when memory is short."""
        os.kill(self.pid, signal.SIGKILL)
        return self.said()

    def _reap(self):
        if not self._reaped:
            os.waitpid(self.pid, 0)
            self._reaped = True


def _unknown_threads():
    """Return the system's threads that Python does not count among those alive."""
    alive = {thread.native_id for thread in threading.enumerate()}
    return {int(task.name) for task in Path("/proc/self/task").iterdir()} - alive


#: Threads that the test runner has started by itself.
_RUNNERS = _unknown_threads()


def _wait_for_ended_threads():
    """Wait until the system too has seen the last of the threads that have ended.

    OpenSSL still cleans up after them, under a lock that would stay held in a child.
    It does so at once: what stays longer is a thread that Python was not told of.
    """
    end = time.monotonic() + 0.5
    while _unknown_threads() - _RUNNERS and time.monotonic() < end:
        time.sleep(0.0005)


def _run(work, writer, start, unprivileged):
    try:
        if unprivileged and os.geteuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        if start is not None:
            reader, other = start
            os.close(other)
            os.read(reader, 1)
        result = work(writer) if work.__code__.co_argcount else work()
        said = "" if result is None else str(result)
    except BaseException as error:  # the parent asserts on it
        said = f"{type(error).__name__}: {error}"
    os.write(writer, said.encode())
    return 0


def in_child(work, *, unprivileged=False):
    """Run something in a child and return what it said."""
    return Child(work, unprivileged=unprivileged).said()


def survives(number, work, root):
    """Do something in a child that is killed at its call of that number, if any.

    Args:
        number: Which call to the system.
        work: What it does.
        root: The directory whose files count.
    """

    def attempt():
        calls = Syscalls(pytest.MonkeyPatch(), root)

        def kill(name, path, args):
            if len(calls.calls) == number:
                os.kill(os.getpid(), signal.SIGKILL)

        calls.before = kill
        work()
        return "lived"

    return in_child(attempt) == "lived"


def at_once(works):
    """Run all of them, released at the same moment; return what they said."""
    start = os.pipe()
    children = []
    try:
        children += [Child(work, start=start) for work in works]
    finally:
        os.close(start[0])
        os.close(start[1])
    return [child.said() for child in children]


@contextlib.contextmanager
def child(work):
    """Have a child that is killed at the latest at the end."""
    running = Child(work)
    try:
        yield running
    finally:
        if not running._reaped:
            running.kill()
