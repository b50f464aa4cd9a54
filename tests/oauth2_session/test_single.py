"""Single flight among threads: one works, the others wait."""

import os
import threading

import pytest

from oauth_auth.oauth2_session.single import SingleFlight
from tests.stores.children import at_once

LIMIT = 20.0


def start(work):
    """Run something on a thread; return a function that waits for what came of it."""
    came = []

    def run():
        try:
            came.append(work())
        except BaseException as error:
            came.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def result():
        thread.join(LIMIT)
        assert came, "it waits for ever"
        return came[0]

    return result


def waiting(flights, number):
    """Wait until so many threads wait for the one that works."""
    pause = threading.Event()
    for _ in range(int(LIMIT * 100)):
        futures = list(flights._under_way.values())
        if futures and len(futures[0]._condition._waiters) >= number:
            return
        pause.wait(0.01)
    raise AssertionError("nobody waits")


class Work:
    """Counts how often it is done, and ends when it is told to."""

    def __init__(self, outcome="done"):
        self.times = 0
        self.begun, self.end = threading.Event(), threading.Event()
        self.outcome = outcome

    def __call__(self):
        self.times += 1
        self.begun.set()
        self.end.wait(LIMIT)
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


@pytest.mark.parametrize("outcome", ["done", ZeroDivisionError()])
def test_all_get_what_the_first_gets(outcome):
    """Its result, or its error; and the next call starts anew."""
    flights, work = SingleFlight(), Work(outcome)
    results = [start(lambda: flights.run("key", work)) for _ in range(4)]
    waiting(flights, 3)
    work.end.set()
    assert [result() for result in results] == [outcome] * 4
    assert work.times == 1
    again = Work("again")
    again.end.set()
    assert flights.run("key", again) == "again"


def test_other_keys_do_not_wait():
    """Another refresh token is another matter."""
    flights, work = SingleFlight(), Work()
    result = start(lambda: flights.run("one", work))
    assert work.begun.wait(LIMIT)
    assert flights.run("other", lambda: "free") == "free"
    work.end.set()
    assert result() == "done"


def test_ctrl_c_in_the_thread_that_works_ends_that_thread_alone():
    """One of those who wait does it in its place."""
    flights, work = SingleFlight(), Work(KeyboardInterrupt())
    first = start(lambda: flights.run("key", work))
    assert work.begun.wait(LIMIT)
    second = start(lambda: flights.run("key", lambda: "mine"))
    waiting(flights, 1)
    work.end.set()
    assert isinstance(first(), KeyboardInterrupt)
    assert second() == "mine"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_child_does_not_wait_for_its_parents_thread():
    """That thread exists in the parent only."""
    flights, work = SingleFlight(), Work()
    result = start(lambda: flights.run("key", work))
    assert work.begun.wait(LIMIT)
    assert at_once([lambda: flights.run("key", lambda: "the child's")]) == [
        "the child's"
    ]
    work.end.set()
    assert result() == "done"
