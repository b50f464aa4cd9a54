"""A terminal of a given size, in which a command runs as a person sees it."""

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time

from tests.cli.processes import MAIN


class Terminal:
    """Runs `oauth-auth` in a terminal; use it in a ``with`` block."""

    def __init__(self, *arguments, columns=80, lines=40, **environment):
        self._mine, theirs = pty.openpty()
        size = struct.pack("HHHH", lines, columns, 0, 0)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
        kept = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
        self._process = subprocess.Popen(
            [sys.executable, "-c", MAIN, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**kept, "TERM": "xterm", **environment},
            start_new_session=True,
        )
        os.close(theirs)
        #: All that was shown so far.
        self.shown = ""

    def until(self, text, seconds=100):
        """Read until a text is shown."""
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            assert self._read(deadline), f"{text!r} is not shown:\n{self.shown}"
        return self.shown

    def type(self, text):
        """Type something."""
        os.write(self._mine, text.encode())

    def send_signal(self, number):
        """Send a signal, as the terminal does for Ctrl-C."""
        self._process.send_signal(number)

    def end(self, seconds=100):
        """Read to the end; return the exit code."""
        deadline = time.monotonic() + seconds
        while self._read(deadline):
            pass
        return self._process.wait(30)

    def _read(self, deadline):
        ready, _, _ = select.select([self._mine], [], [], deadline - time.monotonic())
        if not ready:
            return False
        with contextlib.suppress(OSError):  # Linux: the other end is closed
            piece = os.read(self._mine, 65536)
            self.shown += piece.decode().replace("\r\n", "\n")
            return bool(piece)
        return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        os.close(self._mine)
