"""Flights where threads are hard to come by."""

import contextvars
import threading
import time
from collections import Counter

import anyio
import anyio.lowlevel
import pytest

from oauth_auth import errors, flight

KEY = "a record"
LIMIT = 20.0


def refuse_thread(monkeypatch, error, first=lambda: None):
    """Have the next flight's thread not start.

    Args:
        monkeypatch: The fixture.
        error: What starting it raises.
        first: Called first.
    """
    start = threading.Thread.start

    def replaced(thread):
        if thread.name != "oauth_auth renewal":
            start(thread)
            return
        monkeypatch.undo()
        first()
        raise error

    monkeypatch.setattr(threading.Thread, "start", replaced)


def result_of(under_way):
    """Wait for a flight, but not for ever; return its result or error."""
    said = []

    def wait():
        try:
            said.append(under_way.wait())
        except errors.OAuthAuthError as error:
            said.append(error)

    waiter = threading.Thread(target=wait, daemon=True)
    waiter.start()
    waiter.join(LIMIT)
    assert said, "it waits for ever"
    return said[0]


NO_THREAD = RuntimeError("can't start new thread")


def work(_):
    return "done"


@pytest.fixture(autouse=True)
def _no_flights():
    yield
    assert KEY not in flight._state.flights


def test_the_background_does_without(monkeypatch):
    """Where no thread can be started nothing is renewed ahead of time."""
    refuse_thread(monkeypatch, NO_THREAD)
    assert flight.join(KEY, work, background=True) is None
    assert result_of(flight.join(KEY, work)) == "done"


def test_the_foreground_does_the_work_itself(monkeypatch):
    """It counts as waiting, so that the work is not given up at interpreter exit."""
    seen = []
    refuse_thread(monkeypatch, NO_THREAD)
    with monkeypatch.context() as patch:
        ended = threading.Thread()  # never started, so it is not alive
        patch.setattr(threading, "main_thread", lambda: ended)
        under_way = flight.join(KEY, lambda each: seen.append(each.abandoned))
        assert result_of(under_way) is None
        assert seen == [False]
        assert under_way.abandoned


def test_who_finds_a_flight_without_a_thread_does_its_work(monkeypatch):
    """It was about to be given up by the background, and somebody wants it."""
    found = []
    refuse_thread(monkeypatch, NO_THREAD, lambda: found.append(flight.join(KEY, work)))
    assert flight.join(KEY, work, background=True) is None
    assert result_of(found[0]) == "done"
    assert result_of(found[0]) == "done"


def test_who_waits_for_a_flight_without_a_thread_gets_its_result(monkeypatch):
    """The background does the work after all if somebody waits for it."""
    said = []

    def find():
        under_way = flight.join(KEY, work)
        waiter = threading.Thread(
            target=lambda: said.append(under_way.wait()), daemon=True
        )
        waiter.start()
        while not under_way._waiting:
            waiter.join(0.002)
        threads.append(waiter)

    threads = []
    refuse_thread(monkeypatch, NO_THREAD, find)
    assert flight.join(KEY, work, background=True) is not None
    threads[0].join(LIMIT)
    assert said == ["done"]


def test_ctrl_c_while_a_thread_starts_lets_nobody_wait(monkeypatch):
    """Others that have found the flight are told, and the next one starts anew."""
    found = []
    refuse_thread(
        monkeypatch, KeyboardInterrupt(), lambda: found.append(flight.join(KEY, work))
    )
    with pytest.raises(KeyboardInterrupt):
        flight.join(KEY, work)
    assert "interrupted" in str(result_of(found[0]))
    assert result_of(flight.join(KEY, work)) == "done"


def test_no_lock_is_held_while_a_thread_starts(monkeypatch):
    """Under gevent others run meanwhile, and would block each other for ever."""
    free = []

    def look():
        free.append(flight._state.guard.acquire(blocking=False))
        flight._state.guard.release()

    refuse_thread(monkeypatch, NO_THREAD, look)
    assert result_of(flight.join(KEY, work)) == "done"
    assert free == [True]


def test_work_in_the_callers_context_is_known_to_be_inside():
    """It sees the caller's variables, several at once, and does not wait for itself."""
    variable = contextvars.ContextVar("variable")
    variable.set("the caller's")
    context = contextvars.copy_context()
    seen = []

    def inner():
        seen.append(variable.get())
        with pytest.raises(flight.Reentered):
            flight.join(KEY, work)

    def outer(_):
        flight.in_context(context, lambda: flight.in_context(context, inner))

    result_of(flight.join(KEY, outer))
    assert seen == ["the caller's"]
    assert flight.join(KEY, work).wait() == "done"


def test_a_flight_waits_for_the_one_that_it_may_wait_for():
    """A login that another one depends on is waited for; no other flight is."""
    go_on = threading.Event()
    said = []

    def slow(_):
        assert go_on.wait(LIMIT)
        return "needed"

    needed = flight.join("needed", slow)
    other = flight.join("other", slow)

    def outer(_):
        with flight.may_wait_for("needed"):
            for key in (KEY, "other"):
                with pytest.raises(flight.Reentered):
                    flight.join(key, work)
            under_way = flight.join("needed", work)
            go_on.set()
            said.append(under_way.wait())
        with pytest.raises(flight.Reentered):
            flight.join(KEY, work)
        return "done"

    assert result_of(flight.join(KEY, outer)) == "done"
    assert said == ["needed"]
    assert {result_of(needed), result_of(other)} == {"needed"}


class Rounds:
    """Counts the rounds of an event loop."""

    def __init__(self):
        self.number = 0
        self.going = True

    async def count(self):
        while self.going:
            self.number += 1
            await anyio.lowlevel.checkpoint()


def crowded(backend, tasks, leaving=0):
    """Let tasks wait for one flight.

    Args:
        backend: What anyio calls the loop.
        tasks: How many.
        leaving: How many of them are cancelled as they wait.

    Returns:
        In which rounds of the loop they went on, in the order in which they did.
    """
    woken, rounds, gate = [], Rounds(), threading.Event()
    under_way = flight.join(KEY, lambda _: gate.wait(LIMIT) and "done")

    async def wait(number):
        assert await under_way.wait_async() == "done"
        woken.append((number, rounds.number))
        rounds.going = len(woken) < tasks

    async def main():
        with anyio.fail_after(LIMIT):
            await crowd()

    async def crowd():
        async with anyio.create_task_group() as every:
            async with anyio.create_task_group() as some:
                for number in range(tasks, tasks + leaving):
                    some.start_soon(wait, number)
                await anyio.wait_all_tasks_blocked()
                some.cancel_scope.cancel()
            for number in range(tasks):
                every.start_soon(wait, number)
            await anyio.wait_all_tasks_blocked()
            every.start_soon(rounds.count)
            gate.set()

    anyio.run(main, backend=backend)
    assert not under_way._waiting
    return woken


class Clock:
    """Plays the module `time`: each look at it takes so many seconds."""

    def __init__(self, step):
        self._now, self._step = 0.0, step

    def monotonic(self):
        self._now += self._step
        return self._now


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_loop_goes_round_while_its_tasks_are_woken(backend, monkeypatch):
    """A thousand that all went on in one round would let nothing else in."""
    monkeypatch.setattr(flight, "time", Clock(0.0))
    woken = crowded(backend, 1000)
    assert sorted(number for number, _ in woken) == list(range(1000))
    in_one = Counter(number for _, number in woken)
    assert max(in_one.values()) == 1
    rounds = woken[-1][1] - woken[0][1]
    assert rounds == pytest.approx(flight._ROUNDS_EACH * 1000, rel=0.1)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_loop_with_long_rounds_wakes_more_in_each(backend, monkeypatch):
    """The last one would wait for a minute where a round takes 20 ms."""
    monkeypatch.setattr(flight, "time", Clock(0.02))
    woken = crowded(backend, 1000)
    assert sorted(number for number, _ in woken) == list(range(1000))
    rounds = woken[-1][1] - woken[0][1]
    assert 5 < rounds <= flight._SECONDS_ALL / 0.02 + 2
    in_one = Counter(number for _, number in woken)
    assert max(in_one.values()) <= 2 * 1000 / rounds


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_who_has_left_holds_up_nobody(backend):
    """Tasks that were cancelled are woken in vain, and the others still are."""
    woken = crowded(backend, 5, leaving=5)
    assert sorted(number for number, _ in woken) == list(range(5))


def test_all_threads_and_loops_are_woken():
    """Two loops and two threads wait for one flight."""
    gate, said = threading.Event(), []
    under_way = flight.join(KEY, lambda _: gate.wait(LIMIT) and "done")

    async def both():
        async with anyio.create_task_group() as group:
            for _ in range(2):
                group.start_soon(one)

    async def one():
        said.append(await under_way.wait_async())

    threads = [
        threading.Thread(target=work, daemon=True)
        for work in (
            lambda: said.append(under_way.wait()),
            lambda: said.append(under_way.wait()),
            lambda: anyio.run(both),
            lambda: anyio.run(both, backend="trio"),
        )
    ]
    for thread in threads:
        thread.start()
    end = time.monotonic() + LIMIT
    while under_way._waiting < 6 and time.monotonic() < end:
        time.sleep(0.001)
    gate.set()
    for thread in threads:
        thread.join(LIMIT)
    assert said == ["done"] * 6
