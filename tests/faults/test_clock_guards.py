"""Guards against storms that clocks and strange answers could get past."""

import httpx
import pytest

from oauth_auth import errors
from oauth_auth.stores.base import Mark
from oauth_auth.turn import hold
from tests.faults.scenarios import OwnStore
from tests.faults.timeline import Timeline


@pytest.fixture
def timeline(monkeypatch):
    return lambda **settings: Timeline(monkeypatch, **settings)


def test_a_day_of_failures_is_counted_without_overflow():
    """After thousands of failures in a row the hold is half a minute as before. M24."""
    last = Mark("hold", 1, 0.0, 30.0, {}, 5000)
    mark = hold(errors.EndpointUnreachable("down"), last, 1, None)
    assert (mark.duration, mark.failures) == (30.0, 5001)


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_keeps_saying_now_is_not_hammered(timeline, status):
    """Retry-After: 0 shortens the first hold, not those of further failures. M31."""
    line = timeline()
    line.server.script += [httpx.Response(status, headers={"Retry-After": "0"})] * 50
    with line.asking(2, least=1):
        assert line.requests(50) == [errors.TemporarilyUnavailableError]


def test_an_api_that_refuses_tokens_without_a_life_makes_no_storm(timeline):
    """A life of zero makes the guard no shorter than the token's use. M32, M43."""
    line = timeline(expires_in=0, life=3600.0)
    line.request()
    line.refusing = True
    with line.asking(2):
        assert line.requests(50) == [401]


@pytest.mark.parametrize("step", [-0.001, -3600.0])
def test_a_step_back_does_not_end_the_storm_guard(timeline, step):
    """An API that refuses everything brings one more renewal at most. M32, M99g."""
    line = timeline()
    line.request()
    line.refusing = True
    line.requests(5)
    line.step(step)
    with line.asking(1):
        assert line.requests(50) == [401]


@pytest.mark.parametrize("skew", [-1200.0, 1200.0])
def test_clocks_that_differ_share_one_storm_guard(timeline, tmp_path, skew):
    """Two machines whose clocks differ cause no more renewals than one. M32."""
    line = timeline(store=OwnStore(tmp_path, None))
    other = line.another(store=OwnStore(tmp_path, None))
    line.request()
    line.refusing = True
    line.wait(1800.0)
    with line.asking(2):
        for _ in range(20):
            line.requests(2)
            line.step(skew)
            line.requests(2, other)
            line.step(-skew)
            line.wait(0.1)
