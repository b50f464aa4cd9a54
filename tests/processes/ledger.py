"""Which logins were lost, and whether any client could have kept them.

Only what the server saw is asked, and what the store held when a worker was killed;
the code under test has no say. A login is lost when a spent refresh token comes back
and its family is revoked. What it was spent for, its successor, was in an answer; no
client can keep a login of which that answer died:

- *with its worker*, killed before the answer was in the store; or
- *on the wire*, where a fault held it back, or the asking worker had given up.

A server with a grace window repeats the answer. There the login is lost for good only
if it died with a worker that held it until the window had passed, or if the server
failed to answer those who asked again in time.

The third way is a request that is *late*: whoever sent it was killed or had given up,
another worker was granted the next token, and only then the server came to it.
"""

from typing import NamedTuple

DIED = "the answer died with its worker"
WIRE = "the answer was lost on the wire"
LATE = "a dead worker's request was processed late"
REFUSED = "the server failed until the grace window had passed"

#: Why a login that is lost need not have been.
ARRIVED = "its successor arrived, and was not kept"
IDLE = "nobody asked again within the grace window"


class Loss(NamedTuple):
    """A login that the server ended because of reuse."""

    #: The `fingerprint` of the refresh token that came back.
    token: str
    #: Of the worker that sent it, as it names itself.
    sender: int
    reason: str

    @property
    def avoidable(self):
        """Whether a client could have kept the login."""
        return self.reason in (ARRIVED, IDLE)


def sender(request):
    """Return the number of the worker that sent a token request."""
    return int(request.query.removeprefix("worker="))


def _refreshes(log):
    return [request for request in log if request.grant_type == "refresh_token"]


def losses(log, deaths, *, grace=0.0):
    """Return the logins that were lost by reuse, each once, in order.

    Args:
        log: The server's token log.
        deaths: Worker number -> its `Death`, of all that were killed.
        grace: The server's grace window in seconds; 0 if it has none.
    """
    log = _refreshes(log)
    before = {request.issued: request.refresh_token for request in log}
    found, ended = [], set()
    refused = [r for r in log if r.status == 400]
    for reuse in sorted(refused, key=lambda request: request.settled):
        answers = [
            r
            for r in log
            if (r.refresh_token, r.status) == (reuse.refresh_token, 200)
            and r.issued  # else it is a fault that answered with something else
            and r.settled <= reuse.settled
        ]
        family = reuse.refresh_token
        while family in before:
            family = before[family]
        if answers and family not in ended:
            ended.add(family)
            reason = _reason(log, reuse, answers, deaths, grace)
            found.append(Loss(reuse.refresh_token, sender(reuse), reason))
    return found


def _reason(log, reuse, answers, deaths, grace):
    answers.sort(key=lambda answer: answer.settled)
    first = answers[0]
    gone = deaths.get(sender(reuse))
    left = reuse.answered is False or (gone and gone.time <= first.time)
    if left and reuse.time < first.time + grace:
        return LATE
    if any(r.refresh_token == first.issued for r in log if r.time < reuse.time):
        return ARRIVED
    died = [_death(answer, deaths, reuse) for answer in answers]
    if not all(died):
        return ARRIVED
    reason, last = max(died, key=lambda death: death[1])
    window = first.settled + grace
    if last >= window:
        return reason
    again = (r for r in log if r.refresh_token == first.refresh_token)
    if any(r.status != 200 and last <= r.time < window for r in again):
        return REFUSED
    return IDLE


def _death(answer, deaths, reuse):
    """Return how and when an answer died, or None if it arrived."""
    death = deaths.get(sender(answer))
    dead = death is not None and death.time <= reuse.time
    if dead and answer.issued not in death.kept:
        return DIED, max(death.time, answer.settled)
    if answer.answered is False:
        return WIRE, answer.settled
    return None


def unsaved(log, deaths, store):
    """Return the refresh tokens whose successor died with its worker.

    With a server that has no grace window each of them is a login lost, once its
    refresh token is sent again.

    Args:
        log: The server's token log.
        deaths: Worker number -> its `Death`, of all that were killed.
        store: The fingerprints of what is in the store at the end.
    """
    log = _refreshes(log)
    presented = {request.refresh_token for request in log}
    return {
        request.refresh_token
        for request in log
        if request.status == 200
        and request.issued not in presented
        and request.issued not in store
        and sender(request) in deaths
        and request.issued not in deaths[sender(request)].kept
    }
