"""Rejections: where tokens were refused lately, so that no API causes a storm.

A 401 is worth a renewal, unless renewing has just been tried for this API. What one
worker has tried counts for all: the record tells of the rejections for which its last
generations were made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from oauth_auth.held import Held

__all__ = ["Rejections"]

#: A rejection counts for this long, in seconds.
_LATELY: Final = 60.0
#: So many renewals one origin's rejections are worth within that time, although it
#: accepted the tokens in between: it may take a token at one path, and none at another.
_WORTH: Final = 3
#: How many a record tells of.
_KEPT: Final = 16
#: How many origins' rejections one process remembers.
_ORIGINS_KEPT: Final = 256


@final
class Rejections:
    """The rejections that one process has seen of one record's tokens."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        #: When each origin last refused a token, in seconds since the epoch.
        self._seen: dict[str, float] = {}

    def note(self, origin: str, now: float) -> None:
        """Remember that an origin refused a token."""
        if len(self._seen) >= _ORIGINS_KEPT:
            self._seen.clear()
        self._seen[origin] = now

    def added_to(
        self, kept: tuple[tuple[str, float], ...]
    ) -> tuple[tuple[str, float], ...]:
        """Return what a record tells, with the newest rejection seen here.

        Args:
            kept: The rejections (origin, seconds since the epoch) that it tells of.
        """
        newest = max(self._seen.items(), key=lambda item: item[1], default=None)
        if newest is None or newest in kept:
            return kept
        return (*kept, newest)[-_KEPT:]

    def explain(self, held: Held, origin: str, now: float) -> bool:
        """Whether a token was made because this origin refused the one before it."""
        refused_at = self._seen.get(origin, 0.0)
        for other, at in held.rejections:
            if other == origin:
                refused_at = max(refused_at, at)
        recent = 0 <= now - refused_at < _lately(held)
        return recent and held.token.obtained_at >= refused_at

    def exhaust(self, held: Held, origin: str, now: float) -> bool:
        """Whether this origin's rejections have led to too many renewals already."""
        lately = _lately(held)
        times = [
            at
            for other, at in held.rejections
            if other == origin and 0 <= now - at < lately
        ]
        return len(times) >= _WORTH


def _lately(held: Held) -> float:
    """Return how long a rejection counts: a token of seconds may well have expired."""
    life = held.token.lifetime
    return _LATELY if life is None else min(_LATELY, life / 2)
