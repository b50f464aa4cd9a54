"""Makes the fixtures of the real servers known to every test, and watches each."""

import gc
import os
import signal

import pytest

from tests import surroundings

surroundings.prepare()
# A shell has what it starts in the background ignore Ctrl-C, and so would the processes
# that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.secrecy.plugin", "tests.servers.fixtures"]


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Keep what is collected out of each search for garbage: a quarter of a second."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish():
    """Undo that, for what is imported only now and looks at what refers to it."""
    gc.unfreeze()


def pytest_xdist_auto_num_workers():
    """Run one process more than there are cores: tests wait a fifth of their time."""
    return (os.cpu_count() or 1) + 1
