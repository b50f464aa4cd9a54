"""A flight: one piece of work under way on its own thread, awaited by many.

Callers only wait. A caller that is cancelled or interrupted leaves, and the flight goes
on: what it has begun (a refresh token spent) it also brings home (the answer saved).
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from collections import deque
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, final

from oauth_auth import forking, greenlets
from oauth_auth.lazy_errors import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator
    from contextvars import Context

__all__ = ["Flight", "Reentered", "in_context", "join", "may_wait_for"]

_Result = TypeVar("_Result")
_log = logging.getLogger("oauth_auth")
#: Of the tasks of one event loop one is woken in so many rounds of it: each sends its
#: request, and answers that come in crowds hold the loop up as well.
_ROUNDS_EACH: Final = 3
#: But all of them within so many seconds: a busy loop's rounds are long.
_SECONDS_ALL: Final = 0.25
#: Waiters wake up this often, in seconds, to no other end than to be interruptible.
_WAKE: Final = 1.0


class Reentered(Exception):  # noqa: N818  # never reaches a user
    """A flight's own thread asked for what it is to bring: waiting would never end."""


class _State:
    """All flights of this process.

    A forked child starts with none: their threads, and whoever held the guard, exist
    in the parent only.
    """

    def __init__(self) -> None:
        self.guard = greenlets.brief_lock()  # guards flights
        self.flights: dict[Hashable, Flight[Any]] = {}


_state = _State()
#: Set on a flight's thread, and on those that work for it: the transport runs its own
#: in a copy of the context.
_inside: ContextVar[bool] = ContextVar("oauth_auth_inside_flight", default=False)
#: The one flight that the thread of a flight may wait for nevertheless.
_awaited: ContextVar[Hashable] = ContextVar("oauth_auth_awaited_flight", default=None)


def _forget_after_fork() -> None:
    global _state  # noqa: PLW0603  # one state per process
    _state = _State()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)


def join(
    key: Hashable,
    work: Callable[[Flight[_Result]], _Result],
    *,
    background: bool = False,
) -> Flight[_Result] | None:
    """Return the flight that is under way for the key, or start one.

    Args:
        key: What the work is about; at most one flight per key is under way.
        work: Called with the flight, on its thread.
        background: Nobody waits: do without if no thread can be started.

    Returns:
        The flight; None only in the background.

    Raises:
        Reentered: The caller is a flight's thread, and would wait for a flight.
    """
    state = _state
    with state.guard:
        flight = state.flights.get(key)
        if flight is not None:
            # Two flights that wait for each other would also never end, so the
            # thread of any flight waits for none.
            if _inside.get() and not background and _awaited.get() != key:
                raise Reentered
            return flight
        flight = state.flights[key] = Flight(state, key, work)
    # Not under the guard: to start a thread is to wait for it. Under gevent another
    # greenlet runs meanwhile, and were it to wait for the guard, none would run again.
    try:
        _start(flight.run)
    except RuntimeError:
        # No thread can be had, as when the interpreter is ending.
        if background and flight.strand():
            return None
        flight.run_for_caller()
    except BaseException:
        # Ctrl-C: whether the thread has begun is not known, and others must not wait.
        flight.interrupt()
        raise
    return flight


@contextlib.contextmanager
def may_wait_for(key: Hashable) -> Iterator[None]:
    """Let a flight's thread wait for another flight, as of a login that it needs.

    Args:
        key: What that flight is about. It must never wait for this one in turn.
    """
    before = _awaited.set(key)
    try:
        yield
    finally:
        _awaited.reset(before)


def in_context(context: Context, work: Callable[[], _Result]) -> _Result:
    """Run a part of a flight's work with the context variables of its caller.

    What the caller's code finds there (a web framework's request, say) it finds only
    in its own context. That it runs inside a flight is known there all the same.

    Args:
        context: A copy of the caller's context; others may use it meanwhile.
        work: What to run.
    """

    def inside() -> _Result:
        _inside.set(True)
        return work()

    return context.copy().run(inside)


def _start(work: Callable[[], None]) -> None:
    """Run something on a thread of its own.

    Raises:
        RuntimeError: There can be none.
    """
    if _among_greenlets_that_stop():
        raise RuntimeError("gevent's thread pool does not wait for greenlets")
    # Not a daemon: the interpreter must not end between answer and save.
    threading.Thread(
        target=_fly, args=(work,), name="oauth_auth renewal", daemon=False
    ).start()


def _fly(work: Callable[[], None]) -> None:
    with forking.flight():
        work()


def _among_greenlets_that_stop() -> bool:
    """Whether a new thread might stop half way.

    Where gevent has made greenlets of threads they run on the real thread that started
    them, and only while that waits in gevent's loop. Those of gevent's thread pool do
    not, between two tasks: a flight would stop there, and hold the record's lock.
    """
    return greenlets.are_threads() and not sys.modules["gevent"].get_hub().main_hub


@final
class _Crowd:
    """Those who wait for one flight: the tasks of one event loop, or all threads.

    Args:
        loop: The loop's own object; None for threads.
    """

    __slots__ = ("_began", "_loop", "_number", "_rounds", "events")

    def __init__(self, loop: Any) -> None:
        self._loop: Final = loop
        #: Complete when they are woken.
        self.events: Final[deque[Any]] = deque()
        self._number = 0
        self._rounds = 0
        self._began = 0.0

    def wake(self) -> None:
        """Wake them all, from any thread.

        Those of a loop not at once: it would stand still until all had sent their
        requests, and each call from here into the loop costs a system call.
        """
        loop = self._loop
        if loop is None:
            for event in self.events:
                event.set()
            return
        self._number = len(self.events)
        self._began = time.monotonic()
        # anyio's own calls from threads wait for the loop to answer; one blocked loop
        # would then keep the result from all others.
        self._soon(getattr(loop, "call_soon_threadsafe", None) or loop.run_sync_soon)

    def _wake_some(self) -> None:
        part = (time.monotonic() - self._began) / _SECONDS_ALL
        due = max(1 + self._rounds // _ROUNDS_EACH, int(part * self._number))
        self._rounds += 1
        while self.events and self._number - len(self.events) < due:
            self.events.popleft().set()
        if self.events:
            self._soon(
                getattr(self._loop, "call_soon", None) or self._loop.run_sync_soon
            )

    def _soon(self, schedule: Callable[[Callable[[], None]], object]) -> None:
        # Where the loop has ended its tasks have too.
        with contextlib.suppress(RuntimeError):
            schedule(self._wake_some)


@final
class Flight(Generic[_Result]):
    """One piece of work under way."""

    def __init__(
        self,
        state: _State,
        key: Hashable,
        work: Callable[[Flight[_Result]], _Result],
    ) -> None:
        self._state: Final = state
        self._key: Final = key
        self._work: Final = work
        self._guard: Final = greenlets.brief_lock()  # guards what follows
        #: By event loop; of threads by None.
        self._crowds: dict[Any, _Crowd] = {}
        self._waiting = 0
        self._published = False
        self._stranded = False
        self._result: _Result | None = None
        self._failure: Any = None

    @property
    def abandoned(self) -> bool:
        """Whether the interpreter is ending and nobody waits for the result."""
        return not self._waiting and not threading.main_thread().is_alive()

    def run(self) -> None:
        """Do the work; called once, on the flight's thread."""
        inside = _inside.set(True)
        try:
            self.publish(self._work(self))
        except errors.OAuthAuthError as error:
            self._fail(error)
        except BaseException as error:  # noqa: BLE001  # waiters must hear of it
            _log.exception("a renewal failed in an unexpected way")
            self._fail(
                errors.OAuthAuthError(
                    f"the renewal failed in an unexpected way "
                    f"({type(error).__name__}); the log has the traceback, and this "
                    "is a defect to report"
                )
            )
        finally:
            _inside.reset(inside)

    def run_for_caller(self) -> None:
        """Do the work on the thread of a caller that wants its result."""
        with self._guard:
            self._waiting += 1
        try:
            self.run()
        finally:
            self._leave()

    def strand(self) -> bool:
        """Give up a flight that has no thread; False if somebody waits for it.

        Who has found it already, and comes to wait only now, does the work itself.
        """
        self._forget()
        with self._guard:
            self._stranded = not self._waiting
            return self._stranded

    def interrupt(self) -> None:
        """Let the waiters go with an error, for the work may never begin."""
        self._fail(
            errors.OAuthAuthError("the renewal was interrupted as it began; try again")
        )

    def publish(self, result: _Result) -> None:
        """Let the waiters go with a result, while the work may go on."""
        self._end(result, None)

    def _fail(self, error: Any) -> None:
        self._end(None, errors.to_facts(error))

    def _end(self, result: _Result | None, failure: Any) -> None:
        # First: a waiter that is not content with the result starts a new flight.
        self._forget()
        with self._guard:
            if self._published:
                return
            self._result, self._failure = result, failure
            self._published = True
            crowds, self._crowds = self._crowds, {}
        for crowd in crowds.values():
            crowd.wake()

    def _forget(self) -> None:
        with self._state.guard:
            if self._state.flights.get(self._key) is self:
                del self._state.flights[self._key]

    def _outcome(self) -> _Result:
        if self._failure is not None:
            # Each waiter raises an error of its own: a shared one would collect the
            # tracebacks of all of them.
            raise errors.from_facts(self._failure)
        return self._result  # type: ignore[return-value] # set unless _failure is

    def _register(self, event: Any, loop: Any = None) -> bool:
        """Have the event set at the end; False if that has come already."""
        with self._guard:
            stranded, self._stranded = self._stranded, False
            if self._published:
                return False
            crowd = self._crowds.get(loop)
            if crowd is None:
                crowd = self._crowds[loop] = _Crowd(loop)
            crowd.events.append(event)
            self._waiting += 1
        if stranded:
            self.run()
        return True

    def _leave(self) -> None:
        with self._guard:
            self._waiting -= 1

    def wait(self) -> _Result:
        """Wait for the end.

        Raises:
            OAuthAuthError: The work failed.
        """
        event = threading.Event()
        if self._register(event):
            try:
                # On Windows Ctrl-C does not end a wait without a limit; and gevent
                # raises where nothing of the same real thread could end it.
                while not event.wait(_WAKE):
                    continue
            finally:
                self._leave()
        return self._outcome()

    async def wait_async(self) -> _Result:
        """Wait for the end without blocking the event loop (asyncio or trio).

        Raises:
            OAuthAuthError: The work failed.
        """
        import anyio
        import anyio.lowlevel

        event = anyio.Event()
        if self._register(event, anyio.lowlevel.current_token().native_token):
            try:
                await event.wait()
            finally:
                self._leave()
        return self._outcome()
