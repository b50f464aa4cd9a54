"""A token in memory: how long it is fresh, stale and usable, and where it was seen."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from oauth_auth.stores.base import Record
    from oauth_auth.token import Token

__all__ = ["Held"]

#: The part of its life in which a token is stale.
_STALE: Final = 0.2
#: How much earlier some workers find it stale, so that they do not all try at once.
_JITTER: Final = 0.05
#: A token that a server calls expired at birth is used for this long all the same, in
#: seconds: renewing for every request would be a storm.
_SHORTEST_USE: Final = 1.0


@final
class Held:
    """A token in memory, and what this process has seen of it."""

    __slots__ = (
        "accepted",
        "authorization",
        "fresh_until",
        "generation",
        "record",
        "rejected",
        "rejections",
        "token",
    )

    def __init__(self, token: Token, record: Record) -> None:
        self.token: Final = token
        #: Where it came from, for a store that forgets it.
        self.record: Final = record
        self.generation: Final = record.generation
        self.rejections: Final = record.rejections
        #: The Authorization header, once somebody needed it.
        self.authorization: str | None = None
        #: The origins that answered it with anything but a 401.
        self.accepted: set[str] = set()
        #: Whether an API refused it.
        self.rejected = False
        self.fresh_until = fresh_until(token)

    def usable_until(self, leeway: float) -> float:
        """Return until when it may be handed out, in seconds since the epoch."""
        expires_at, life = self.token.expires_at, self.token.lifetime
        if expires_at is None or life is None:
            return float("inf")
        shortest = self.token.obtained_at + _SHORTEST_USE if life < _SHORTEST_USE else 0
        return max(expires_at - min(leeway, life / 10), shortest)


def fresh_until(token: Token) -> float:
    """Return until when a token is fresh, in seconds since the epoch."""
    expires_at, life = token.expires_at, token.lifetime
    if expires_at is None or life is None:
        return float("inf")  # only an API's 401 can tell
    if life < _SHORTEST_USE:
        return token.obtained_at + _SHORTEST_USE
    stale_from = expires_at - life * (_STALE + _JITTER * random.random())  # noqa: S311
    if token.refresh_at is not None and token.obtained_at < token.refresh_at:
        stale_from = min(token.refresh_at, expires_at - life / 10)
    return stale_from
