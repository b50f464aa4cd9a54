"""A thread that keeps a lock on a server from lapsing while its holder works."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final, final

from oauth_auth import forking
from oauth_auth.lazy_errors import errors

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Heartbeat"]

_log = logging.getLogger("oauth_auth")


@final
class Heartbeat:
    """Calls something again and again, from `start` to `stop`.

    Args:
        beat: What to call; it ends the thread by returning False. Where it raises a
            `TokenStoreError`, the next call is made all the same.
        seconds: The pause between two calls.
    """

    def __init__(self, beat: Callable[[], bool], seconds: float) -> None:
        self._beat: Final = beat
        self._seconds: Final = seconds
        self._ended: Final = threading.Event()
        # So that none is under way, and would take again what is about to be freed.
        self._guard: Final = threading.Lock()

    def start(self) -> None:
        """Start the thread; without one the lock lasts as long as it was taken for."""
        # A daemon: the interpreter need not wait for it.
        thread = threading.Thread(
            target=self._run, name="oauth_auth lease", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:
            _log.debug("no thread is to be had, so a lease is not renewed")

    def stop(self) -> None:
        """Stop it; waits for a call that is under way."""
        self._ended.set()
        with self._guard:
            return

    def _run(self) -> None:
        with forking.flight():
            while not self._ended.wait(self._seconds):
                with self._guard:
                    if self._ended.is_set() or not self._beaten():
                        return

    def _beaten(self) -> bool:
        try:
            return self._beat()
        except errors.TokenStoreError as error:
            _log.debug("a lease was not renewed: %s", error)
            return True
