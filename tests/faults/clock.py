"""The two clocks of this process, set by a test."""

import time


class Clock:
    """Wall clock and monotonic clock as this process sees them; each can be moved.

    Args:
        patch: A `pytest.MonkeyPatch`.
        frozen: Stand still between moves, at the time of the start.
    """

    def __init__(self, patch, *, frozen=False):
        #: What each clock is ahead of the real one, in seconds.
        self.wall = self.monotonic = 0.0
        wall, monotonic = time.time, time.monotonic
        if frozen:
            wall, monotonic = _standing(wall()), _standing(monotonic())
        patch.setattr(time, "time", lambda: wall() + self.wall)
        patch.setattr(time, "monotonic", lambda: monotonic() + self.monotonic)

    def step(self, seconds):
        """Set the wall clock forward or back, as a person or NTP does."""
        self.wall += seconds

    def wait(self, seconds):
        """Let time pass, by both clocks."""
        self.wall += seconds
        self.monotonic += seconds

    def suspend(self, seconds):
        """Let the machine sleep: the monotonic clock of Linux stands still meanwhile.

        M99d.
        """
        self.wall += seconds
        self.monotonic += 1.0


def _standing(moment):
    return lambda: moment
