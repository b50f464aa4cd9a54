"""Clocks that jump, sleep, or are wrong: no storm, no token used after its refusal."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from oauth_auth import FileStore, errors
from oauth_auth.stores.base import Mark
from tests.faults.logins import record_of, settle
from tests.faults.scenarios import OwnStore
from tests.faults.timeline import Timeline
from tests.http_clients.logins import turn
from tests.transport.servers import FOREVER

MINUTE, HOUR, YEAR = 60.0, 3600.0, 365 * 86400.0
STEPS = [-20 * YEAR, -YEAR, -2 * HOUR, -2.0, -0.001, 0.001, 2.0, 2 * HOUR, 20 * YEAR]
#: Twenty years ahead the client's clock shows 2046 or so.
BUSY = httpx.Response(503)


@pytest.fixture
def timeline(monkeypatch):
    """Return a function that makes a `Timeline`."""

    def make(**settings):
        return Timeline(monkeypatch, **settings)

    return make


def bring(line, state):
    """Have the login of a timeline come into a state."""
    assert line.request() == 200
    if state == "stale":
        # One failure, so that it stays stale.
        line.wait(0.85 * HOUR)
        line.server.script.append(BUSY)
        assert line.request() == 200
    elif state in ("expired", "on hold"):
        line.wait(9 * HOUR)
    if state == "on hold":
        line.server.script.append(BUSY)
        assert isinstance(line.request(), errors.TemporarilyUnavailableError)


@pytest.mark.parametrize("state", ["fresh", "stale", "expired", "on hold"])
@pytest.mark.parametrize("step", STEPS)
def test_a_step_of_the_clock_costs_one_renewal_at_most(timeline, state, step):
    """In every state of a token a step brings no storm and no failure.

    M34, M99d, M99g.
    """
    line = timeline()
    bring(line, state)
    line.step(step)
    held = isinstance(line.request(), errors.TemporarilyUnavailableError)
    # Only a hold that the step has not ended is kept.
    assert held == (state == "on hold" and 0 < step < 1)
    with line.asking(1):
        assert line.requests(30) == [
            errors.TemporarilyUnavailableError if held else 200
        ]
    line.wait(MINUTE)
    with line.asking(1):
        assert line.requests(30) == [200]
    assert line.asked <= 4
    # The API has told the truth about a token once, and it was not used again.
    assert len(line.refused) == len(set(line.refused)) <= 1


@pytest.mark.parametrize("step", STEPS)
def test_after_a_step_the_api_tells_what_the_clock_does_not(timeline, step):
    """Life after life a login goes on, at one renewal each, whatever the clock shows.

    M37, M99f, M99g.
    """
    line = timeline()
    line.request()
    line.step(step)
    for _ in range(5):
        with line.asking(2):
            for _ in range(8):
                assert line.requests(3) == [200]
                line.wait(HOUR / 8)
    assert 5 <= line.asked <= 7
    assert len(line.refused) == len(set(line.refused)) <= 1


@pytest.mark.parametrize("step", STEPS)
def test_a_step_amid_a_renewal_changes_nothing(timeline, tmp_path, step):
    """Between journal and save the clock may jump: the token is saved, and is used."""
    line = timeline(store=FileStore(tmp_path))
    line.request()
    line.server.script.append(lambda form: line.step(step))
    with line.asking(1, least=1):
        renewed = line.auth.renew()
        assert line.requests(10) == [200]
    assert renewed.obtained_at == time.time()
    assert record_of(line.auth).token == renewed
    assert record_of(line.auth).journal is None


@pytest.mark.parametrize("step", STEPS)
def test_a_renewal_in_doubt_goes_on_after_a_step(timeline, tmp_path, step):
    """A journal from the future or from long ago is replayed like any other. M16."""
    line = timeline(store=FileStore(tmp_path))
    line.request()
    line.server.script += [httpx.ReadTimeout("slow")] * 2
    with pytest.raises(errors.EndpointUnreachable):
        line.auth.renew()
    line.wait(3.0)
    line.step(step)
    with line.asking(1, least=1):
        line.auth.renew()
        assert line.requests(10) == [200]
    spent = [form["refresh_token"] for form in line.server.requests]
    assert len(set(spent[1:])) == 1


@pytest.mark.parametrize("sleep", [5 * HOUR, YEAR])
@pytest.mark.parametrize("background", [True, False])
def test_after_suspend_no_expired_token_is_used(timeline, sleep, background):
    """Asleep, the monotonic clock stands still; expiry goes by the other one. M99d."""
    line = timeline(background=background)
    line.request()
    line.suspend(sleep)
    with line.asking(1, least=1):
        assert line.requests(10) == [200]
    assert line.refused == []


def test_after_suspend_a_failure_of_before_does_not_delay_a_renewal(timeline):
    """The background's pause counts time awake, and holds back no request."""
    line = timeline(expires_in=100 * HOUR)
    line.request()
    line.wait(85 * HOUR)
    line.server.script.append(httpx.Response(503, headers={"Retry-After": "3600"}))
    assert line.requests(5) == [200]
    assert line.auth._resolved().quiet_until > time.monotonic()
    line.suspend(10 * HOUR)
    with line.asking(1):
        assert line.requests(5) == [200]
    line.suspend(10 * HOUR)
    with line.asking(1):
        assert line.requests(5) == [200]
    assert line.asked == 3
    assert line.refused == []


# -- skew ------------------------------------------------------------------------------


@pytest.mark.parametrize("skew", [-20 * MINUTE, 20 * MINUTE, -YEAR, YEAR])
@pytest.mark.parametrize("life", [10 * MINUTE, HOUR])
def test_a_wrong_clock_makes_no_difference_to_relative_lifetimes(timeline, skew, life):
    """expires_in counts from the answer, so a clock that is only wrong does no harm.

    M37, M99f.
    """
    line = timeline(skew=skew, expires_in=life)
    for _ in range(50):
        assert line.requests(2) == [200]
        line.wait(life / 10)
    assert line.refused == []
    assert line.asked <= 1 + 50 / 7


@pytest.mark.parametrize("skew", [-20 * MINUTE, 20 * MINUTE, -YEAR, YEAR])
@pytest.mark.parametrize("life", [10 * MINUTE, HOUR])
def test_a_servers_own_date_is_no_trap_for_a_wrong_clock(timeline, skew, life):
    """A token that seems to be expired at birth, or to live too long, makes no loop.

    The 401 is the truth: one renewal, one retry. M37, M44, M99f.
    """
    line = timeline(expires_in=..., life=life)
    start = time.time()
    line.step(skew)
    for _ in range(50):
        line.server.extra = {"expires_at": start + line.server.now + life}
        assert line.requests(2) == [200]
        line.wait(life / 10)
    assert line.asked <= 1 + 50 / 6
    assert len(line.refused) == len(set(line.refused))


@pytest.mark.parametrize("skew", [-20 * MINUTE, 20 * MINUTE])
def test_an_api_that_refuses_all_makes_no_storm_between_wrong_clocks(
    timeline, tmp_path, skew
):
    """Two machines whose clocks differ renew once each, and then no more. M32."""
    line = timeline(store=OwnStore(tmp_path, None))
    other = line.another(store=OwnStore(tmp_path, None))
    line.request()
    line.refusing = True
    line.wait(HOUR / 2)
    with line.asking(2):
        for _ in range(20):
            assert line.requests(2) == [401]
            line.step(skew)
            assert line.requests(2, other) == [401]
            line.step(-skew)
            line.wait(0.1)


# -- lifetimes -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expires_in",
    [
        *(0, 0.0, -5, -1e308, "0", "-1", 1e-9, 1e308, 10**39, 10**400, float("inf")),
        *(float("nan"), True, None, ..., "", "soon", [], {}, "3600.7", " 3600 "),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_no_lifetime_causes_a_storm(timeline, expires_in):
    """Whatever the server says of its tokens, a second brings one renewal at most.

    M41, M42, M43, M54.
    """
    line = timeline(expires_in=expires_in, life=HOUR)
    for second in range(20):
        assert line.requests(10) == [200]
        assert line.asked <= second + 1
        line.wait(1.0)
    line.wait(HOUR)
    with line.asking(1):
        assert line.requests(10) == [200]
    line.wait(10 * YEAR)
    with line.asking(1, least=1):
        assert line.requests(10) == [200]
    assert len(line.refused) == len(set(line.refused)) <= 2


@pytest.mark.parametrize("leeway", [0.0, 30.0, 1e9])
@pytest.mark.parametrize("life", [1.0, 2.0, 5.0, 60.0])
@pytest.mark.parametrize("background", [True, False])
def test_a_leeway_longer_than_the_life_is_cut(timeline, leeway, life, background):
    """Of a short life most is used, and none of it after its end. M99e."""
    line = timeline(expires_in=life, leeway=leeway, background=background)
    for _ in range(100):
        assert line.requests(2) == [200]
        line.wait(life / 10)
    assert line.refused == []
    assert line.asked <= 1 + 100 / 7
    # In each tenth of its life twice, and still when it is stale.
    assert line.used.count(line.used[0]) >= 17


@pytest.mark.parametrize("background", [True, False])
def test_tokens_of_two_seconds_for_eight_threads(timeline, background):
    """Life after life eight threads cause one renewal, and none of them a refusal."""
    line = timeline(expires_in=2.0, background=background)
    ticks = 60
    barrier = threading.Barrier(8)
    outcomes = []

    def work():
        for _ in range(ticks):
            barrier.wait(FOREVER)
            outcomes.append(line.send())
            if barrier.wait(FOREVER) == 0:
                settle()
                line.wait(0.25)

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work) for _ in range(8)]:
            done.result(3 * FOREVER)
    assert outcomes == [200] * 8 * ticks
    lives = ticks * 0.25 / 1.5
    assert lives / 2 <= line.asked <= lives + 1
    assert line.refused == []


def test_eight_workers_renew_once_in_each_of_twenty_lives(timeline, tmp_path):
    """Workers that wake one after the other just before expiry ask once. M02."""
    line = timeline(store=OwnStore(tmp_path, None), leeway=300.0)
    workers = [
        line.auth,
        *(line.another(store=OwnStore(tmp_path, None)) for _ in range(7)),
    ]
    for _ in range(20):
        with line.asking(1):
            for worker in workers:
                assert line.request(worker) == 200
                line.wait(0.01)
        line.wait(HOUR - 299.0 - 0.08)
    assert line.refused == []


# -- marks -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written", [-20 * YEAR, -YEAR, -2 * HOUR, 2.0, HOUR, 20 * YEAR]
)
@pytest.mark.parametrize("duration", [1.0, HOUR, 1e308])
def test_a_hold_of_another_time_holds_nobody(timeline, tmp_path, written, duration):
    """A mark from the future or from long ago costs nobody a renewal."""
    line = timeline(store=FileStore(tmp_path))
    bring(line, "expired")
    error = errors.to_facts(errors.TemporarilyUnavailableError("later"))
    with turn(line.auth) as transaction:
        generation = transaction.read().generation
        transaction.mark(
            Mark("hold", generation, time.time() + written, duration, error, 7)
        )
    with line.asking(1, least=1):
        assert line.requests(10) == [200]


@pytest.mark.parametrize("step", STEPS)
def test_a_refusal_holds_whatever_the_clock_shows(timeline, tmp_path, step):
    """A login that has ended is not tried again because of a clock. M33."""
    line = timeline(store=FileStore(tmp_path))
    bring(line, "expired")
    line.server.script.append(httpx.Response(400, json={"error": "invalid_grant"}))
    assert line.requests(3) == [errors.LoginRequired]
    line.step(step)
    with line.asking(0):
        assert line.requests(10) == [errors.LoginRequired]


@pytest.mark.parametrize("step", STEPS)
def test_a_server_that_stays_down_is_asked_once_for_each_step(timeline, step):
    """A step may end a hold early, and never more than that."""
    line = timeline()
    bring(line, "on hold")
    line.server.script += [BUSY] * 100
    for direction in (1, -1, 1, -1):
        line.step(direction * step)
        with line.asking(1):
            assert line.requests(20) == [errors.TemporarilyUnavailableError]


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland", "America/St_Johns"])
def test_time_zones_make_no_difference(timeline, monkeypatch, zone):
    """Expiry is decided in seconds since the epoch, wherever the client is. M35."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        line = timeline()
        seen = []
        for _ in range(30):
            assert line.request() == 200
            seen.append(line.asked)
            line.wait(0.21 * HOUR)
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
    assert seen == sorted(seen)
    assert line.refused == []
    # Four steps of a fifth and a bit are stale, and renewed behind.
    assert seen == [1 + n // 4 for n in range(30)]


def test_the_background_survives_its_failures(timeline):
    """After three failures the fourth renewal is made as ever. M35."""
    line = timeline()
    line.request()
    line.wait(0.85 * HOUR)
    line.server.script += [BUSY, httpx.ConnectError("down"), BUSY]
    for _ in range(4):
        with line.asking(1, least=1):
            assert line.requests(10) == [200]
        line.wait(MINUTE)
    assert line.requests(1) == [200]
    assert len(set(line.used)) == 2
    settle()
