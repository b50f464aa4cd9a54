"""What gevent's greenlets cannot share with the real threads beside them.

Where gevent has made greenlets of threads it makes their locks too, and such a lock is
lost at times between the greenlets of one real thread and another real thread (those
of gevent's own pool): it is free, and who waits for it is never woken. With gevent 26.9
15 lines hang that way in most runs, with a plain `threading.Lock` and nothing of this
package; and the locks of imports are such locks.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final, final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ImportTurns", "are_threads", "brief_lock"]

#: The most seconds for which an import waits for others, each of which has an end.
_PATIENCE: Final = 10.0
#: Seconds between two looks.
_LOOK: Final = 0.005


def are_threads() -> bool:
    """Whether gevent has made greenlets of threads."""
    monkey: Any = sys.modules.get("gevent.monkey")
    return monkey is not None and monkey.is_module_patched("threading")


def brief_lock() -> threading.Lock:
    """Return a lock that is real also where gevent makes locks.

    For what ends at once: nothing inside may wait, or let another greenlet run.
    """
    monkey: Any = sys.modules.get("gevent.monkey")
    if monkey is None:
        return threading.Lock()
    lock: threading.Lock = monkey.get_original("threading", "Lock")()
    return lock


@final
class ImportTurns:
    """Imports that take turns, so that none waits for the lock of another's module."""

    def __init__(self) -> None:
        #: Who imports; a dictionary can tell who came first, and needs no lock.
        self._turn: Final[dict[str, int]] = {}

    def loaded(self, module: str) -> bool:
        """Whether a module is there, and not just being imported in somebody's turn."""
        # In this order: the turn of who imports it may end between the two.
        return module in sys.modules and not self._turn

    @contextlib.contextmanager
    def take(self, module: str) -> Iterator[None]:
        """Wait until the module is loaded, or nobody else imports anything.

        Args:
            module: What is to be imported inside.
        """
        me = threading.get_ident()
        within = self._turn.get("") == me
        deadline = time.monotonic() + _PATIENCE
        while (
            not self.loaded(module)
            and self._turn.setdefault("", me) != me
            and time.monotonic() < deadline
        ):
            time.sleep(_LOOK)
        try:
            yield
        finally:
            if not within and self._turn.get("") == me:
                del self._turn[""]
