"""Makes the fixtures of the real servers known to every test, and watches each."""

import os
import signal

# The tests start some hundred processes, each of which would compile the package anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# A shell has what it starts in the background ignore Ctrl-C, and so would the processes
# that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.secrecy.plugin", "tests.servers.fixtures"]


def pytest_xdist_auto_num_workers():
    """Run one process more than there are cores: tests wait a fifth of their time."""
    return (os.cpu_count() or 1) + 1
