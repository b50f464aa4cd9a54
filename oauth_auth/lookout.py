"""When a worker that waits for a record looks at it again.

A look reads the record and tries its lock, which costs 0.2 ms, and dozens of workers
that look hold up the one that renews. So where the store can say cheaply whether a
record has changed (`stamp`), a waiter asks that at every pause, and looks when it has,
and now and then all the same: a worker that died changes nothing, and a stamp may miss
a change.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, final

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_auth.stores.base import TokenStore

__all__ = ["Lookout"]

#: Pauses where the store names none (`pauses`), in seconds: the first and the longest.
_PAUSES: Final = (0.002, 0.025)
#: Looks at a record whose stamp stays the same: the first comes after so many seconds,
#: each later one after twice as many, up to the longest. So long it may take until
#: somebody notices that the one who renews has died.
_ANYWAY: Final = (0.1, 0.4)
_NEVER: Final = object()


@final
class Lookout:
    """The pauses between one waiter's looks.

    Args:
        store: Where the record is kept.
        record_id: Which record.
    """

    def __init__(self, store: TokenStore, record_id: str) -> None:
        self._stamp: Final = getattr(store, "stamp", None)
        self._id: Final = record_id
        pauses: tuple[float, float] = getattr(store, "pauses", _PAUSES)
        self._pause, self._longest = pauses
        self._gap = _ANYWAY[0]
        #: The stamp at the last look, which equals none before the first.
        self._seen: Any = _NEVER

    def look(self) -> bool:
        """Return whether the record is to be read: it may have changed since last time.

        Called before it is read: after that, a change between the two would be missed.
        """
        if self._stamp is None:
            return True
        before, self._seen = self._seen, self._stamp(self._id)
        return bool(before != self._seen)

    def rest(self, hurried: Callable[[], bool]) -> None:
        """Wait until it is time for the next look.

        Args:
            hurried: Whether to look at once, as when the interpreter is ending.
        """
        due = time.monotonic() + self._gap
        while True:
            time.sleep(self._pause)
            self._pause = min(self._pause * 1.5, self._longest)
            if self._stamp is None or hurried():
                return
            if self._stamp(self._id) != self._seen:
                return
            if time.monotonic() >= due:
                self._gap = min(self._gap * 2, _ANYWAY[1])
                return
