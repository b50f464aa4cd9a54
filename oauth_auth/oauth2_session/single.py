"""Single flight among the threads of a session whose token is in memory."""

from __future__ import annotations

import os
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, TypeVar, final

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["SingleFlight"]

_Result = TypeVar("_Result")


@final
class SingleFlight:
    """Work that several threads want at once, done by the first of them."""

    __slots__ = ("_under_way",)

    def __init__(self) -> None:
        self._under_way: Final[dict[Hashable, Future[Any]]] = {}

    def run(self, key: Hashable, work: Callable[[], _Result]) -> _Result:
        """Do the work, or wait for the thread that is doing it.

        Raises:
            Exception: What the work raised, in every thread that wanted it.
        """
        # A dictionary tells which thread is the first, with no lock that a fork could
        # leave held; and a child must not wait for a thread that only its parent has.
        key = (os.getpid(), key)
        mine: Future[_Result] = Future()
        while True:
            first: Future[_Result] = self._under_way.setdefault(key, mine)
            if first is mine:
                return self._do(key, mine, work)
            try:
                return first.result()
            except Exception:
                raise
            except BaseException:  # Ctrl-C struck the other thread
                if not first.done():
                    raise
                continue

    def _do(
        self, key: Hashable, mine: Future[_Result], work: Callable[[], _Result]
    ) -> _Result:
        try:
            result = work()
        except BaseException as error:
            self._under_way.pop(key, None)
            mine.set_exception(error)
            raise
        self._under_way.pop(key, None)
        mine.set_result(result)
        return result
