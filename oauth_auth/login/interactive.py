"""One login for all workers that need it: one person, one browser window.

A login lock of its own is held while the person is busy, so that renewals of a login
that still lives are not kept waiting. Whoever else needs a login waits for its
result, and adopts it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from oauth_auth.lazy_errors import errors
from oauth_auth.login.keep import check_writable

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_auth.held import Held
    from oauth_auth.renewal import TokenSource

__all__ = ["log_in_once"]

#: Waiters look this often whether somebody else has logged in, in seconds.
_LOOK: Final = 0.1


def log_in_once(
    source: TokenSource, log_in: Callable[[], Held], *, patience: float
) -> Held:
    """Log in, or wait for the worker that is at it already.

    Args:
        source: Whose login it is.
        log_in: Has a person log in, and keeps what comes of it.
        patience: Seconds to wait for another worker's login.

    Raises:
        StoreLocked: Another worker's login has not come to an end.
        LoginFailed: This one has come to nothing.
    """
    check_writable(source)
    before = source.look()
    lock = source.store.lock(f"{source.record_id}-login", timeout=0)
    deadline = time.monotonic() + patience
    while True:
        try:
            lock.__enter__()
        except errors.StoreLocked as error:
            held = source.look()
            if held is not None and _is_newer(held, before):
                return held
            if time.monotonic() > deadline:
                raise errors.StoreLocked(
                    f"another worker's login was not finished within {patience:g} s; "
                    "see its window or terminal, or end that process"
                ) from error
            time.sleep(_LOOK)
            continue
        try:
            held = source.look()
            if held is not None and _is_newer(held, before):
                return held  # it was finished just before the lock was free
            return log_in()
        finally:
            lock.__exit__(None, None, None)


def _is_newer(held: Held, before: Held | None) -> bool:
    return before is None or held.generation > before.generation
