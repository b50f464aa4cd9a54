"""What goes wrong, and when: faults of the server, and of the workers.

Against a server with a grace window no login may be lost, whatever happens here, so it
must be possible to keep it: an answer that died can be had again until the window has
passed. The pauses are much shorter than the window therefore, an outage too, and after
a few failures of the token endpoint it works for a while. A renewal whose answer died
is asked for again at once, and after holds of 1 and 2 s, so within 3 s; the window has
10 s, since a busy machine may keep all workers from doing anything for some of them.
"""

import collections
import time
from typing import NamedTuple

from oauth_auth.testing import Fault

HTML = "<html><body><h1>It works!</h1></body></html>"


class Limits(NamedTuple):
    """How bad it may get, in seconds."""

    pause: float
    outage: float
    #: For which the token endpoint works after each of its failures.
    quiet: float


#: By the server's rotation.
LIMITS = {"grace": Limits(0.8, 2.0, 4.0), "strict": Limits(4.5, 4.0, 0.5)}


def _answer(status, body=b"", **options):
    return lambda faults, _: faults.answer(status, body, **options)


def _html(status):
    return _answer(status, HTML, content_type="text/html")


def _fault(**fields):
    return lambda faults, _: faults.add(Fault(**fields))


#: What can happen to an answer, at either endpoint.
FAULTS = {
    "dropped before processing": _fault(drop="before"),
    "dropped after processing": _fault(drop="after"),
    "429": _answer(429, b"slow down", headers={"Retry-After": "1"}),
    "500": _answer(500, {"error": "server_error"}),
    "502": _answer(502),
    "503": _answer(503, headers={"Retry-After": "1"}),
    "HTML instead": _html(502),
    "truncated": _fault(truncate=True),
    "delayed before": lambda faults, chance: faults.delay(before=chance.random()),
    "delayed after": lambda faults, chance: faults.delay(after=chance.random()),
    "dribbled": _fault(dribble=0.001),
}
#: Where nothing but a token is a success: an API may answer what it likes.
TOKEN_FAULTS = {**FAULTS, "HTML with status 200": _html(200)}
#: During an outage. The grant is never processed, so no answer dies.
OUTAGES = ("dropped before processing", "500", "502", "503", "HTML instead")


class Chaos:
    """Lets one thing after the other go wrong.

    Args:
        fleet: The workers.
        jobs: How many there are.
        server: The server.
        limits: How bad it may get.
        chance: Decides.
    """

    def __init__(self, fleet, jobs, server, limits, chance):
        self._fleet = fleet
        self._jobs = jobs
        self._server = server
        self._limits = limits
        self._chance = chance
        self._outage_ends = None
        self._pending = 0
        self._asked = 0
        self._quiet_until = 0.0
        #: What happened, and how often.
        self.done = collections.Counter()

    def step(self):
        """Wait a moment, and let something go wrong."""
        time.sleep(self._chance.uniform(0.0, 0.25))
        self._end_outage()
        happenings = {
            self._api_fault: 6,
            self._token_fault: 4,
            self._outage: 0.3,
            self._revocation: 0.7,
            self._kill: 3,
            self._pause: 3,
        }
        (happening,) = self._chance.choices([*happenings], [*happenings.values()])
        happening()

    def _api_fault(self):
        name = self._chance.choice([*FAULTS])
        FAULTS[name](self._server.api_faults, self._chance)
        self.done[f"API: {name}"] += 1

    def _token_fault(self):
        if self._token_endpoint_is_busy():
            return
        self._asked = self._server.counts().token_requests
        self._pending = self._chance.choice([1, 1, 2])
        for _ in range(self._pending):
            name = self._chance.choice([*TOKEN_FAULTS])
            TOKEN_FAULTS[name](self._server.token_faults, self._chance)
            self.done[f"token endpoint: {name}"] += 1

    def _token_endpoint_is_busy(self):
        """Whether it fails, is about to, or must work for a while."""
        if self._outage_ends is not None or time.monotonic() < self._quiet_until:
            return True
        if self._pending:
            asked = self._server.counts().token_requests - self._asked
            if asked >= self._pending:
                self._pending = 0
                self._quiet_until = time.monotonic() + self._limits.quiet
            return True
        return False

    def _outage(self):
        if self._token_endpoint_is_busy():
            return
        self._outage_ends = time.monotonic() + self._chance.uniform(
            self._limits.outage / 4, self._limits.outage
        )
        name = self._chance.choice(OUTAGES)
        faults = self._server.token_faults
        if name == "dropped before processing":
            faults.drop("before", times=None)
        else:
            body, kind = (HTML, "text/html") if "HTML" in name else (b"", None)
            status = 502 if "HTML" in name else int(name)
            faults.answer(status, body, content_type=kind, times=None)
        self.done[f"outage of the token endpoint: {name}"] += 1

    def _end_outage(self):
        if self._outage_ends is not None and time.monotonic() >= self._outage_ends:
            self._server.token_faults.clear()
            self._outage_ends = None
            self._quiet_until = time.monotonic() + self._limits.quiet

    def _revocation(self):
        self._server.revoke_access_tokens()
        self.done["access tokens revoked"] += 1

    def _kill(self):
        victim = self._chance.randrange(self._jobs)
        self._fleet.kill(victim)
        self._fleet.start(victim)
        self.done["kills"] += 1

    def _pause(self):
        victim = self._chance.randrange(self._jobs)
        self._fleet.pause(victim)
        # Most are short, and some as long as they may be.
        time.sleep(self._limits.pause * self._chance.random() ** 6)
        self._fleet.resume(victim)
        self.done["pauses"] += 1

    def calm(self):
        """Let nothing more go wrong."""
        self._server.token_faults.clear()
        self._server.api_faults.clear()
