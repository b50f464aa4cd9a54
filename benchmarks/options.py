"""What the command line decides for all benchmarks."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.login import Login, Place

if TYPE_CHECKING:
    from benchmarks.candidate import Candidate

__all__ = ["Options"]


class Options(NamedTuple):
    """What the command line decides."""

    #: A directory for everything that is written.
    scratch: Path
    #: Tiny sizes, to see that it works; the figures mean nothing.
    quick: bool = False
    peers: bool = True
    #: How often everything is repeated; None for a benchmark's own number.
    rounds: int | None = None
    processes: int | None = None
    threads: int | None = None
    seed: int = 0

    def pick(self, usual: int, quick: int) -> int:
        """Return a size."""
        return quick if self.quick else usual

    def repeats(self, usual: int, quick: int = 1) -> int:
        """Return how many rounds there are."""
        return self.rounds or self.pick(usual, quick)

    def chance(self) -> random.Random:
        """Return what decides the orders."""
        return random.Random(self.seed)

    def place(self, candidate: Candidate, login: Login | None = None) -> Place:
        """Return a new place where the candidate has left what a login leaves."""
        login = login or Login.made_up(public=candidate.public)
        place = Place(login, Path(tempfile.mkdtemp(dir=self.scratch)))
        place.note()
        candidate.save(place)
        return place
