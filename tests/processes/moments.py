"""Foremen that kill or pause a worker at a chosen moment of its renewal."""

import time
from typing import NamedTuple

from oauth_auth import renewal
from tests.processes.fleet import Fleet, Report, check_store, until

#: What a worker reports before and after it has got a token.
BEGUN, RENEWED = "begun", "renewed"


class Once:
    """A worker's job: get a token, for which somebody has to spend the seed.

    Args:
        place: Whose login.
        patience: How long it waits for another worker, in seconds, if that matters.
        settings: Of its auth object.
    """

    def __init__(self, place, *, patience=None, **settings):
        self.place = place
        self.patience = patience
        self.settings = settings

    def __call__(self, desk):
        settings = self.settings
        if self.patience is not None:
            # It is four exchanges and the time of a save.
            renewal.SAVE_SECONDS = 0.0
            settings = {**settings, "timeout": self.patience / 4}
        auth = self.place.auth(desk.number, **settings)
        desk.tell(BEGUN)
        try:
            # Not renew(): who comes late has nothing left to do.
            auth.token()
        except Exception as error:
            desk.tell_error(error)
        else:
            desk.tell(RENEWED)


class Outcome(NamedTuple):
    """What came of it."""

    #: Of all workers, without the beginnings.
    reports: list[Report]
    deaths: dict
    #: How many token requests there were while the worker stood still.
    asked_meanwhile: int = 0


def _results(fleet):
    fleet.listen()
    return [report for report in fleet.reports if report.what != BEGUN]


def _begun(fleet):
    fleet.listen()
    return sum(report.what == BEGUN for report in fleet.reports)


def _asked(server, *, answered):
    """Whether a token request has come, and the server knows its answer."""
    log = server.token_log()
    return log and (log[-1].status is not None or not answered)


def killed(place, fault, answered):
    """Kill a worker that waits for an answer, and let another one renew.

    Args:
        place: Whose login.
        fault: What the server does meanwhile.
        answered: Whether the server must have granted the request by then.
    """
    place.log_in()
    with Fleet([Once(place)] * 2, [place.store] * 2) as fleet:
        place.server.token_faults.add(fault)
        fleet.start(0)
        until(lambda: _asked(place.server, answered=answered), "token request")
        fleet.kill(0)
        check_store(place.store)
        fleet.start(1)
        fleet.join(1)
        return Outcome(_results(fleet), fleet.deaths)


def paused(place, fault, seconds, holder, waiters):
    """Let a worker stand still while it waits for an answer, and others for it.

    Args:
        place: Whose login.
        fault: What the server does with the first request.
        seconds: How long; None until each of the others has got a result.
        holder: The worker's job.
        waiters: The others'.
    """
    place.log_in()
    jobs = [holder, *waiters]
    with Fleet(jobs, [place.store] * len(jobs)) as fleet:
        place.server.token_faults.add(fault)
        fleet.start(0)
        until(lambda: _asked(place.server, answered=True), "token request")
        fleet.pause(0)
        for job in range(1, len(waiters) + 1):
            fleet.start(job)
        until(lambda: _begun(fleet) == len(waiters) + 1, "waiter")
        if seconds is None:
            until(lambda: len(_results(fleet)) == len(waiters), "result")
        else:
            time.sleep(seconds)
        asked = place.server.counts().token_requests
        fleet.resume(0)
        for job in range(len(waiters) + 1):
            fleet.join(job)
        check_store(place.store)
        return Outcome(_results(fleet), fleet.deaths, asked)
