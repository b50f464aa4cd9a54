"""Servers as processes of their own, which say where they are once they serve."""

import contextlib
import os
import subprocess
import threading

import pytest

START_SECONDS = 60


@contextlib.contextmanager
def serving(command, directory, log, settings):
    """Run a server while the context is open; yields its issuer.

    Args:
        command: What to run; it says "ready ISSUER" in its first line.
        directory: Where to run it.
        log: The file for its complaints.
        settings: Further environment variables.
    """
    with (
        log.open("wb") as complaints,
        subprocess.Popen(
            command,
            cwd=directory,
            env=os.environ | {"PORT": "0"} | settings,
            stdin=subprocess.PIPE,  # its end is what stops the server if we are killed
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
        ) as process,
    ):
        try:
            yield _issuer(process, log)
        finally:
            process.kill()  # there is no state to save


def _issuer(process, log):
    watchdog = threading.Timer(START_SECONDS, process.kill)
    watchdog.start()
    try:
        word, _, rest = process.stdout.readline().strip().partition(" ")
    finally:
        watchdog.cancel()
    if word == "unusable":
        unavailable(rest)
    if word != "ready":
        pytest.fail(f"{process.args[0]} did not start: {log.read_text()}")
    return rest


def unavailable(reason):
    """Skips the test, or fails it where every server must be there (as in CI)."""
    if os.environ.get("OAUTH_AUTH_REQUIRE_SERVERS") == "1":
        pytest.fail(f"{reason} (OAUTH_AUTH_REQUIRE_SERVERS=1 forbids to skip this)")
    pytest.skip(f"{reason} (OAUTH_AUTH_REQUIRE_SERVERS=1 makes this a failure)")
