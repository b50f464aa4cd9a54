"""Challenges of every kind, and what a 401 with them leads to."""

import pytest

from oauth_auth.challenge import parse_challenges
from tests.fuzz.challenges import challenge_law, fields
from tests.fuzz.exploring import explore, thoroughness
from tests.secrecy.lines import Lines


@thoroughness
def test_whatever_a_401_says(thorough):
    """Nothing is made up, reading is stable, and the verdict follows from the facts.

    M34, M35, M36.
    """
    explore(challenge_law, fields, thorough=thorough, cases=200)


def steps(text):
    """Return how many of the package's lines read a header field."""
    with Lines() as lines:
        parse_challenges([text])
    return lines.count


@pytest.mark.parametrize(
    "piece",
    [
        *('"', "=", "a", ",", 'a="', '\\"', " ", "a=b ", "a,", "a b,", "a =", "é"),
        *("Bearer a=b, ", "Negotiate YII= ,", "a" + " " * 50, '"" ', "a \t=\t b"),
    ],
)
def test_reading_takes_steps_in_proportion(piece):
    """A header field of twice the length takes at most twice as many steps."""
    base, once, twice = (steps(piece * n) for n in (1, 500, 1000))
    assert twice - base <= 2.2 * (once - base) + 20


@pytest.mark.parametrize("end", ["", "x", ",", '"', "="])
@pytest.mark.parametrize("piece", ["a ", "a=", " \t", "a" * 9 + " " * 9, '"\\', "a,a "])
def test_large_fields_end(piece, end):
    """Half a megabyte of anything does not keep the worker busy for ever."""
    assert len(parse_challenges(["Bearer " + piece * 50_000 + end])) <= 500_000
