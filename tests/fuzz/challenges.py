"""Laws of WWW-Authenticate: what is read of it, and what a 401 then leads to."""

import itertools
import re

from hypothesis import strategies as st

from oauth_auth.challenge import parse_challenges
from oauth_auth.protocol import Verdict, judge_401

__all__ = ["challenge_law", "fields", "written"]

#: RFC 9110 section 5.6.2.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")


def challenge_law(values):
    """Nothing is made up, one field does not change another, and reading is stable."""
    challenges = parse_challenges(values)
    assert challenges == tuple(
        itertools.chain.from_iterable(parse_challenges([value]) for value in values)
    )
    text = "\n".join(values)
    for scheme, params in challenges:
        assert _TOKEN.fullmatch(scheme)
        assert scheme in text.lower()
        for name, value in params.items():
            assert _TOKEN.fullmatch(name)
            assert name in text.lower()
            assert _is_part(value, text)
    size = sum(
        len(scheme) + sum(len(name) + len(value) for name, value in params.items())
        for scheme, params in challenges
    )
    assert size <= len(text)
    assert parse_challenges([written(challenges)]) == challenges
    _verdict_law(challenges)


def written(challenges):
    """Write challenges as RFC 9110 section 11.6.1 wants them."""

    def quoted(value):
        return '"' + re.sub(r'([\\"])', r"\\\1", value) + '"'

    return ", ".join(
        " ".join(
            filter(
                None,
                [scheme, ", ".join(f"{n}={quoted(v)}" for n, v in params.items())],
            )
        )
        for scheme, params in challenges
    )


def _is_part(value, text):
    """Whether a value stands in a text, with or without escapes."""
    rest = iter(text)
    return all(character in rest for character in value)


def _verdict_law(challenges):
    """What a 401 leads to follows from few facts, whatever its challenges are."""
    ours = [params for scheme, params in challenges if scheme in ("bearer", "dpop")]
    useless = any(
        params.get("error") in ("insufficient_scope", "use_dpop_nonce")
        for params in ours
    )
    for carries, same, replayable, other, accepted, made, enough in itertools.product(
        (True, False), repeat=7
    ):
        verdict = judge_401(
            status=401,
            challenges=challenges,
            carries_our_token=carries,
            same_origin=same,
            replayable=replayable,
            other_token_held=other,
            accepted_here=accepted,
            made_after_rejection_here=made,
            renewed_enough_for_it=enough,
        )
        if not carries or not same or useless:
            assert verdict is Verdict.RETURN
        elif other:
            # Law 7: no token request where there is a different token already.
            assert verdict is (Verdict.ADOPT if replayable else Verdict.RENEW_ONLY)
        elif enough or (made and not accepted):
            assert verdict is Verdict.RETURN
        else:
            assert verdict is (Verdict.RENEW if replayable else Verdict.RENEW_ONLY)


_MARKS = st.text(
    alphabet=st.sampled_from('Bearer error=insufficient_scope,"\\\t\n é==')
)
_PARTS = st.sampled_from(
    [
        "Bearer",
        "DPoP",
        "Basic",
        "Negotiate YII=",
        'error="insufficient_scope"',
        "error=invalid_token",
        'realm="a, Bearer error=\\"x\\""',
        'nonce="',
        "x=",
        "\\",
        ", ",
        " ",
    ]
)
#: The values of the fields of one response.
fields = st.lists(
    st.lists(_PARTS, max_size=8).map("".join)
    | st.lists(_PARTS, max_size=8).map(" ".join)
    | _MARKS
    | st.text(max_size=40),
    max_size=3,
)
