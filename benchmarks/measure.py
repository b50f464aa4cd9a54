"""Timing: candidates interleaved in shuffled order, and what came of the rounds."""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable, Mapping, Sequence

__all__ = ["Spread", "interleaved", "per_call", "per_call_async", "percentile", "ratio"]

_Item = TypeVar("_Item")
_Figure = TypeVar("_Figure")


class Spread(NamedTuple):
    """What several rounds gave."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float], scale: float = 1.0) -> Spread:
        """Return the spread of some values, multiplied by a scale."""
        return cls(
            statistics.median(values) * scale, min(values) * scale, max(values) * scale
        )


def interleaved(
    tries: Mapping[str, Callable[[], _Figure]],
    *,
    rounds: int,
    chance: random.Random,
    warm_up: bool = True,
) -> dict[str, list[_Figure]]:
    """Run every candidate once a round, in another order each time.

    What disturbs the machine for a while then disturbs all of them alike.

    Args:
        tries: What to run, by name.
        rounds: How often.
        chance: Decides the orders.
        warm_up: Run each of them once before, and forget the figure.

    Returns:
        The figures of each candidate, in the order of `tries`.
    """
    figures: dict[str, list[_Figure]] = {name: [] for name in tries}
    if warm_up:
        for run in tries.values():
            run()
    for _ in range(rounds):
        names = list(tries)
        chance.shuffle(names)
        for name in names:
            figures[name].append(tries[name]())
    return figures


def per_call(run: Callable[[_Item], Any], items: Sequence[_Item]) -> float:
    """Return the CPU seconds that one call takes, on average over all items.

    For what waits for nothing: others who use the machine then disturb it least.
    """
    gc.collect()
    gc.disable()
    try:
        start = time.process_time()
        for item in items:
            run(item)
        return (time.process_time() - start) / len(items)
    finally:
        gc.enable()


def per_call_async(
    run: Callable[[_Item], Awaitable[Any]], items: Sequence[_Item]
) -> float:
    """Return what `per_call` does, for coroutines; a loop's start does not count."""

    async def measured() -> float:
        start = time.process_time()
        for item in items:
            await run(item)
        return time.process_time() - start

    gc.collect()
    gc.disable()
    try:
        return asyncio.run(measured()) / len(items)
    finally:
        gc.enable()


def ratio(values: Sequence[float], floor: Sequence[float]) -> float:
    """Return the ratio of two medians."""
    return statistics.median(values) / statistics.median(floor)


def percentile(values: Sequence[float], part: float) -> float:
    """Return the value that a part (0 to 1) of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]
