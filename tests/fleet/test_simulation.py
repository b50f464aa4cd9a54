"""The simulation of `python -m tests.fleet`, with few workers."""

import pytest

from tests.fleet.simulation import Setting, Simulation


@pytest.mark.parametrize("workers", [1, 40])
def test_one_life_of_a_token(workers):
    """One worker renews, each of the others looks once, and nobody waits."""
    found = Simulation(Setting(workers)).run()
    assert found.token_requests == 1
    assert found.failures == 0
    assert workers <= found.reads <= 2 * workers + 1
    assert found.longest_wait == 0.0
    assert found.requests > 5 * workers


def test_all_start_at_once():
    """They wait for one of them, and for little longer than one request takes."""
    found = Simulation(Setting(40, start=True)).run()
    assert found.token_requests == 1
    assert found.failures == 0
    assert found.longest_wait < 1.2 * 0.2
