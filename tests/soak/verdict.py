"""What a soak has come to."""

import collections
from typing import NamedTuple

from tests.processes.ledger import LATE, REFUSED, Loss
from tests.soak.jobs import FULL_DISK_WAY, WAYS

#: Failures that the faults explain: the API failed, or the token endpoint did for
#: longer than the token lived. Requests that were met by them are expected to fail.
EXPLAINED = frozenset(
    {
        "status 429",
        "status 500",
        "status 502",
        "status 503",
        "connection to the API",
        "EndpointUnreachable",
        "ServerError",
        "TemporarilyUnavailableError",
        # The API ended the token, and the renewal failed; or did so twice in a row.
        "status 401",
        # Only of a login that the server has ended, which is judged apart.
        "LoginRequired, answer lost",
    }
)


class Verdict(NamedTuple):
    """The figures of a run."""

    server: str
    seconds: float
    seed: int
    #: As workers count them; those that a kill cut off are no failures.
    requests: int
    succeeded: int
    failures: collections.Counter
    #: Kinds of failures that nothing explains -> the first such text.
    unexpected: dict[str, str]
    #: As the server counts them.
    renewals: int
    replays: int
    #: What went wrong -> how often.
    done: collections.Counter
    losses: list[Loss]
    #: Logins that the server ended and that are not among the losses, and those that
    #: the workers gave up although the server has not ended them.
    unaccounted: int

    @property
    def avoidable(self):
        """How many logins were lost that a client could have kept."""
        return sum(loss.avoidable for loss in self.losses) + self.unaccounted

    @property
    def passed(self):
        """Whether the promise was kept."""
        return not self.avoidable and not self.unexpected

    def lines(self):
        """Yield the table."""
        faults = self.done.total() - self.done["kills"] - self.done["pauses"]
        yield f"{self.server} server, {self.seconds:.0f} s, seed {self.seed}"
        yield _row("requests", self.requests)
        yield _row("failures", self.failures.total())
        yield from _parts(self.failures)
        yield _row("renewals", self.renewals)
        yield _row("  answers repeated in the grace window", self.replays)
        yield _row("kills", self.done["kills"])
        yield _row("pauses", self.done["pauses"])
        yield _row("faults injected", faults)
        yield from _parts(
            collections.Counter(
                {k: n for k, n in self.done.items() if k not in ("kills", "pauses")}
            )
        )
        lost = len(self.losses) + self.unaccounted
        yield _row("lost logins", lost)
        yield _row("  that no client could have kept", lost - self.avoidable)
        yield from _parts(collections.Counter(loss.reason for loss in self.losses))
        if self.unaccounted:
            yield _row("    for no reason that is known", self.unaccounted)
        for kind, text in self.unexpected.items():
            yield f"  unexpected: {kind}: {text}"
        verdict = "every login was kept that could be" if self.passed else "FAILED"
        yield f"verdict: {verdict}"


def _row(name, number):
    return f"  {name:<56}{number:>9,}"


def _parts(counter):
    for name, number in sorted(counter.items()):
        yield _row(f"    {name}", number)


def unexpected(reports, losses):
    """Return the kinds of failures that nothing explains, with the first text."""
    found = {}
    for report in reports:
        if report.what not in EXPLAINED and not _is_explained(report, losses):
            found.setdefault(report.what, f"worker {report.worker}: {report.text}")
    return found


def _is_explained(report, losses):
    if report.what == "StoreNotWritable":
        return report.job % len(WAYS) == FULL_DISK_WAY
    if report.what == "LoginRequired":
        # There no answer was lost, and still no client could have kept the login.
        return any(loss.reason in (LATE, REFUSED) for loss in losses)
    return False
