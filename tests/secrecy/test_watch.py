"""The watch finds what it is there for, and disturbs nothing."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.secrecy.pieces import pieces, secret_pieces, words

TELLING = Path(__file__).with_name("telling.py")


@pytest.fixture(scope="module")
def outcome():
    """What came of each test in `telling`: its name, and how it went."""
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", str(TELLING), "-rA", "--tb=short"),
            *("-n", "0", "-p", "no:cacheprovider", "-o", "python_functions=tell_*"),
        ],
        cwd=TELLING.parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.findall(r"^(PASSED|FAILED|ERROR) \S+::(\w+)", run.stdout, re.MULTILINE)
    return {name: how for how, name in found}, run.stdout


NAMES = re.findall(r"^def (tell_\w+)", TELLING.read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_a_test_that_tells_a_secret_fails(outcome, name):
    """In whichever way it is told; one that tells nothing passes. M66."""
    how, output = outcome
    passes = name.startswith("tell_nothing")
    assert how[name] == ("PASSED" if passes else "FAILED"), output


def test_a_finding_says_where(outcome):
    """The piece, the place and the way there are in the report."""
    _, output = outcome
    assert "'t9aqw7lp' of a secret is told by a log line of somewhere.deep" in output
    assert "local text in reserve" in output
    assert re.search(r"in process \d+: .* of a secret is told", output)


@pytest.mark.parametrize(
    "value",
    [
        "Zk3fT9aQw7LpXn2Vb8Ry",
        "Bearer Zk3fT9aQw7LpXn2Vb8Ry",
        "at_9sJ-yq0GNq3bTcX5lRw_",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.c2lnbmF0dXJl",
    ],
)
def test_each_piece_of_random_text_counts(value):
    """Of a token every eight characters are looked for."""
    part = value.removeprefix("Bearer ").partition(".")[0]
    assert pieces(part.lower()) <= secret_pieces(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "short",
        "invalid_grant",
        "refresh_token",
        "the server's own words, not a secret",
        "https://auth.example.com/token",
        "grant_type=refresh_token&scope=read",
        "UnsupportedTokenTypeError",
        "0123456789abcdef0123456789abcdef01234567",
    ],
)
def test_what_the_package_wraps_beside_secrets_does_not_count(value):
    """Codes, texts, URLs, forms and record ids may be told."""
    assert secret_pieces(value) == frozenset()


def test_of_a_private_key_every_line_counts():
    """As PEM, as a JWK, and within another file."""
    from tests.client_keys import EC, pem

    for text in (pem(EC), json.dumps(EC), json.dumps({"private_key": pem(EC)})):
        assert pieces(pem(EC).splitlines()[1].lower()) <= secret_pieces(pem(EC))
        found = secret_pieces(text)
        assert len(found) > 30
        assert not any("private" in piece for piece in found)


def test_a_text_is_cut_at_what_no_token_holds():
    """Words are found in JSON, bytes, headers and reprs."""
    text = """{"a": "Abcdefgh1"} b'ABCDEFGH2' x: (abcdefgh3), abcdefg"""
    assert words(text) == {"abcdefgh1", "abcdefgh2", "abcdefgh3"}
