"""Token answers of every kind, and of none."""

import json

import pytest
from hypothesis import strategies as st

from oauth_auth.protocol import encode_form
from oauth_auth.quoting import FORM
from tests.fuzz.answers import (
    CLIENT_SECRET,
    NOW,
    SPENT,
    answer_law,
    answers,
    case_of,
    judged,
)
from tests.fuzz.exploring import explore, thoroughness
from tests.secrecy.lines import Lines


@thoroughness
@pytest.mark.parametrize("refreshing", [True, False])
def test_whatever_comes_is_judged(refreshing, thorough):
    """A new refresh token is kept, times are bounded, and nothing secret is told.

    M41, M42, M43, M66.
    """

    def law(status, headers, body):
        answer_law(status, headers, body, refreshing=refreshing)

    explore(law, *answers, thorough=thorough, cases=200)


@thoroughness
def test_whatever_bytes_come_are_judged(thorough):
    """The way in which the fuzzer makes its cases is a way of its own. M66."""

    def law(data):
        answer_law(*case_of(data), refreshing=True)

    explore(law, st.binary(max_size=200), thorough=thorough)


@thoroughness
def test_every_cut_of_a_token_answer_tells_nothing(thorough):
    """An answer that was cut off anywhere is no token, and is not quoted. M66."""
    answer = {"access_token": "a" * 20, "refresh_token": "Mq4Wz8Xc1Vb5Nm9Lk2Jh"}
    body = json.dumps(answer, indent=2).encode()

    def law(status, end, before):
        data = before + body[:end]
        if FORM.fullmatch(data.decode("latin-1")):
            return
        error = judged(status, {}, data, refreshing=True).error
        if error is not None:
            text = f"{error} {vars(error)}"
            value = answer["refresh_token"]
            assert not any(value[i : i + 8] in text for i in range(len(value) - 7))

    explore(
        law,
        st.sampled_from([200, 400, 500]),
        st.integers(0, len(body) - 1),
        st.sampled_from([b"", b"\n", b")]}'\n", b"while(1);", b"HTTP/1.1 200 OK\n\n"]),
        thorough=thorough,
    )


@thoroughness
def test_waits_are_bounded(thorough):
    """No Retry-After asks for more than an hour, or for the past. M31."""

    def law(value):
        answer = judged(429, {"retry-after": value}, b"", refreshing=True)
        wait = answer.retry_after
        assert wait is None or 0 <= wait <= 3600
        if value.isdecimal() and value.isascii() and len(value) < 40:
            assert wait == min(int(value), 3600)

    def date(seconds):
        from email.utils import formatdate

        return formatdate(NOW + seconds, usegmt=True)

    explore(
        law,
        st.text(max_size=40)
        | st.integers(0, 10**45).map(str)
        | st.integers(-(10**9), 10**9).map(date),
        thorough=thorough,
    )


@thoroughness
def test_a_form_comes_out_as_it_went_in(thorough):
    """Any characters survive the way to the server, secrets among them (RFC 6749 B)."""
    from urllib.parse import parse_qsl

    text = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30)

    def law(params):
        body = encode_form(params).reveal()
        assert body.isascii()
        sent = {name: value for name, value in params.items() if value}
        assert dict(parse_qsl(body, keep_blank_values=True)) == sent

    names = text.filter(bool)
    explore(law, st.dictionaries(names, text, max_size=5), thorough=thorough)


def steps(body, **headers):
    """Return how many of the package's lines judge an answer."""
    with Lines() as lines:
        judged(400, headers, body, refreshing=True)
    return lines.count


@pytest.mark.parametrize(
    "body",
    [
        lambda n: json.dumps({f"m{i}": "x" for i in range(n)}).encode(),
        lambda n: json.dumps({"error": "e" * n, "error_description": "d" * n}).encode(),
        lambda n: json.dumps({"error_description": f"{SPENT} " * n}).encode(),
        lambda n: b"[" * n,
        lambda n: b"a=b&" * n,
        lambda n: b"<title " * n,
        lambda n: b"<script>" * n,
        lambda n: f"{CLIENT_SECRET} ".encode() * n,
    ],
)
def test_judging_takes_steps_in_proportion(body):
    """An answer of twice the size takes at most twice as many steps."""
    steps(body(10))  # imports
    base, once, twice = (steps(body(n)) for n in (0, 1000, 2000))
    assert twice - base <= 2.2 * (once - base) + 50


@pytest.mark.parametrize(
    "piece",
    [b"<", b"<title", b"<title>", b"</", b"<script ", b"token", b"token ", b"a=", b"&"],
)
def test_large_answers_end(piece):
    """A body of a megabyte of any mark-up does not keep the worker busy for ever."""
    answer = judged(500, {}, piece * (1_000_000 // len(piece)), refreshing=True)
    assert len(str(answer.error)) < 2000
