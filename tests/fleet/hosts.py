"""Workers on two machines, as far as one machine can be two.

They share nothing but the records' server: each host has a home directory of its own,
and its own way to that server, which can be cut.
"""

import os
import time
from pathlib import Path
from typing import NamedTuple

import requests

from oauth_auth import renewal, turn
from oauth_auth.stores import postgres_rows, redis_rows
from oauth_auth.stores.places import store_at
from oauth_auth.testing import Fault
from tests.processes.fleet import Fleet, Tally, tokens_in, until
from tests.processes.hammering import Caller, Place, numbered_login
from tests.processes.ledger import sender
from tests.processes.moments import Once, paused

#: Seconds for one exchange, and what a save may take: a dead worker's successor waits
#: for twice the one and the other.
EXCHANGE, SAVE = 1.5, 0.5


def in_haste():
    """Have nobody wait for any longer than a test needs; called before workers fork."""
    turn.SAVE_SECONDS = SAVE
    # But for a server that starts anew, as long as that takes on a busy machine.
    renewal._OUTAGE_SECONDS = 30.0
    redis_rows.LEASE_SECONDS = 1.0
    postgres_rows.SETTLE_SECONDS = 0.5


class SharedPlace(NamedTuple):
    """Where the workers of one login meet."""

    server: object
    #: The store's address, as the host sees it.
    path: str
    #: The host's home, and where word of new logins is left.
    home: Path
    account: str = "alice"

    @property
    def store(self):
        """The store."""
        return store_at(self.path)

    @property
    def _seeds(self):
        return self.home.parent / f"{self.account}.seed"

    seed = Place.seed
    log_in = Place.log_in

    def auth(self, number, seed=None, **settings):
        """Return a worker's auth object."""
        settings = {"account": self.account, "timeout": EXCHANGE, **settings}
        seed = seed or self.seed
        return numbered_login(self.server, self.path, seed, number, **settings)


class Steady(Caller):
    """A worker's job: call the API again and again."""

    def __call__(self, desk):
        os.environ["OAUTH_AUTH_HOME"] = str(self.place.home)
        super().__call__(desk)

    def once(self, auth, clients, turn):
        """Do one thing; return what is wrong with its result, if anything."""
        time.sleep(0.05)
        response = requests.get(self.place.server.api_url, auth=auth, timeout=60)
        return None if response.status_code == 200 else f"status {response.status_code}"


class Outcome(NamedTuple):
    """What came of a run."""

    reports: list
    crashed: list
    succeeded: int
    #: Whether the store has the newest refresh token at the end.
    kept: frozenset


class Expiries(NamedTuple):
    """A run over so many renewals, in which holders are killed and paused."""

    number: int
    #: What is done to who has sent a token request: "kill", or seconds to stand still.
    events: tuple = ()

    def __call__(self, jobs):
        """Run it; called in a process that may fork."""
        in_haste()
        place = jobs[0].place
        server = place.server
        place.log_in()
        with Fleet(jobs, [place.store] * len(jobs)) as fleet:
            fleet.start_all()
            for event in self.events:
                self._meet(fleet, server, event)
            for number in range(1, self.number + 1):
                granted(server, number)
            crashed = fleet.stop()
            return Outcome(
                [tuple(report) for report in fleet.reports],
                crashed,
                fleet.total(Tally.SUCCEEDED),
                tokens_in(place.store),
            )

    @staticmethod
    def _meet(fleet, server, event):
        before = len(server.token_log())
        # Its answer takes long enough for its sender to be met.
        server.token_faults.delay(after=0.4)
        until(lambda: len(server.token_log()) > before, "token request")
        number = sender(server.token_log()[-1])
        job = next(j for j, (n, _) in fleet._processes.items() if n == number)
        if event == "kill":
            fleet.kill(job)
            fleet.start(job)
        else:
            fleet.pause(job)
            time.sleep(event)
            fleet.resume(job)
        granted(server, server.counts().refreshes_granted + 1)


def granted(server, number):
    """Wait until the server has granted so many refreshes."""

    # Not as fast as that can be: each look is a request.
    def looked():
        time.sleep(0.05)
        return server.counts().refreshes_granted >= number

    until(looked, "renewal")


def paused_in_haste(place, seconds, waiters):
    """Let a holder stand still while its answer comes, in a process that may fork.

    Args:
        place: Whose login.
        seconds: How long; None until each of the others has got a result.
        waiters: How many others there are.
    """
    in_haste()
    postgres_rows.SILENCE_SECONDS = 1.0
    answer_in_1_s = Fault(delay_after=1.0)
    jobs = [Once(place) for _ in range(waiters + 1)]
    return paused(place, answer_in_1_s, seconds, jobs[0], jobs[1:])
