"""Whatever clocks, server and API do in whatever order: no storm, nothing refused."""

import time

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oauth_auth import errors
from oauth_auth.http_clients.base import RequestAuth
from oauth_auth.protocol import Verdict
from oauth_auth.renewal import TokenSource
from oauth_auth.turn import Turn
from tests.faults.logins import settle
from tests.faults.timeline import Timeline

MINUTE, HOUR, DAY, YEAR = 60.0, 3600.0, 86400.0, 365 * 86400.0
#: So many renewals an API that refuses everything brings while no time passes: three
#: for its refusals, and one before it was asked.
STORM = 4

SPANS = (0.001, 0.4, 1.0, 2.0, 31.0, MINUTE, 20 * MINUTE, HOUR, 5 * HOUR, DAY, YEAR)
LIFETIMES = (3600.0, 600.0, 5.0, 2.0, 0.5, 0, -5, 1e308, "3600", None, ...)
LIVES = (2.0, 5.0, 600.0, 3600.0, 10 * YEAR)
FAILURES = {
    "refused": lambda _: httpx.ConnectError("refused"),
    "lost before": lambda _: httpx.ReadError("lost"),
    "lost after": lambda server: server.lose,
    "HTML": lambda _: httpx.Response(200, text="<html>"),
    "500": lambda _: httpx.Response(500),
    "503": lambda _: httpx.Response(503),
    "429 for long": lambda _: httpx.Response(429, headers={"Retry-After": "1200"}),
    "invalid_client": lambda _: httpx.Response(401, json={"error": "invalid_client"}),
}

requests = st.tuples(st.just("request"), st.integers(1, 5))
waits = st.tuples(st.just("wait"), st.sampled_from(SPANS))
steps = st.sampled_from([sign * span for span in SPANS for sign in (1, -1)])
actions = st.one_of(
    requests,
    requests,
    requests,
    waits,
    waits,
    st.tuples(st.just("suspend"), st.sampled_from(SPANS)),
    st.tuples(st.just("step"), steps),
    st.tuples(st.just("renew"), st.none()),
    st.tuples(st.just("says"), st.sampled_from(LIFETIMES)),
    st.tuples(st.just("life"), st.sampled_from(LIVES)),
    st.tuples(st.just("fails"), st.lists(st.sampled_from([*FAILURES]), max_size=3)),
    st.tuples(st.just("revoke"), st.none()),
    st.tuples(st.just("refuse"), st.booleans()),
)


class Watched:
    """A timeline that notes what breaks a law.

    An *occasion* is what may bring a renewal: the clocks have moved, an API has refused
    a token, or the caller wants a new one.
    """

    def __init__(self, patch, **options):
        self.line = Timeline(patch, **options)
        self.broken = []
        #: Whether there was an occasion since the last renewal.
        self._occasion = True
        #: Renewals since the clocks have moved, or since the caller wanted one.
        self._renewals = 0
        #: Access tokens of which was decided that they are not good any more.
        self._given_up = set()
        self._watch_renewals(patch)
        self._watch_verdicts(patch)
        self._watch_tokens(patch)

    def _watch_renewals(self, patch):
        ask = Turn._ask

        def watched(turn, *args):
            if not self._occasion:
                self.broken.append("a renewal without an occasion")
            self._occasion = False
            self._renewals += 1
            if self._renewals > STORM:
                self.broken.append("a storm of renewals")
            return ask(turn, *args)

        patch.setattr(Turn, "_ask", watched)

    def _watch_verdicts(self, patch):
        judge = RequestAuth._judge

        def watched(auth, held, origin, **facts):
            self._occasion = True
            verdict = judge(auth, held, origin, **facts)
            if verdict is not Verdict.RETURN:
                self._given_up.add(held.token.access_token)
            return verdict

        patch.setattr(RequestAuth, "_judge", watched)

    def _watch_tokens(self, patch):
        obtain = TokenSource.obtain

        def watched(source, terms, rejected=None):
            held = obtain(source, terms, rejected)
            token, now = held.token, time.time()
            if token.access_token in self._given_up:
                self.broken.append("a refused token was handed out")
            if held is rejected:
                self.broken.append("the rejected token was handed out")
            # What is expired at birth is used for a second, since renewing for every
            # request would be a storm.
            shortest = token.obtained_at + 1.0
            if token.expires_at is not None and now >= max(token.expires_at, shortest):
                self.broken.append("an expired token was handed out")
            return held

        patch.setattr(TokenSource, "obtain", watched)

    def act(self, action, value):
        """Do one of `actions`."""
        line = self.line
        if action == "request":
            line.requests(value)
        elif action in ("wait", "suspend", "step"):
            self._moved()
            getattr(line, action)(value)
        elif action == "renew":
            self._moved()
            try:
                line.auth.renew()
            except errors.OAuthAuthError:
                # Whether it comes or not is not what this test is about.
                settle()
        elif action == "says":
            line.server.says = value
        elif action == "life":
            line.server.life = value
        elif action == "fails":
            line.server.script = [FAILURES[name](line.server) for name in value]
        elif action == "revoke":
            line.server.ends.clear()
        else:
            line.refusing = value
        assert not self.broken
        assert line.server.families_revoked == 0

    def _moved(self):
        self._occasion = True
        self._renewals = 0

    def recover(self):
        """Let everything work again: within two hours the login goes on."""
        line = self.line
        line.server.script.clear()
        line.server.says = line.server.life = HOUR
        line.refusing = False
        for _ in range(3):
            self.act("wait", 2 * HOUR)
            if line.request() == 200:
                return
        raise AssertionError(line.request())


def run(background, plan):
    """Carry out a plan, and see that the login has outlived it."""
    with pytest.MonkeyPatch.context() as patch:
        watched = Watched(patch, background=background)
        for action, value in plan:
            watched.act(action, value)
        watched.recover()
        assert not watched.broken


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(st.booleans(), st.lists(actions, min_size=20, max_size=40))
def test_no_order_of_events_makes_a_storm_or_revives_a_token(background, plan):
    """Each renewal has an occasion, and no token is used once it was given up.

    M22, M32, M43, M99d, M99e, M99f, M99g.
    """
    run(background, plan)


@pytest.mark.long
@settings(max_examples=1500, deadline=None, database=None)
@given(st.booleans(), st.lists(actions, min_size=20, max_size=80))
def test_no_order_of_many_events_makes_a_storm_or_revives_a_token(background, plan):
    """The same, for as long as one likes to wait. M32, M99d, M99e, M99f, M99g."""
    run(background, plan)
