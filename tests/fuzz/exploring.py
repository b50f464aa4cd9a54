"""How a law is tried on many cases: always the same ones, or for long, new ones."""

import pytest
from hypothesis import HealthCheck, given, settings

__all__ = ["explore", "thoroughness"]

#: Cases in the default run, which are the same each time, and behind `long`.
CASES, MANY = 120, 20_000

thoroughness = pytest.mark.parametrize(
    "thorough", [False, pytest.param(True, marks=pytest.mark.long)]
)


def explore(law, *strategies, thorough, cases=CASES):
    """Call a law with generated arguments; it raises where it does not hold.

    Args:
        law: The function.
        strategies: Of its arguments.
        thorough: Whether to try many cases, made from a new seed.
        cases: How many to try otherwise.
    """
    settings(
        max_examples=MANY if thorough else cases,
        derandomize=not thorough,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )(given(*strategies)(law))()
