"""Rejections: where tokens were refused lately, so that no API causes a storm.

A 401 is worth a renewal, unless renewing has just been tried for this API. What one
worker has tried counts for all: the record tells of the rejections for which its last
generations were made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias, final

if TYPE_CHECKING:
    from oauth_auth.held import Held

__all__ = ["Rejections"]

#: What a record tells of one: the origin, when (seconds since the epoch), and the
#: generation that was made for it.
Told: TypeAlias = tuple[str, float, int]

#: A rejection counts for this long, in seconds.
_LATELY: Final = 60.0
#: So many renewals one origin's rejections are worth within that time, although it
#: accepted the tokens in between: it may take a token at one path, and none at another.
_WORTH: Final = 3
#: How many a record tells of.
_KEPT: Final = 16
#: How many origins' rejections one process remembers.
_ORIGINS_KEPT: Final = 256
#: A token that ends at birth is used for a second all the same.
_SHORTEST_LIFE: Final = 1.0


@final
class Rejections:
    """The rejections that one process has seen of one record's tokens."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        #: When each origin last refused a token, in seconds since the epoch, and the
        #: generation of that token.
        self._seen: dict[str, tuple[float, int]] = {}

    def note(self, held: Held, origin: str, now: float) -> None:
        """Remember that an origin refused a token."""
        if len(self._seen) >= _ORIGINS_KEPT:
            self._seen.clear()
        self._seen[origin] = now, held.generation

    def leading_to(
        self, generation: int, rejected: Held | None, told: tuple[Told, ...]
    ) -> tuple[Told, ...]:
        """Return what the record of a new generation tells.

        Args:
            generation: The new one.
            rejected: The token that it replaces because it was refused, if it was.
            told: What the record before it tells.
        """
        if rejected is None:
            return told
        new = [
            (origin, at, generation)
            for origin, (at, refused) in self._seen.items()
            if refused == rejected.generation
        ]
        return (*told, *new)[-_KEPT:]

    def explain(self, held: Held, origin: str, now: float) -> bool:
        """Whether a token was made because this origin refused the one before it."""
        told = [
            at
            for other, at, generation in held.rejections
            if other == origin and generation == held.generation
        ]
        # The clock of the machine where it was made may differ from this one's, so what
        # this process has seen itself counts as well; not what another thread has just
        # seen of this very token, which may have come to its end.
        seen_at, refused = self._seen.get(origin, (0.0, 0))
        if told and refused < held.generation:
            told.append(seen_at)
        return any(_lately(held, at, now) for at in told)

    def exhaust(self, held: Held, origin: str, now: float) -> bool:
        """Whether this origin's rejections have led to too many renewals already."""
        led = [
            at
            for other, at, _ in held.rejections
            if other == origin and _lately(held, at, now)
        ]
        return len(led) >= _WORTH


def _lately(held: Held, at: float, now: float) -> bool:
    """Whether a rejection still counts: a token of seconds may well have expired."""
    life = held.token.lifetime
    span = _LATELY if life is None else min(_LATELY, max(life, _SHORTEST_LIFE) / 2)
    # One of the future is that of a clock which has been set back since.
    return 0 <= now - at < span
