"""Something that a store has one of, made by whoever of all its workers is first."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from oauth_auth.lazy_errors import errors
from oauth_auth.stores.base import PATIENT_SECONDS, holder_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

__all__ = ["made_once"]

_Made = TypeVar("_Made")
#: Making it takes milliseconds; a crowd that starts on a busy machine takes longer to
#: get its turn on the processor.
_PATIENCE: Final = 60.0
#: Pauses between two looks, in seconds.
_FIRST_LOOK, _LAST_LOOK = 0.002, 0.025

_log = logging.getLogger("oauth_auth")


def made_once(
    look: Callable[[], _Made | None],
    lock: AbstractContextManager[Any],
    make: Callable[[Any], _Made],
) -> _Made:
    """Return what is kept, or make it under a lock.

    Waiters watch what is kept rather than the lock: queueing for a lock that nobody
    needs any more, the last of 64 workers would wait for all the others.

    Args:
        look: Returns what is kept, or None.
        lock: A lock that tries once on entering, and may be entered again.
        make: Called with what the lock gives, while it is held; it looks again, since
            another worker may have been first.

    Raises:
        StoreLocked: Another worker held the lock all the time, and made nothing.
    """
    began = time.monotonic()
    said = False
    pause = _FIRST_LOOK
    while True:
        kept = look()
        if kept is not None:
            return kept
        try:
            held = lock.__enter__()
        except errors.StoreLocked as error:
            waited = time.monotonic() - began
            if waited > _PATIENCE:
                raise errors.StoreLocked(
                    f"{error}; nothing came of it for {_PATIENCE:g} s: find out why "
                    f"{holder_of(lock)} hangs there"
                ) from None
            if waited > PATIENT_SECONDS and not said:
                said = True
                _log.warning("%s: waiting for %s", error, holder_of(lock))
            time.sleep(pause)
            pause = min(pause * 1.5, _LAST_LOOK)
            continue
        try:
            return make(held)
        finally:
            lock.__exit__(None, None, None)
