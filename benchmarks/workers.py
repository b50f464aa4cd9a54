"""Worker processes that begin at the same instant.

They are forked from a server that has imported everything, so that what is measured
is workers that have been running for a while.
"""

from __future__ import annotations

import multiprocessing
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Gate", "together"]

_CONTEXT = multiprocessing.get_context("forkserver")
#: Between the last worker's arrival and the instant, in seconds.
_LEAD = 0.1
#: Seconds for what takes few, unless it is broken or the machine is busy.
_PATIENCE = 120.0


class Gate:
    """Where workers wait for each other; `pass_through` may be called many times.

    Args:
        workers: How many there are.
    """

    def __init__(self, workers: int) -> None:
        self._instant = _CONTEXT.Value("d", 0.0)
        self._barrier = _CONTEXT.Barrier(workers)

    def pass_through(self) -> float:
        """Wait until all are here; return the instant at which all begin.

        A barrier wakes one waiter after another, so all of them sleep until a moment
        when everybody is awake.
        """
        if self._barrier.wait(_PATIENCE) == 0:
            self._instant.value = time.monotonic() + _LEAD
        self._barrier.wait(_PATIENCE)
        instant: float = self._instant.value
        time.sleep(max(0.0, instant - time.monotonic()))
        return instant


def together(
    work: Callable[..., Any], workers: int, *arguments: Any, preload: Sequence[str] = ()
) -> list[Any]:
    """Run a function in several processes, and return what they return.

    Args:
        work: Called with a `Gate`, the worker's number and the arguments; importable.
        workers: How many.
        arguments: For the function.
        preload: Modules that the first call of all has imported for every worker.

    Raises:
        RuntimeError: A worker ended without a result.
    """
    _CONTEXT.set_forkserver_preload(["benchmarks.preloaded", *preload])
    gate, results = Gate(workers), _CONTEXT.SimpleQueue()
    processes = [
        _CONTEXT.Process(target=_run, args=(work, gate, results, number, arguments))
        for number in range(workers)
    ]
    for process in processes:
        process.start()
    found: dict[int, Any] = {}
    give_up = time.monotonic() + _PATIENCE
    while len(found) < workers:
        if not results.empty():
            number, result = results.get()
            found[number] = result
            continue
        failed = [process for process in processes if process.exitcode]
        if failed or time.monotonic() > give_up:
            for process in processes:
                process.kill()
            raise RuntimeError(
                f"{len(failed)} of {workers} workers failed; see the error output"
            )
        time.sleep(0.005)
    for process in processes:
        process.join()
    return [found[number] for number in range(workers)]


def _run(
    work: Callable[..., Any], gate: Gate, results: Any, number: int, arguments: Any
) -> None:
    results.put((number, work(gate, number, *arguments)))
