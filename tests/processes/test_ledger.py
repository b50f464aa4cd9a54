"""The judgement of lost logins, from logs made up for it."""

import pytest

from oauth_auth.testing import TokenRequest
from tests.processes.fleet import Death
from tests.processes.ledger import (
    ARRIVED,
    DIED,
    IDLE,
    LATE,
    REFUSED,
    WIRE,
    losses,
    unsaved,
)

NOBODY = {}


def request(
    token, at, worker, *, issued=None, status=None, answered=True, settled=None
):
    """Return what a server logs of a refresh."""
    return TokenRequest(
        time=at,
        grant_type="refresh_token",
        client_id="client",
        client_auth="client_secret_basic",
        headers=(),
        parameters=(),
        refresh_token=token,
        status=status or (200 if issued else 400),
        query=f"worker={worker}",
        settled=at + 0.01 if settled is None else settled,
        issued=issued,
        answered=answered,
    )


def dead(at, *kept):
    """Return a death at which the store held some refresh tokens."""
    return Death(at, frozenset(kept))


def reasons(log, deaths, **options):
    """Return why logins were lost."""
    return [loss.reason for loss in losses(log, deaths, **options)]


#: Worker 1 spends A for B; worker 2 spends A again.
REUSE = [request("A", 1.0, 1, issued="B"), request("A", 3.0, 2)]


@pytest.mark.parametrize(
    ("deaths", "reason"),
    [
        (NOBODY, ARRIVED),
        ({1: dead(2.0, "A")}, DIED),
        ({1: dead(2.0, "B")}, ARRIVED),
        ({1: dead(4.0, "A")}, ARRIVED),
        ({2: dead(2.0, "A")}, ARRIVED),
    ],
)
def test_an_answer_dies_with_its_worker_before_it_is_saved(deaths, reason):
    """Only the death of the worker that asked, in time, with nothing saved, counts."""
    assert reasons(REUSE, deaths) == [reason]


def test_an_answer_that_was_not_sent_is_lost_on_the_wire():
    """Who never got an answer could not keep it."""
    log = [request("A", 1.0, 1, issued="B", answered=False), request("A", 1.1, 1)]
    assert reasons(log, NOBODY) == [WIRE]


def test_a_successor_that_was_used_has_arrived():
    """To go back to an older token is never forgiven, whoever is dead."""
    log = [
        request("A", 1.0, 1, issued="B"),
        request("B", 2.0, 2, issued="C"),
        request("A", 3.0, 3),
    ]
    assert reasons(log, {1: dead(1.5)}) == [ARRIVED]


def test_a_login_is_lost_once():
    """What follows the reuse, of this token or a later one, is no further loss."""
    log = [*REUSE, request("A", 4.0, 3), request("B", 5.0, 3)]
    assert reasons(log, NOBODY) == [ARRIVED]


def test_no_login_is_lost_without_reuse():
    """Refusals of other kinds end no login here."""
    log = [request("A", 1.0, 1, issued="B"), request("X", 3.0, 2)]
    assert reasons(log, {1: dead(2.0)}) == []


@pytest.mark.parametrize(
    ("deaths", "answered", "reason"),
    [
        ({1: dead(1.5)}, True, LATE),
        (NOBODY, False, LATE),
        (NOBODY, True, ARRIVED),
        ({1: dead(2.5)}, True, ARRIVED),
    ],
)
def test_a_request_of_one_that_has_left_is_processed_late(deaths, answered, reason):
    """Only if its sender had left before the other one asked."""
    log = [
        request("A", 1.0, 1, answered=answered, settled=3.0),
        request("A", 2.0, 2, issued="B", settled=2.1),
    ]
    assert reasons(log, deaths) == [reason]


class TestWithGraceWindow:
    """The server repeats its answer for 5 s, so that more can be kept."""

    def lost(self, *between, death=2.0, reuse=9.0, deaths=None):
        log = [request("A", 1.0, 1, issued="B"), *between, request("A", reuse, 9)]
        (reason,) = reasons(log, {1: dead(death), **(deaths or {})}, grace=5.0)
        return reason

    def test_somebody_must_ask_again(self):
        """Idleness while the server would have answered is no excuse."""
        assert self.lost() == IDLE
        assert self.lost(request("A", 7.0, 2, status=503)) == IDLE

    def test_the_server_may_have_failed_meanwhile(self):
        """Who asked in time and got no token has done what can be done."""
        assert self.lost(request("A", 3.0, 2, status=503)) == REFUSED

    def test_the_worker_may_have_died_too_late(self):
        """An answer held until the window has passed cannot be had again."""
        assert self.lost(death=7.0) == DIED

    def test_a_repeated_answer_must_die_too(self):
        """One that arrived was to be kept; one that died leaves its time to ask."""
        again = request("A", 3.0, 2, issued="B")
        assert self.lost(again) == ARRIVED
        assert self.lost(again, deaths={2: dead(4.0)}) == IDLE
        assert self.lost(again, deaths={2: dead(6.5)}) == DIED


def test_unsaved_finds_answers_that_died():
    """Those that nobody used, and that were in the store neither then nor later."""
    log = [
        request("A", 1.0, 1, issued="B"),
        request("B", 2.0, 2, issued="C"),
        request("D", 3.0, 3, issued="E"),
        request("F", 4.0, 4, issued="G"),
        request("H", 5.0, 5, issued="I"),
    ]
    deaths = {1: dead(1.5), 2: dead(2.5), 3: dead(3.5, "E"), 4: dead(4.5)}
    assert unsaved(log, deaths, {"C", "G"}) == set()
    assert unsaved(log, deaths, {"G"}) == {"B"}
