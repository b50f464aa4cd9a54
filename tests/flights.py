"""The threads of renewals that are under way in this process."""

import threading

__all__ = ["let_flights_end"]

_NAMES = frozenset({"oauth_auth renewal", "oauth_auth exchange"})


def let_flights_end(seconds=20.0):
    """Wait until all of them have ended, so many seconds each at most."""
    for thread in threading.enumerate():
        if thread.name in _NAMES:
            thread.join(seconds)
            assert not thread.is_alive(), thread.name
