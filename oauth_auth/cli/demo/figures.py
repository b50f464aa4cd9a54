"""What came of a run, as plain values."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Failure", "Figures", "Outcome", "Row", "View", "WithoutSharedCache"]


class Figures(NamedTuple):
    """How often what happened. Workers count the first two, the server the next four.

    A request is one that a worker got a result of; its failure is an exception, or
    any status but 200.
    """

    requests: int = 0
    failures: int = 0
    #: Refresh tokens that the server replaced.
    renewals: int = 0
    #: Access tokens from those renewals whose life has passed.
    expiries: int = 0
    #: Logins that ended, because the server said so or a worker thought so.
    logouts: int = 0
    reuse_detected: int = 0
    workers_killed: int = 0

    @property
    def clean(self) -> bool:
        """Whether every request succeeded and nobody was logged out."""
        return self.failures == self.logouts == 0


class Failure(NamedTuple):
    """One failed request, or a worker that ended by itself."""

    #: Seconds since the epoch.
    time: float
    #: The worker and its library.
    worker: str
    #: One line, without secrets.
    text: str


class Row(NamedTuple):
    """One worker of the live table."""

    number: int
    library: str
    pid: int
    requests: int
    failures: int
    #: The last status code, or a word.
    last: str


class View(NamedTuple):
    """A moment of a run."""

    #: Whether this is the run with the shared cache.
    shared: bool
    elapsed: float
    seconds: float
    figures: Figures
    rows: tuple[Row, ...]


class WithoutSharedCache(NamedTuple):
    """What the same workers did with a cache each."""

    requests: int
    failures: int
    renewals: int
    reuse_detected: int
    #: None if they were not.
    logged_out_after_seconds: float | None


class Outcome(NamedTuple):
    """All of a demo."""

    seconds: float
    workers: int
    figures: Figures
    failures: tuple[Failure, ...]
    #: None if the demo was ended before.
    without: WithoutSharedCache | None
