"""When a worker that waits for a record looks at it again.

A look reads the record and tries its lock, 0.1 ms together in a loop and several times
that in a process that has slept, and dozens of workers that look hold up the one that
renews. So where the store can say cheaply
whether a record has changed (`stamp`), a waiter asks that at every pause, and looks
when it has. And where the store knows of somebody who holds the lock, and tells when
that one is done (`listen`), a waiter sleeps until then.

Now and then it looks all the same: a worker that died changes nothing, and a stamp may
miss a change.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, final

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from oauth_auth.stores.base import TokenStore

__all__ = ["Lookout"]

#: Pauses where the store names none (`pauses`), in seconds: the first and the longest.
_PAUSES: Final = (0.002, 0.025)
#: Looks at a record whose stamp stays the same: the first comes after so many seconds,
#: each later one after twice as many, up to the longest. So long it may take until
#: somebody notices that the one who renews has died.
_ANYWAY: Final = (0.1, 0.4)
#: The same where that would be told. A holder's forked child may keep it from that.
_ANYWAY_TOLD: Final = 2.0
#: So often, in seconds, who waits to be told asks for the stamp, and whether to hurry.
_WAKE: Final = 0.4
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
        self._listen: Final = getattr(store, "listen", _nobody)
        self._id: Final = record_id
        pauses: tuple[float, float] = getattr(store, "pauses", _PAUSES)
        self._pause, self._longest = pauses
        self._gap = _ANYWAY[0]
        #: The stamp at the last look, which equals none before the first.
        self._seen: Any = _NEVER
        #: What tells when the holder is done, while one is known.
        self._holder: AbstractContextManager[Any] | None = None
        self._overdue = False

    def look(self) -> bool:
        """Return whether the record is to be read: it may have changed since last time.

        Called before it is read: after that, a change between the two would be missed.
        """
        if self._stamp is None:
            return True
        before, self._seen = self._seen, self._stamp(self._id)
        return bool(before != self._seen)

    def should_try_lock(self) -> bool:
        """Return whether to try the lock; not while somebody is known to hold it.

        To be followed by `rest`, which waits for that one.
        """
        overdue, self._overdue = self._overdue, False
        if not overdue:
            self._holder = self._listen(self._id)
        return self._holder is None

    def rest(self, hurried: Callable[[], bool]) -> None:
        """Wait until it is time for the next look.

        Args:
            hurried: Whether to look at once, as when the interpreter is ending.
        """
        due = time.monotonic() + self._gap
        while True:
            holder, self._holder = self._holder or self._listen(self._id), None
            if holder is not None:
                with holder as told:
                    self._overdue = not self._until_told(told, hurried)
                return
            time.sleep(self._pause)
            self._pause = min(self._pause * 1.5, self._longest)
            if self._stamp is None or self._changed() or hurried():
                return
            if time.monotonic() >= due:
                self._gap = min(self._gap * 2, _ANYWAY[1])
                return

    def _until_told(self, told: Any, hurried: Callable[[], bool]) -> bool:
        """Wait for the holder; return whether it is done, or has saved something."""
        due = time.monotonic() + _ANYWAY_TOLD
        while not self._changed():
            if hurried() or time.monotonic() >= due:
                return False
            if told.wait(_WAKE):
                return True
        return True

    def _changed(self) -> bool:
        return self._stamp is not None and self._stamp(self._id) != self._seen


def _nobody(_record_id: str) -> None:
    """Stand for a store that knows of no holder."""
