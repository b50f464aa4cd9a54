"""Start `oauth-auth` as a user does, and see what it leaves behind."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

#: As the installed script, but with Ctrl-C working also where pytest runs in the
#: background, where a shell makes it inherited as ignored.
MAIN = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from oauth_auth.cli import main; main()"
)


@contextmanager
def started(tmp_path, *arguments, **environment):
    """Start `oauth-auth` with a temporary directory of its own; kill it at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, *arguments],
        env={**os.environ, "TMPDIR": str(tmp_path), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        with process:
            yield process
            process.kill()
    finally:
        process.kill()


def family(tmp_path):
    """Return the processes that were started with this temporary directory."""
    mine = b"TMPDIR=" + os.fsencode(tmp_path)
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mine in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue  # it has just ended, or is not ours
    return found


def eventually(condition, seconds=60):
    """Wait until something is so; return whether it came to be."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
