"""A flight's thread and a fork: neither may end in the other."""

import threading

from oauth_auth import flight, forking

FOREVER = 20.0


def threads_of_flights():
    return [t for t in threading.enumerate() if t.name == "oauth_auth renewal"]


def test_a_flights_thread_does_not_end_during_a_fork():
    """OpenSSL cleans up after a thread, and a child would inherit its lock. M69."""
    state = forking._state
    with state.guard:
        state.forking.add(0)
    try:
        assert flight.join("key", lambda _: "token").wait() == "token"
        (thread,) = threads_of_flights()
        thread.join(0.1)
        assert thread.is_alive()
    finally:
        with state.guard:
            state.forking.discard(0)
            state.guard.notify_all()
    thread.join(FOREVER)
    assert not thread.is_alive()


def test_a_fork_waits_for_a_flights_thread_that_ends(monkeypatch):
    """Until the system has let it go, which is after Python calls it ended. M69."""
    looks = []
    flight.join("key", lambda _: "token").wait()
    for thread in threads_of_flights():
        thread.join(FOREVER)
    monkeypatch.setattr(forking, "_gone", lambda _: len(looks) > 3)
    monkeypatch.setattr(forking.time, "sleep", looks.append)
    try:
        forking._before()
    finally:
        forking._after_in_parent()
    assert len(looks) == 4


def test_a_fork_does_not_wait_for_a_flight_under_way():
    """The server may be slow, and what a flight does meanwhile needs the GIL."""
    release = threading.Event()
    under_way = flight.join("key", lambda _: release.wait(FOREVER))
    try:
        forking._before()
        assert threads_of_flights()
    finally:
        forking._after_in_parent()
        release.set()
    assert under_way.wait()
