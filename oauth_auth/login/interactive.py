"""One login for all workers that need it: one person, one browser window.

A login lock of its own is held while the person is busy, so that renewals of a login
that still lives are not kept waiting. Whoever else needs a login waits for its
result: the token, or the error, for which it lies beside the lock.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Final

from oauth_auth.lazy_errors import errors
from oauth_auth.login.keep import check_writable

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_auth.held import Held
    from oauth_auth.login.waiting import Waiting
    from oauth_auth.login.ways import Way
    from oauth_auth.renewal import TokenSource
    from oauth_auth.stores.base import Mark, Transaction

__all__ = ["log_in_once", "logged_in_since"]

#: Waiters look this often whether somebody else has logged in, in seconds.
_LOOK: Final = 0.1
#: After a login has failed, requests start no other for this long, in seconds.
_PAUSE: Final = 60.0


def logged_in_since(source: TokenSource) -> Callable[[], Held | None]:
    """Return a function that tells of a login that was finished after this call.

    A renewal is none: it goes on with the lineage.
    """
    before = _lineage(source)

    def found() -> Held | None:
        now = _lineage(source)
        return source.look() if now and now != before else None

    return found


def log_in_once(
    source: TokenSource,
    way: Way,
    found: Callable[[], Held | None],
    *,
    waiting: Waiting,
    anew: bool = True,
) -> Held:
    """Log in, or wait for the worker that is at it already.

    Args:
        source: Whose login it is.
        way: How to log in.
        found: Returns what another worker's login has brought.
        waiting: Ends this early.
        anew: Log in although the last login failed a moment ago.

    Raises:
        StoreLocked: Another worker's login has not come to an end.
        StoreNotWritable: What comes of a login could not be kept.
        OAuthAuthError: The login has come to nothing, here or in another worker.
    """
    name = f"{source.record_id}-login"
    attempt = source.store.lock(name, timeout=0)
    before = _last_failure(source, name)
    if before is not None and not anew and before.active(time.time()):
        raise errors.from_facts(dict(before.error))
    deadline = time.monotonic() + way.patience
    while True:
        held = found()
        if held is not None:
            return held
        try:
            transaction = attempt.__enter__()
        except errors.StoreLocked as error:
            if time.monotonic() > deadline:
                raise errors.StoreLocked(
                    f"another worker's login was not finished within "
                    f"{way.patience:g} s; see its window or terminal, or end that "
                    "process"
                ) from error
            waiting.sleep(_LOOK)
            continue
        try:
            held = found()
            if held is not None:
                return held  # it was finished just before the lock was free
            failure = transaction.read().mark
            if failure is not None and failure != before:
                raise errors.from_facts(dict(failure.error))
            return _logged_in(source, way, transaction)
        finally:
            attempt.__exit__(None, None, None)


def _logged_in(source: TokenSource, way: Way, transaction: Transaction) -> Held:
    """Log in, and leave word for those who wait if that comes to nothing."""
    check_writable(source)
    try:
        held = way.log_in()
    except errors.OAuthAuthError as error:
        _leave(transaction, _failed(error))
        raise
    _leave(transaction, None)
    return held


def _failed(error: errors.OAuthAuthError) -> Mark:
    from oauth_auth.stores.base import Mark

    return Mark("hold", 0, time.time(), _PAUSE, errors.to_facts(error))


def _leave(transaction: Transaction, mark: Mark | None) -> None:
    with contextlib.suppress(errors.TokenStoreError):
        if mark is not None or transaction.read().mark is not None:
            transaction.mark(mark)


def _last_failure(source: TokenSource, name: str) -> Mark | None:
    with contextlib.suppress(errors.TokenStoreError):
        record = source.store.read(name)
        return record.mark if record is not None else None
    return None


def _lineage(source: TokenSource) -> str:
    """Return the lineage of the record, empty where there is no token."""
    with contextlib.suppress(errors.TokenStoreError):
        record = source.store.read(source.record_id)
        if record is not None and record.token is not None:
            return record.lineage
    return ""
