"""Workers that renew without a pause, and the foreman that kills and pauses them."""

import random
import ssl
import time
from pathlib import Path
from typing import NamedTuple

import httpx
import httpx2
import requests

from oauth_auth import AuthorizationServer, OAuthAuth, RefreshToken, errors
from oauth_auth.stores.places import store_at
from oauth_auth.testing import fingerprint
from tests.processes.fleet import (
    PATIENCE,
    Fleet,
    Report,
    Tally,
    check_store,
    tokens_in,
)

#: To load the usual one takes 40 ms, and nobody speaks TLS here.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
#: What a worker reports besides errors: its login is lost.
LOST = "lost"


def numbered_login(server, path, seed, number, **settings):
    """Return the auth object of a worker that the server can tell from the others."""
    grant = RefreshToken(
        AuthorizationServer(
            server.issuer, token_endpoint=f"{server.token_endpoint}?worker={number}"
        ),
        client_id=server.client_id,
        client_secret=server.client_secret,
        refresh_token=seed,
    )
    return OAuthAuth(grant, store=store_at(str(path)), **settings)


class Place(NamedTuple):
    """Where the workers of one login meet."""

    server: object
    #: The directory of the store.
    path: Path
    account: str

    @property
    def store(self):
        """The store."""
        return store_at(str(self.path))

    @property
    def _seeds(self):
        return self.path.with_name(f"{self.account}.seed")

    @property
    def seed(self):
        """The refresh token of the last login."""
        return self._seeds.read_text("ascii")

    def log_in(self):
        """Log in, as a person does, and let the workers know."""
        new = self._seeds.with_suffix(".new")
        new.write_text(self.server.issue(self.account)["refresh_token"], "ascii")
        new.replace(self._seeds)

    def auth(self, number, seed=None, **settings):
        """Return a worker's auth object."""
        settings["account"] = self.account
        seed = seed or self.seed
        return numbered_login(self.server, self.path, seed, number, **settings)


class Hammer:
    """A worker's job: renew, now and then call the API, start anew after a loss."""

    #: One turn of so many is a call of the API.
    calls = 8

    def __init__(self, place):
        self.place = place

    def __call__(self, desk):
        with (
            requests.Session() as one,
            httpx.Client(verify=NO_TLS) as two,
            httpx2.Client(verify=NO_TLS) as three,
        ):
            clients = (one, two, three)
            while desk.wanted:
                seed = self.place.seed
                self.pound(desk, self.place.auth(desk.number, seed), clients)
                if desk.wanted:
                    desk.tell(LOST, fingerprint(seed))
                while desk.wanted and self.place.seed == seed:
                    time.sleep(0.003)

    def pound(self, desk, auth, clients):
        """Go on until the login is lost."""
        turn = 0
        while desk.wanted:
            turn += 1
            desk.count(Tally.BEGUN)
            try:
                problem = self.once(auth, clients, turn)
            except Exception as error:
                desk.count(Tally.FAILED)
                desk.tell_error(error)
                if isinstance(error, errors.LoginRequired):
                    return
            else:
                desk.count(Tally.FAILED if problem else Tally.SUCCEEDED)
                if problem:
                    desk.tell(problem)

    def once(self, auth, clients, turn):
        """Do one thing; return what is wrong with its result, if anything."""
        if turn % self.calls:
            auth.renew()
            return None
        client = clients[turn // self.calls % len(clients)]
        response = client.get(self.place.server.api_url, auth=auth, timeout=60)
        status = response.status_code
        return None if status == 200 else f"status {status}"


class Caller(Hammer):
    """A worker's job: call the API, and renew only when time or a 401 says so."""

    calls = 1

    def once(self, auth, clients, turn):
        """Do one thing; return what is wrong with its result, if anything."""
        time.sleep(0.1)
        return super().once(auth, clients, turn)


class Outcome(NamedTuple):
    """What came of a run."""

    #: All that any worker reported.
    reports: list[Report]
    #: Worker number -> `Death`.
    deaths: dict
    pauses: int
    #: Logins that were made after the first ones.
    new_logins: int
    succeeded: int
    #: The fingerprints of the refresh tokens in the store.
    kept: frozenset[str]
    #: The jobs whose worker ended by an exception.
    crashed: list[int]


class Progress:
    """Gives up where nothing goes on."""

    def __init__(self):
        self._last = -1
        self._since = time.monotonic()

    def note(self, number, reports):
        """Return a number that must grow."""
        if number > self._last:
            self._last, self._since = number, time.monotonic()
        waited = time.monotonic() - self._since
        assert waited < PATIENCE, f"nobody renews any more: {reports[-5:]}"
        return number


class Havoc(NamedTuple):
    """What is to happen to the workers, and for how long."""

    #: Decides who and when.
    seed: int
    #: Until the server has granted so many refreshes,
    renewals: int
    #: until so many logins are lost,
    losses: int = 0
    #: and until so many workers were killed, and so many paused.
    kills: int = 10
    pauses: int = 5
    #: In seconds; 0 for kills alone.
    longest_pause: float = 0.0

    def __call__(self, jobs):
        """Kill and pause workers at random instants."""
        chance = random.Random(self.seed)
        places = {job.place for job in jobs}
        store = jobs[0].place.store
        server = jobs[0].place.server
        kills = pauses = new_logins = 0
        for place in places:
            place.log_in()
        with Fleet(jobs, [store] * len(jobs)) as fleet:
            fleet.start_all()
            watch = Progress()
            while (
                watch.note(server.counts().refreshes_granted, fleet.reports)
                < self.renewals
                or new_logins < self.losses
                or kills < self.kills
                or (self.longest_pause and pauses < self.pauses)
            ):
                time.sleep(chance.uniform(0.0, 0.2))
                victim = chance.randrange(len(jobs))
                if self.longest_pause and chance.random() < 0.4:
                    fleet.pause(victim)
                    # Short ones mostly, which others hardly notice, and a few long.
                    time.sleep(self.longest_pause * chance.random() ** 4)
                    fleet.resume(victim)
                    pauses += 1
                else:
                    fleet.kill(victim)
                    kills += 1
                    check_store(store)
                    fleet.start(victim)
                new_logins += sum(_log_in_again(jobs, fleet.listen()))
            crashed = fleet.stop()
            return Outcome(
                reports=[*fleet.reports, *_last_renewals(places)],
                deaths=fleet.deaths,
                pauses=pauses,
                new_logins=new_logins,
                succeeded=fleet.total(Tally.SUCCEEDED),
                kept=tokens_in(store),
                crashed=crashed,
            )


def _log_in_again(jobs, reports):
    for report in reports:
        place = jobs[report.job].place
        # Each worker of a login reports its loss, and one new login is enough.
        lost = report.what == LOST and report.text == fingerprint(place.seed)
        if lost:
            place.log_in()
        yield lost


def _last_renewals(places):
    """Renew each login once more, in this process: nothing is forked after it.

    An answer that died last is missed only by the next renewal.
    """
    for place in places:
        try:
            place.auth(0).renew()
        except errors.LoginRequired as error:
            yield Report.of(error, job=-1, worker=0)
