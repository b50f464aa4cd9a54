"""What a fork waits for, so that its child can go on.

A forked child has one thread. What the others were holding stays held in it for ever:

- A module that one of them was importing is locked, and hangs the child's own import.
  This package imports much of what it needs late, on whatever thread needs it first.
- OpenSSL gives each thread that uses TLS a random generator of its own, and takes it
  away when the thread ends. For both it holds a lock without Python's own (the GIL); a
  child that inherits it locked hangs in ``SSL_CTX_new``. Measured amid exchanges that
  follow each other closely: 1 in 200 children.

So a fork waits for such imports, and for exchanges that begin or end, and those that
come meanwhile wait for the fork. Nothing between an answer and its save waits for any
of this, and a fork does not wait for a slow server. What a program does with TLS on
threads of its own is not seen here.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final, final

from oauth_auth import greenlets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

__all__ = ["admit", "brief", "flight", "importing"]

#: The most seconds for which a fork waits for exchanges, or an exchange for forks.
PATIENCE: Final = 2.0
#: The most seconds for which a fork waits for imports, each of which has an end.
IMPORTING: Final = 10.0
#: An exchange that has waited for the network for so many seconds will hardly begin or
#: end during the fork, which takes the system about a millisecond.
AT_REST: Final = 0.2
#: Seconds between two looks.
_LOOK: Final = 0.0005
#: The file name in the frames of Python's import system.
_IMPORT_SYSTEM: Final = "<frozen importlib._bootstrap>"
_PACKAGE: Final = __name__.partition(".")[0]
_NOTHING: Final = contextlib.nullcontext()


def _gone(thread: threading.Thread) -> bool:
    # Python calls a thread ended, and join() returns, before OpenSSL has cleaned up
    # after it. Elsewhere than on Linux nothing more is to be seen.
    task = f"/proc/self/task/{thread.native_id}"
    return not thread.is_alive() and not os.path.exists(task)  # noqa: PTH110  # no pathlib amid a fork


@final
class _Exchange:
    """A thread that was started for one exchange, and ends with it."""

    def __init__(self, at_rest: Callable[[], bool]) -> None:
        self._thread: Final = threading.current_thread()
        self._at_rest: Final = at_rest
        #: When a fork first saw it wait for the network.
        self._resting_since: float | None = None

    @property
    def gone(self) -> bool:
        return _gone(self._thread)

    @property
    def harmless(self) -> bool:
        if self._thread.ident == threading.get_ident() or self.gone:
            return True
        if not self._at_rest():
            return False
        now = time.monotonic()
        self._resting_since = self._resting_since or now
        return now - self._resting_since > AT_REST


@final
class _Flight:
    """A thread that seals and hashes, and must not end during a fork.

    What it does before is done under Python's own lock, which a fork needs as well.
    """

    def __init__(self) -> None:
        self._thread: Final = threading.current_thread()
        #: Whether it does nothing more but end.
        self.leaving = False

    @property
    def gone(self) -> bool:
        return _gone(self._thread)

    @property
    def harmless(self) -> bool:
        return not self.leaving or self.gone


@final
class _State:
    """The threads of this process that forks look at. A forked child has none."""

    def __init__(self) -> None:
        # Reentrant, as a signal handler may fork amid a fork.
        self.guard: Final = threading.Condition()
        #: Those too whose threads have ended and may still be inside OpenSSL.
        self.threads: list[_Exchange | _Flight] = []
        #: The threads that are about to fork.
        self.forking: set[int] = set()
        #: The threads inside `importing` or `brief`, each as often as it is.
        self.importing: list[int] = []
        #: Whose turn it is to import among greenlets.
        self.turns: Final = greenlets.ImportTurns()


_state = _State()


def admit(at_rest: Callable[[], bool]) -> None:
    """Begin an exchange on this thread, which was started for it and ends with it.

    Args:
        at_rest: Says whether the exchange waits for the network, with TLS begun some
            time ago, or not yet.
    """
    state = _state
    with state.guard:
        state.guard.wait_for(lambda: not state.forking, PATIENCE)
        state.threads = [each for each in state.threads if not each.gone]
        state.threads.append(_Exchange(at_rest))


@contextlib.contextmanager
def flight() -> Iterator[None]:
    """Be a flight's thread, which was started for what is inside and ends with it."""
    state, mine = _state, _Flight()
    with state.guard:
        state.threads = [each for each in state.threads if not each.gone]
        state.threads.append(mine)
    try:
        yield
    finally:
        with state.guard:
            state.guard.wait_for(lambda: not state.forking, PATIENCE)
            mine.leaving = True


def importing(module: str) -> AbstractContextManager[None]:
    """Import a module that takes long, not amid a fork.

    What is imported without this is seen while it is under way, but may begin just as
    a process forks.
    """
    if greenlets.are_threads():
        return _NOTHING if _state.turns.loaded(module) else _in_turn(module)
    return _NOTHING if module in sys.modules else brief()


@contextlib.contextmanager
def _in_turn(module: str) -> Iterator[None]:
    with _state.turns.take(module), brief():
        yield


@contextlib.contextmanager
def brief() -> Iterator[None]:
    """Do something that has an end, not amid a fork, such as opening a connection.

    Its beginning waits for forks, but for those of its own thread, and a fork for its
    end.
    """
    state, me = _state, threading.get_ident()
    with state.guard:
        state.guard.wait_for(
            lambda: me in state.importing or not state.forking - {me}, PATIENCE
        )
        state.importing.append(me)
    try:
        yield
    finally:
        with state.guard:
            state.importing.remove(me)


def _we_import() -> bool:
    """Whether another thread is amid an import or the like that we asked for."""
    me = threading.get_ident()
    if any(thread_id != me for thread_id in _state.importing):
        return True
    return any(
        _imports(frame)
        for thread_id, frame in sys._current_frames().items()
        if thread_id != me
    )


def _imports(frame: Any) -> bool:
    importing = False
    while frame is not None:
        if frame.f_code.co_filename == _IMPORT_SYSTEM:
            importing = True
        elif importing:
            module = str(frame.f_globals.get("__name__"))
            if module.partition(".")[0] == _PACKAGE:
                return True
        frame = frame.f_back
    return False


def _before() -> None:
    state = _state
    with state.guard:
        state.forking.add(threading.get_ident())
        threads = state.threads
    _wait_for_imports()
    _wait_while(lambda: not all(each.harmless for each in threads), PATIENCE)


def _wait_for_imports() -> None:
    """Wait for imports, with filelock's own hook called just once by then.

    Filelock prepares forks itself, from the middle of its import on: it has others
    wait that would make locks. Where Python has called its hook before this one, the
    import itself may be waiting there. Where its import ends only now, Python calls no
    more than the hooks for the fork's end: the one in the parent would complain on
    stderr, and the child inherit the locks that are held.
    """
    called, known = _filelock_waits(), _filelock() is not None
    if not _we_import():
        return
    if called:
        _filelock()._resume_parent_after_fork()
    _wait_while(_we_import, IMPORTING)
    prepares = _filelock()
    if prepares is not None and (called or not known):
        prepares._pin_fork_objects()


def _wait_while(condition: Callable[[], bool], patience: float) -> None:
    deadline = time.monotonic() + patience
    while condition() and time.monotonic() < deadline:
        time.sleep(_LOOK)


def _filelock() -> Any:
    """Return the module that has Python call hooks; None before it does."""
    module: Any = sys.modules.get("filelock._core._fork")
    # Its last statement: without it the hooks are not there yet.
    return module if hasattr(module, "__all__") else None


def _filelock_waits() -> bool:
    """Whether filelock's hook for this thread's fork was called already."""
    state: Any = getattr(_filelock(), "_FORK_STATE", None)
    return threading.get_ident() in getattr(state, "fork_owner_depths", ())


def _after_in_parent() -> None:
    with _state.guard:
        _state.forking.discard(threading.get_ident())
        _state.guard.notify_all()


def _after_in_child() -> None:
    global _state  # noqa: PLW0603  # one state per process
    _state = _State()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before,
        after_in_parent=_after_in_parent,
        after_in_child=_after_in_child,
    )
