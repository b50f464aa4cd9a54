"""Workers that are killed, or stand still, at any instant of a renewal."""

import os
import random

import pytest

from oauth_auth.testing import Fault
from tests.processes.fleet import in_foreman, kinds
from tests.processes.hammering import LOST, Caller, Hammer, Havoc, Place
from tests.processes.ledger import losses, unsaved
from tests.processes.moments import RENEWED, Once, killed, paused

#: Of what happens when; the scheduling of processes adds to it.
SEED = int(os.environ.get("KILLS_SEED", random.randrange(10**6)))
#: So late that the worker is paused before, on a busy machine too.
ANSWER_IN_2_S = Fault(delay_after=2.0)


@pytest.fixture
def make_place(oauth_server_factory, tmp_path):
    """Make the place of one login, at a new server."""

    def make(account="alice", **settings):
        server = oauth_server_factory(**settings)
        return Place(server, tmp_path / "store", account)

    return make


def crew(alice):
    """Return jobs for one login in high demand, and for one in low."""
    bob = alice._replace(account="bob")
    return [Hammer(alice), Hammer(alice), Hammer(bob), Caller(bob)]


def what_is_left(path):
    """Return the files that a killed worker may have left half-written."""
    return [
        file
        for file in path.rglob("*")
        if file.name.startswith(".") or ".corrupt-" in file.name
    ]


def renewals(number):
    """Have a test go on for so many renewals, or for twenty times as many."""
    longer = pytest.param(20 * number, marks=pytest.mark.long)
    return pytest.mark.parametrize("renewals", [number, longer])


class TestAtRandomInstants:
    """SIGKILL and SIGSTOP over 150 renewals; with ``-m long``, over 3,000."""

    @renewals(75)
    def test_no_login_is_lost_within_a_grace_window(self, make_place, renewals):
        """Whoever dies or stands still, no request of the others fails. M82, M87."""
        place = make_place(rotation="grace", grace=60.0, access_token_lifetime=3.0)
        havoc = Havoc(SEED, renewals, longest_pause=0.8)
        outcome = in_foreman(havoc, crew(place))
        counts = place.server.counts()
        assert outcome.reports == [], f"seed {SEED}"
        assert outcome.crashed == []
        assert counts.reuse_detected == counts.families_revoked == 0
        assert counts.refreshes_granted >= renewals
        assert outcome.succeeded > renewals
        # Of each record at most its one temporary file for claims, and for marks.
        assert len(what_is_left(place.path)) <= 2 * len(list(place.store.records()))

    @renewals(75)
    def test_without_one_only_answers_that_died_take_a_login_with_them(
        self, make_place, renewals
    ):
        """Each lost login is one whose answer died with its worker, and says so."""
        place = make_place(rotation="strict", access_token_lifetime=3.0)
        # Answers that are under way longer are more often under way at a kill.
        place.server.token_faults.delay(after=0.01, times=None)
        havoc = Havoc(SEED, renewals, losses=2, longest_pause=0.8)
        outcome = in_foreman(havoc, crew(place))
        counts = place.server.counts()
        log = place.server.token_log()
        lost = losses(log, outcome.deaths)
        assert [loss for loss in lost if loss.avoidable] == [], f"seed {SEED}"
        assert {loss.token for loss in lost} == unsaved(
            log, outcome.deaths, outcome.kept
        )
        assert len(lost) == counts.families_revoked >= 2
        assert counts.refreshes_granted >= renewals
        told = [r for r in outcome.reports if r.what == "LoginRequired"]
        assert len(told) >= len(lost)
        assert all(report.answer_lost for report in told)
        # A request may be under way while its login is lost.
        assert set(kinds(outcome.reports)) <= {"LoginRequired", LOST, "status 401"}
        assert outcome.crashed == []
        # The last of each of the two people may be noticed only at the end.
        assert 0 <= len(lost) - outcome.new_logins <= 2


class TestKilledInTheMiddle:
    """A worker that is killed while it waits for the answer to its token request."""

    @pytest.mark.parametrize("rotation", ["grace", "strict"])
    def test_an_answer_that_was_granted(self, make_place, rotation):
        """The next worker gets it again within a grace window; else it is lost. M87."""
        place = make_place(rotation=rotation)
        outcome = in_foreman(killed, place, Fault(delay_after=60), True)
        (report,) = outcome.reports
        counts = place.server.counts()
        if rotation == "grace":
            assert report.what == RENEWED
            assert counts.replays_in_grace == 1
        else:
            assert report.what == "LoginRequired"
            assert report.answer_lost
            assert "no client could have kept" in report.text
        assert counts.families_revoked == (rotation == "strict")
        assert counts.token_requests == 2
        found = losses(place.server.token_log(), outcome.deaths)
        assert len(found) == counts.families_revoked
        assert not any(loss.avoidable for loss in found)

    def test_a_request_that_the_server_never_saw(self, make_place):
        """The next worker renews, with no grace window either."""
        place = make_place(rotation="strict")
        fault = Fault(delay_before=1.0, drop="before")
        outcome = in_foreman(killed, place, fault, False)
        assert [report.what for report in outcome.reports] == [RENEWED]
        assert place.server.counts().families_revoked == 0


class TestStandingStill:
    """A worker that stands still while it waits for the answer, holding the lock."""

    def test_longer_than_the_grace_window(self, make_place):
        """Nobody else spends its refresh token, and all get its new one. M21."""
        place = make_place(rotation="grace", grace=0.5)
        outcome = in_foreman(
            paused, place, ANSWER_IN_2_S, 1.0, Once(place), [Once(place)] * 2
        )
        assert [report.what for report in outcome.reports] == [RENEWED] * 3
        assert outcome.asked_meanwhile == 1
        assert place.server.counts().token_requests == 1

    def test_longer_than_the_others_wait(self, make_place):
        """They give up without a request, may try again, and nothing is lost. M21."""
        place = make_place(rotation="strict")
        outcome = in_foreman(
            paused,
            place,
            ANSWER_IN_2_S,
            None,
            Once(place),
            [Once(place, patience=0.6)] * 2,
        )
        assert [report.what for report in outcome.reports] == [
            "StoreLocked",
            "StoreLocked",
            RENEWED,
        ]
        assert outcome.asked_meanwhile == 1
        assert place.server.counts().token_requests == 1

    def test_longer_than_its_own_timeout(self, make_place):
        """The answer that came meanwhile is taken, rather than asked for again."""
        place = make_place(rotation="strict")
        outcome = in_foreman(
            paused, place, ANSWER_IN_2_S, 4.5, Once(place, timeout=4.0), []
        )
        assert [report.what for report in outcome.reports] == [RENEWED]
        assert place.server.counts().token_requests == 1
