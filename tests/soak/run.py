"""One soak: workers at work, things going wrong, and the count of what came of it."""

import collections
import functools
import random
import tempfile
import time
from pathlib import Path

from oauth_auth import FileStore
from oauth_auth.testing import TestingServer, fingerprint
from tests.processes.fleet import Fleet, Tally, check_store
from tests.processes.hammering import LOST
from tests.processes.ledger import losses
from tests.soak.chaos import LIMITS, Chaos
from tests.soak.jobs import FULL_DISK, WAYS, Shop
from tests.soak.verdict import Verdict, unexpected

#: Seconds that access tokens live.
LIFETIME = 2.0
#: Seconds of the grace window, where there is one; see `chaos`.
GRACE = 10.0
#: Seconds between two lines.
LINE = 10.0


def soak(rotation, *, seconds, workers, seed, own_stores, say):
    """Run one, and return its `Verdict`.

    Args:
        rotation: The server's: "grace" or "strict".
        seconds: How long.
        workers: How many.
        seed: Decides what goes wrong, and when.
        own_stores: Whether each worker keeps tokens for itself, as if there were no
            shared store: then logins are lost.
        say: Called with each line of progress.
    """
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as name,
        TestingServer(
            rotation=rotation, grace=GRACE, access_token_lifetime=LIFETIME
        ) as server,
    ):
        run = _Run(server, rotation, Path(name), workers, seed, own_stores=own_stores)
        return run.go(seconds, say)


class _Run:
    """The state of one run."""

    def __init__(self, server, rotation, path, workers, seed, *, own_stores):
        self.server = server
        self.rotation = rotation
        self.seed = seed
        self.shops = [
            Shop(server, path / (f"store-{job}" if own_stores else "store"))
            for job in range(workers)
        ]
        self.places = {place.account: place for place in self.shops[0].places()}
        self.failures = collections.Counter()
        self.reports = []
        self.failed = []
        self.full_disks = 0
        #: Token -> `Loss`.
        self.losses = {}
        #: Logins that a worker has called lost.
        self.new_logins = 0
        #: Logins that the server has ended, when that was last looked at.
        self.ended = 0

    def go(self, seconds, say):
        """Let the workers work and things go wrong; return the verdict."""
        for place in self.places.values():
            place.log_in()
        jobs = [
            functools.partial(WAYS[job % len(WAYS)], shop)
            for job, shop in enumerate(self.shops)
        ]
        stores = [FileStore(shop.path) for shop in self.shops]
        started = time.monotonic()
        with Fleet(jobs, stores) as fleet:
            chaos = Chaos(
                fleet,
                len(jobs),
                self.server,
                LIMITS[self.rotation],
                random.Random(self.seed),
            )
            fleet.start_all()
            line = LINE
            while (elapsed := time.monotonic() - started) < seconds:
                chaos.step()
                self.replace_who_ended(fleet)
                self.take(fleet)
                if elapsed >= line:
                    line += LINE
                    for store in stores:
                        check_store(store)
                    say(self.line(fleet, chaos, elapsed))
            chaos.calm()
            for job in fleet.stop():
                self.failed.append(f"job {job} ended by an exception")
            self.take(fleet)
            return self.verdict(fleet, chaos, time.monotonic() - started)

    def take(self, fleet):
        """Take note of what the workers reported, and log in again where need be."""
        for report in fleet.listen():
            if report.what == FULL_DISK:
                self.full_disks += 1
            elif report.what == LOST:
                account, _, seed = report.text.partition(" ")
                place = self.places[account]
                # Each worker of a login says so, and one new login is enough.
                if seed == fingerprint(place.seed):
                    self.new_logins += 1
                    place.log_in()
            else:
                self.failures[report.what] += 1
                self.reports.append(report)
        ended = self.server.counts().families_revoked
        if ended > self.ended:
            self.ended = ended
            # While the server's log still goes back so far.
            grace = GRACE if self.rotation == "grace" else 0.0
            for loss in losses(self.server.token_log(), fleet.deaths, grace=grace):
                self.losses.setdefault(loss.token, loss)

    def replace_who_ended(self, fleet):
        """Start another worker for each that has ended by itself, which none should."""
        for job in fleet.gone():
            self.failed.append(f"job {job} ended by itself")
            fleet.start(job)

    def line(self, fleet, chaos, elapsed):
        """Return a line of progress."""
        counts = self.server.counts()
        avoidable = sum(loss.avoidable for loss in self.losses.values())
        return (
            f"{elapsed:6.0f} s  {fleet.total(Tally.BEGUN):,} requests, "
            f"{fleet.total(Tally.FAILED):,} failed; "
            f"{counts.refreshes_granted:,} renewals, {chaos.done['kills']} kills, "
            f"{chaos.done['pauses']} pauses; {counts.families_revoked} logins lost, "
            f"{avoidable} of them needlessly"
        )

    def verdict(self, fleet, chaos, elapsed):
        """Return what it has come to."""
        counts = self.server.counts()
        found = [*self.losses.values()]
        odd = unexpected(self.reports, found)
        for text in self.failed:
            odd.setdefault("a worker failed", text)
        done = chaos.done
        if self.full_disks:
            done["full disk for one worker"] = self.full_disks
        return Verdict(
            server=self.rotation,
            seconds=elapsed,
            seed=self.seed,
            requests=fleet.total(Tally.BEGUN),
            succeeded=fleet.total(Tally.SUCCEEDED),
            failures=self.failures,
            unexpected=odd,
            renewals=counts.refreshes_granted
            + counts.token_requests_by_grant.get("client_credentials", 0),
            replays=counts.replays_in_grace,
            done=done,
            losses=found,
            unaccounted=abs(counts.families_revoked - len(found))
            + max(0, self.new_logins - counts.families_revoked),
        )
