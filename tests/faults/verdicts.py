"""What a run has come to: judged when a worker is told something, and at the end."""

from oauth_auth import errors
from tests.faults.authority import WINDOW
from tests.faults.laws import DIED, WIRE
from tests.faults.scenarios import StillRefused


def judge_error(world, error, worker):
    """Judge what a worker is told: who is sent to log in must have to, and hear why."""
    if not isinstance(error, errors.LoginRequired):
        return
    if any(record.logged_out for record in world.laws.seen.values()):
        return
    if not world.authority.ended:
        world.laws.broken("5 ended", f"{worker.name} was told to log in: {error}")
    lost = set(world.laws.losses)
    said = getattr(error, "answer_lost", False)
    if lost and lost <= {DIED, WIRE} and not world.disk_failed and not said:
        world.laws.broken("5 said", f"a lost answer is not named: {error}")
    if not lost and said and _went_wrong(world) == set():
        world.laws.broken("5 said", f"no answer was lost: {error}")


def judge(world):
    """Judge a run that has ended.

    Returns:
        (law, what happened) if one was broken, else None.
    """
    return _fresh(world) or _live(world)


def _went_wrong(world):
    """Return the kinds of deviations that were more than another order of things."""
    return {point.picked.cost for point in world.scheduler.trail} & {"k", "n", "d", "c"}


def _fresh(world):
    """Judge what the fresh worker found at the end."""
    outcome = world.fresh.outcomes[-1]
    if world.tokens[-1] is None:
        return outcome and ("1 lost", f"a machine got no token: {outcome!r}")
    family = world.authority.family_of(world.tokens[-1].refresh_token)
    why = world.authority.ended.get(family)
    if why is None:
        return _kept(world, outcome)
    if why == "reuse":
        if not world.laws.losses:
            return ("1 lost", "the login was lost, and need not have been")
        # What was there was still good, or it is said that there is no more.
        fine = outcome is None or isinstance(outcome, errors.LoginRequired)
    else:
        # A logout that was cut short may have to be repeated.
        cut = why == "logout" and _went_wrong(world)
        fine = cut or isinstance(outcome, errors.LoginRequired)
    return None if fine else ("5 ended", f"after {why} there was {outcome!r}")


def _kept(world, outcome):
    """A login that is alive goes on, with its newest refresh token in the store."""
    if outcome is not None:
        if world.scheduler.now >= WINDOW:
            return None
        return ("1 lost", f"a fresh worker got no token: {outcome!r}")
    current = world.authority.current
    for record in world.laws.seen.values():
        if record.token is not None and record.token.refresh_token in current:
            return None
    return ("1 lost", "the store does not have the newest refresh token")


def _live(world):
    """Judge what the workers got that were not killed."""
    wrong = _went_wrong(world)
    for worker in world.workers:
        for outcome in worker.outcomes if not worker.dead else ():
            if outcome is not None and not _forgivable(world, outcome, wrong):
                return ("unexpected", f"{worker.name}: {outcome!r}")
    posts = sum(worker.posts for worker in world.workers)
    wanted = world.scenario.requests
    if not wrong and wanted not in (None, posts):
        return ("5 once", f"{posts} token requests")
    # A clock that was set makes one token look expired that is not.
    if wrong == {"c"} and wanted is not None and posts > wanted + 1:
        return ("5 once", f"a step of the clock made {posts} token requests")
    return None


def _forgivable(world, outcome, wrong):
    if isinstance(outcome, StillRefused):
        # A worker whose clock was set on renews too early, and some servers then
        # refuse the token that another has just got; a logout has them do so, too.
        logout = world.scenario.ends_with == "logged out"
        kills = world.authority.kind.kills or logout
        return bool(wrong if kills else wrong - {"c"})
    if not isinstance(outcome, errors.OAuthAuthError):
        return False
    return (
        # That others die, or clocks change, is no excuse; that network or disk fail
        # is one.
        bool(wrong & {"n", "d"})
        or bool(world.laws.losses)
        # Nobody could get a token while the workers ran.
        or world.scenario.requests == 0
        or world.scenario.ends_with != "token"
    )
