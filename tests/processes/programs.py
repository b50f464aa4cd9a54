"""Small programs in a process of their own, with a watchdog that ends what hangs."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: Seconds, many times what any program takes; one that needs more hangs.
LIMIT = 60.0


class Program:
    """A module of `tests.processes.apps` that runs in a new interpreter.

    It says lines on its standard output and is told lines on its standard input. With
    all that it has started it is killed at the end of the ``with`` block.

    Args:
        module: Its name, or None to run `command`.
        arguments: Its arguments, given to it as texts.
        command: What to run instead of a module.
        env: Changes to the environment.
        limit: Seconds that it may take.
    """

    def __init__(self, module, *arguments, command=None, env=None, limit=LIMIT):
        self._limit = limit
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  # closed by `close`
        self._process = subprocess.Popen(
            command
            or [
                sys.executable,
                "-m",
                f"tests.processes.apps.{module}",
                *map(str, arguments),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            bufsize=1,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
            start_new_session=True,
        )
        self._hung = False
        self._watchdog = threading.Timer(limit, self._give_up)
        self._watchdog.start()

    @property
    def pid(self):
        return self._process.pid

    @property
    def running(self):
        return self._process.poll() is None

    def _give_up(self):
        self._hung = True
        self.kill()

    def kill(self, number=signal.SIGKILL):
        """Send a signal to the program and all that it has started."""
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return

    def signal(self, number):
        """Send a signal to the program alone."""
        self._process.send_signal(number)

    def tell(self, line=""):
        """Say a line to the program."""
        self._process.stdin.write(f"{line}\n")

    def line(self):
        """Return the next line that it says."""
        line = self._process.stdout.readline()
        assert line, f"the program said no more: {self.errors()}"
        return line.strip()

    def errors(self):
        """Return what is on its standard error, after it has ended or been killed."""
        if self._hung:
            return f"it hung and was killed after {self._limit:g} s; {self._said()}"
        return self._said()

    def _said(self):
        self._errors.seek(0)
        return self._errors.read()

    def wait_for(self, event):
        """Wait for an event that the program brings about."""
        while not event.wait(0.05):
            assert self.running, self.errors()

    def wait(self):
        """Wait for its end, whatever becomes of what it has started."""
        code = self._process.wait()
        assert not self._hung, self.errors()
        return code

    def end(self):
        """Wait for its end; return its exit code and the lines it still said."""
        said = self._process.stdout.read().splitlines()
        return self.wait(), said

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self._watchdog.cancel()
        self._process.wait()
        self._watchdog.join()
        for stream in (self._process.stdin, self._process.stdout):
            try:
                stream.close()
            except BrokenPipeError:
                continue
        self._errors.close()


def say(*words):
    """Say a line to the test; called in a program."""
    # In one piece: several processes of a program share this output.
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def told():
    """Wait for a line from the test; called in a program."""
    # Not sys.stdin, whose buffer and lock a forked child would copy.
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            sys.exit("the test has ended")
        line += byte
    return line.decode().strip()
