"""WWW-Authenticate as servers write it."""

import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oauth_auth.challenge import Challenge, parse_challenges


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Bearer", [("bearer", {})]),
        ('Bearer realm="api"', [("bearer", {"realm": "api"})]),
        (
            (
                'Bearer realm="example", error="invalid_token", '
                'error_description="The access token expired"'
            ),
            [
                (
                    "bearer",
                    {
                        "realm": "example",
                        "error": "invalid_token",
                        "error_description": "The access token expired",
                    },
                )
            ],
        ),
        ("BEARER Error=invalid_token", [("bearer", {"error": "invalid_token"})]),
        (
            'Basic realm="a", Bearer error="invalid_token"',
            [("basic", {"realm": "a"}), ("bearer", {"error": "invalid_token"})],
        ),
        (
            'Basic realm="a",Bearer scope="x y",error="insufficient_scope"',
            [
                ("basic", {"realm": "a"}),
                ("bearer", {"scope": "x y", "error": "insufficient_scope"}),
            ],
        ),
        (
            'Newauth realm="apps", type=1, title="To \\"apps\\"", Basic realm="s"',
            [
                ("newauth", {"realm": "apps", "type": "1", "title": 'To "apps"'}),
                ("basic", {"realm": "s"}),
            ],
        ),
        (
            "Negotiate YIIJvwYGKwYBBQUCoIIJszCC==, Bearer error=invalid_token",
            [("negotiate", {}), ("bearer", {"error": "invalid_token"})],
        ),
        ("Negotiate, NTLM", [("negotiate", {}), ("ntlm", {})]),
        ("Bearer realm = \t'x'", [("bearer", {"realm": "'x'"})]),
        (
            'DPoP error="use_dpop_nonce", algs="ES256 PS256"',
            [("dpop", {"error": "use_dpop_nonce", "algs": "ES256 PS256"})],
        ),
    ],
)
def test_well_formed(value, expected):
    """Schemes and parameter names come out in lower case, values as they are."""
    assert parse_challenges([value]) == tuple(Challenge(*pair) for pair in expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", []),
        (", ,,", []),
        ("=== \x00 \\", []),
        ('"Bearer error=invalid_token"', []),
        ("error=invalid_token", []),
        ('Basic a b "c, Bearer error=d" e', [("basic", {})]),
        ('Bearer error="invalid_token', [("bearer", {"error": "invalid_token"})]),
        ('Bearer a="b\\', [("bearer", {"a": "b"})]),
        ('Bearer realm="x" error="y"', [("bearer", {"realm": "x", "error": "y"})]),
        ("Bearer error_description=The token expired, error=invalid_token",
         [("bearer", {"error_description": "The", "error": "invalid_token"})]),
        ('Bearer error="a", error="b"', [("bearer", {"error": "a"})]),
        ("Bearer x=1, a=, b=1", [("bearer", {"x": "1", "a": "", "b": "1"})]),
        ('Bearer r="a, Basic realm=b"', [("bearer", {"r": "a, Basic realm=b"})]),
        (
            "Bearer resource_metadata=https://api.example/.well-known/x?y, a=b",
            [
                (
                    "bearer",
                    {
                        "resource_metadata": "https://api.example/.well-known/x?y",
                        "a": "b",
                    },
                )
            ],
        ),
    ],
)  # fmt: skip
def test_malformed(value, expected):
    """What can be understood of a malformed header is kept, and nothing is made up."""
    assert parse_challenges([value]) == tuple(Challenge(*pair) for pair in expected)


def test_several_fields():
    """Fields of the same name follow one another, and none leaks into the next."""
    assert parse_challenges(["Basic", "error=invalid_token", 'Bearer error="x"']) == (
        Challenge("basic", {}),
        Challenge("bearer", {"error": "x"}),
    )


@settings(deadline=None)
@given(
    st.lists(st.text(alphabet=st.sampled_from('Bearer =,"\\\t\n%é\x00~')) | st.text())
)
def test_total(values):
    """No text makes the parser raise or give anything but lower-case names."""
    for challenge in parse_challenges(values):
        assert challenge.scheme == challenge.scheme.lower() != ""
        assert all(name == name.lower() != "" for name in challenge.params)


# Not from_regex, which takes ten times as long.
_NAMES = st.builds(
    str.__add__,
    st.sampled_from(string.ascii_lowercase),
    st.text(string.ascii_lowercase + string.digits + "_.-", max_size=8),
)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(_NAMES, st.dictionaries(_NAMES, st.text(), min_size=1)), min_size=1
    ),
    st.sampled_from([",", ", ", " , ", ",\t,"]),
)
def test_round_trip(challenges, comma):
    """Whatever is written with quotes and escapes is read back, several a field."""

    def quoted(value):
        return '"' + re.sub(r'([\\"])', r"\\\1", value) + '"'

    text = comma.join(
        scheme
        + " "
        + comma.join(f"{name}={quoted(value)}" for name, value in params.items())
        for scheme, params in challenges
    )
    assert parse_challenges([text]) == tuple(Challenge(*pair) for pair in challenges)


@pytest.mark.parametrize("piece", ['"', "=", "a", ",", 'a="', '\\"', " ", "a=b "])
def test_large(piece):
    """A header of a hundred thousand characters is read in linear steps."""
    assert (
        len(parse_challenges(["Bearer " + piece * (100_000 // len(piece))])) <= 100_000
    )
