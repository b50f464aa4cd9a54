"""Waiting for a person, until somebody gives the login up."""

from __future__ import annotations

import threading
import time
from typing import Final, final

__all__ = ["GivenUp", "Waiting"]

#: Waits are cut into slices, since on Windows a wait cannot be interrupted.
_SLICE: Final = 0.2


class GivenUp(Exception):  # noqa: N818  # never reaches a user
    """Nobody waits for this login any more, since its task was cancelled."""


@final
class Waiting:
    """How one login waits; another thread can end it."""

    def __init__(self) -> None:
        self._given_up: Final = threading.Event()

    def give_up(self) -> None:
        """End the login, whatever it waits for."""
        self._given_up.set()

    def check(self) -> None:
        """Raise `GivenUp` if the login is to end."""
        if self._given_up.is_set():
            raise GivenUp

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds; raises `GivenUp` if the login is to end."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._given_up.wait(min(_SLICE, left))
            self.check()
