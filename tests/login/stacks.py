"""The two loopback addresses of this machine, and ports that are free on both."""

import contextlib
import random
import socket

import pytest

STACKS = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


def _has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


ipv6 = pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6 loopback")


def a_free_port():
    """Return a port that nothing uses at either address.

    Below those that the kernel gives to connections, of which there are so many that
    one chosen from among them is taken now and then.
    """
    while True:
        port = random.randrange(15000, 32000)
        with contextlib.ExitStack() as probes:
            try:
                for family, address in STACKS[: 2 if _has_ipv6() else 1]:
                    probes.enter_context(socket.socket(family)).bind((address, port))
            except OSError:
                continue
        return port
