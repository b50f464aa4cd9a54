"""Closing connections that nobody uses: renewals are rare, and servers have limits."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Final, final

from oauth_auth import forking

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Idle"]

#: A server of PostgreSQL has room for some hundred connections, of Redis for thousands.
IDLE_SECONDS: Final = 10.0


@final
class Idle:
    """Calls something when nothing was used for a while.

    Args:
        close: What to call.
    """

    def __init__(self, close: Callable[[], object]) -> None:
        self._close: Final = close
        self._used = 0.0
        #: The process in which a thread watches; a forked child has none.
        self._watched_in = 0

    def touch(self) -> None:
        """Note that something was used."""
        self._used = time.monotonic()
        # Two threads may both begin to watch, and then both close what is idle.
        if self._watched_in != os.getpid():
            self._watched_in = os.getpid()
            self._watch(IDLE_SECONDS)

    def _watch(self, seconds: float) -> None:
        timer = threading.Timer(seconds, self._look)
        timer.name = "oauth_auth idle"
        timer.daemon = True
        try:
            timer.start()
        except RuntimeError:
            self._watched_in = 0

    def _look(self) -> None:
        with forking.flight():
            left = self._used + IDLE_SECONDS - time.monotonic()
            if left <= 0:
                self._watched_in = 0
                self._close()
                return
        self._watch(left)
