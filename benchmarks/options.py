"""What the command line decides for all benchmarks."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from benchmarks.login import Login, Place
from benchmarks.measure import interleaved

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.candidate import Candidate

__all__ = ["Options"]

_Figure = TypeVar("_Figure")


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

    def compare(
        self,
        tries: Mapping[str, Callable[[], _Figure]],
        rounds: int,
        *,
        warm_up: bool = True,
    ) -> dict[str, list[_Figure]]:
        """Run candidates against each other; see `interleaved`.

        Args:
            tries: What to run, by name.
            rounds: How often, unless the command line says otherwise.
            warm_up: Run each of them once before, and forget the figure.
        """
        return interleaved(
            tries,
            rounds=self.rounds or self.pick(rounds, 1),
            chance=random.Random(self.seed),
            warm_up=warm_up and not self.quick,
        )

    def place(self, candidate: Candidate, login: Login | None = None) -> Place:
        """Return a new place where the candidate has left what a login leaves."""
        login = login or Login.made_up(public=candidate.public)
        place = Place(login, Path(tempfile.mkdtemp(dir=self.scratch)))
        place.note()
        candidate.save(place)
        return place
