"""Requests that are built, responses that are judged."""

import itertools
import json
import pickle
import subprocess
import sys
import traceback
from urllib.parse import parse_qsl, quote_plus, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oauth_auth import errors
from oauth_auth.challenge import Challenge
from oauth_auth.message import Response
from oauth_auth.protocol import (
    Outcome,
    Verdict,
    encode_form,
    judge_401,
    judge_revocation_response,
    judge_token_response,
    merge_params,
    revocation_params,
)
from oauth_auth.secret import FromEnv, Secret
from oauth_auth.token import LONGEST_LIFE, Token

URL = "https://auth.example.com/token"
NOW = 1_700_000_000.0
GRANTED = {"access_token": "AT-new-123456", "token_type": "Bearer"}
OLD = Token(
    "AT-old-123456",
    expires_at=NOW - 60,
    obtained_at=NOW - 3660,
    refresh_token="RT-old-123456",
    scope="read write",
    id_token="ID-old-123456",
    extra={"old": 1},
)


def response(status, body=b"", **headers):
    if isinstance(body, dict | list):
        body = json.dumps(body).encode()
    return Response(status, headers, body)


def judge(status, body=b"", headers=(), **options):
    options.setdefault("url", URL)
    options.setdefault("now", NOW)
    return judge_token_response(response(status, body, **dict(headers)), **options)


def refreshed(body, status=200, **options):
    return judge(status, body, previous=OLD, refreshing=True, **options)


def granted(body, **options):
    answer = refreshed(body, **options)
    assert (answer.outcome, answer.error, answer.retry_after) == (
        Outcome.GRANTED,
        None,
        None,
    )
    return answer.token


# What holds for every answer.

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
_MEMBERS = st.fixed_dictionaries(
    {},
    optional={
        name: _JSON | st.sampled_from(["AT-new-123456", "60", 60, "read", "Bearer"])
        for name in (
            "access_token", "refresh_token", "id_token", "token_type", "expires_in",
            "expires_at", "scope", "error", "error_description", "error_uri", "ok",
            "refresh_in", "obtained_at", "other",
        )
    },
)  # fmt: skip
_STATUS = st.sampled_from([200, 200, 200, 201, 302, 400, 401, 403, 429, 500, 503])


@settings(deadline=None)
@given(
    status=_STATUS | st.integers(-1, 1000),
    body=st.binary()
    | _MEMBERS.map(lambda members: json.dumps(members).encode())
    | _MEMBERS.map(lambda members: json.dumps(members).encode()[:-1])
    | _MEMBERS.map(lambda members: urlencode(members, errors="replace").encode()),
    headers=st.dictionaries(
        st.sampled_from(["retry-after", "location", "content-type"]), st.text()
    ),
    refreshing=st.booleans(),
    previous=st.sampled_from([OLD, None]),
)
def test_total(status, body, headers, refreshing, previous):
    """No answer makes the judgement raise, and what it grants can be saved and sent."""
    answer = judge_token_response(
        Response(status, headers, body),
        url=URL,
        now=NOW,
        previous=previous,
        refreshing=refreshing,
        sent=[Secret("RT-old-123456"), FromEnv("NO_SUCH_VARIABLE")],
    )
    assert (answer.outcome is Outcome.GRANTED) == (answer.error is None)
    if answer.error is not None:
        assert str(answer.error).isprintable()
        assert len(str(answer.error)) < 700
        assert pickle.loads(pickle.dumps(answer.error)).message == str(answer.error)
        assert answer.error.__context__ is None
    else:
        assert answer.token.access_token
        assert 200 <= status < 300
    if answer.token is not None:
        data = answer.token.to_dict()
        text = json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
        again = Token.from_dict(json.loads(text))
        assert again.access_token == answer.token.access_token
        assert again.expires_at == answer.token.expires_at
        form = encode_form({"a": "b", "refresh_token": answer.token._refresh_token})
        assert (
            dict(parse_qsl(form.reveal())).get("refresh_token") == again.refresh_token
        )
        assert NOW <= (answer.token.expires_at or NOW) <= NOW + LONGEST_LIFE


@pytest.mark.parametrize(
    "body", [b"x" * 1_048_577, b'{"access_token":"a"}' + b" " * 1_048_576]
)
def test_body_beyond_a_mebibyte(body):
    """A body of more than a mebibyte is no token answer, and is not parsed."""
    assert refreshed(body).outcome is Outcome.UNKNOWN


def test_html_is_no_form():
    """A link in a page that looks like an OAuth error does not end a login."""
    page = b'<a href="/login?x=1&error=invalid_grant&y=2">log in</a>'
    assert refreshed(page, 403).outcome is Outcome.REFUSED
    assert refreshed(b'{"a":"&error=invalid_grant&"}', 403).error.error is None


_SECRET = "8xLO/xBt+Zp8=AbC"


@pytest.mark.parametrize("status", [200, 400, 401, 429, 500])
@pytest.mark.parametrize("member", ["error", "error_description", "error_uri"])
@pytest.mark.parametrize(
    "spelling", [_SECRET, quote_plus(_SECRET), quote_plus(_SECRET).lower()[:9]]
)
def test_echoed_secret_is_hidden(status, member, spelling):
    """What was sent, held or received is hidden wherever the server repeats it. M66."""
    body = {"error": "invalid_request", member: f"bad {spelling} token"}
    places = (
        {"sent": [Secret(_SECRET)]},
        {"previous": Token(_SECRET)},
        {"previous": Token("a", refresh_token=_SECRET)},
        {"previous": Token("a", id_token=_SECRET)},
        {},
    )
    for place in places:
        received = {} if place else {"refresh_token": _SECRET}
        answer = judge(status, {**body, **received}, **place)
        seen = f"{answer!r} {answer.error} {vars(answer.error)} {answer.error!r}"
        assert "8xLO" not in seen
    assert "[hidden] token" in (
        answer.error.error + answer.error.description + (answer.error.uri or "")
    )


def test_a_code_that_looks_like_a_secret():
    """A made-up secret that resembles a code does not change what the code means."""
    answer = refreshed(
        {"error": "invalid_grant"}, 400, sent=[Secret("my-invalid_grant-secret")]
    )
    assert answer.outcome is Outcome.GRANT_ENDED
    assert answer.error.error == "invalid_grant"


def test_frames_hold_no_secret(monkeypatch):
    """Law 10: if something of ours broke all the same, no local would show a secret.

    M66.
    """
    for broken in ("Token", "seconds", "_scope"):
        with monkeypatch.context() as patch:
            patch.setattr(f"oauth_auth.answer.{broken}", None)
            with pytest.raises(TypeError) as caught:
                judge_token_response(
                    response(200, {**GRANTED, "refresh_token": "RT-new-123456"}),
                    url=URL,
                    now=NOW,
                    sent=[Secret("RT-old-123456")],
                    previous=OLD,
                )
        shown = traceback.TracebackException(
            type(caught.value), caught.value, caught.tb.tb_next, capture_locals=True
        )
        assert "123456" not in "".join(shown.format())


# Building a request.


def test_encode_form():
    """RFC 6749 appendix B: UTF-8, form-encoded; what has no value is not sent."""
    body = encode_form(
        {
            "grant_type": "refresh_token",
            "refresh_token": Secret("a+b/c=é"),
            "scope": None,
            "audience": "",
            "empty": Secret(""),
            "resource": [],
        }
    )
    assert body.reveal() == "grant_type=refresh_token&refresh_token=a%2Bb%2Fc%3D%C3%A9"
    assert repr(body) == "Secret(...)"


@settings(deadline=None)
@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    )
)
def test_encode_form_round_trip(params):
    """Whatever text goes in comes out at a server, and nothing else does."""
    body = encode_form({name: Secret(value) for name, value in params.items()})
    assert body.reveal().isascii()
    assert dict(parse_qsl(body.reveal(), strict_parsing=bool(params))) == params


@pytest.mark.parametrize("name", ["resource", "audience"])
def test_repeatable(name):
    """RFC 8707, RFC 8693: resource and audience may be sent several times."""
    found = encode_form({name: ["https://a", "", "https://b"], "x": "1"})
    assert parse_qsl(found.reveal()) == [
        (name, "https://a"),
        (name, "https://b"),
        ("x", "1"),
    ]


def test_not_repeatable():
    """RFC 6749 section 3.2: no other parameter may be sent twice."""
    with pytest.raises(errors.ConfigurationError, match="parameter scope has several"):
        encode_form({"scope": ["read", "write"]})


@pytest.mark.parametrize("value", [7, b"x", {"a": 1}, {"a"}, True])
def test_neither_text_nor_secret(value):
    """A value of another type is the caller's mistake, and named."""
    with pytest.raises(
        errors.ConfigurationError, match="parameter max_age must be text"
    ):
        encode_form({"max_age": value})


def test_encode_form_hides_what_it_cannot_send(monkeypatch):
    """A secret that is no UTF-8 is named, and neither shown nor chained."""
    monkeypatch.setattr("os.environ", {"BAD": "hush\udcffhush"})
    with pytest.raises(errors.ConfigurationError, match=r"^password holds") as caught:
        encode_form({"first": Secret("hush-first"), "password": FromEnv("BAD")})
    assert caught.value.__context__ is None
    shown = traceback.TracebackException.from_exception(
        caught.value, capture_locals=True
    )
    # The frame of this test holds the literals.
    shown.stack.pop(0)
    assert len(shown.stack) >= 3
    assert "hush" not in "".join(shown.format())


def test_merge_params():
    """Extra parameters join the standard ones; those without a value count for none."""
    merged = merge_params(
        {"grant_type": "x", "scope": None, "audience": ""},
        {"scope": "read", "hd": "example.com", "grant_type": "", "audience": None},
    )
    assert merged == {
        "grant_type": "x",
        "scope": "read",
        "audience": "",
        "hd": "example.com",
    }


def test_merge_params_refuses_a_duplicate():
    """RFC 6749 section 3.2: a parameter that is sent anyway is refused by name."""
    with pytest.raises(
        errors.ConfigurationError, match="extra holds the parameter cli"
    ):
        merge_params({"client_id": "a"}, {"client_id": "a"})


# Revocation.


def test_revocation_params():
    """RFC 7009 section 2.1: the token, and a hint at its kind."""
    assert encode_form(revocation_params(Secret("t"))).reveal() == (
        "token=t&token_type_hint=refresh_token"
    )


@pytest.mark.parametrize("status", [200, 204])
@pytest.mark.parametrize("body", [b"", b"<p>bye", {"error": "invalid_token"}])
def test_revoked(status, body):
    """RFC 7009 section 2.2: a success means revoked, whatever its body says."""
    assert judge_revocation_response(response(status, body), URL) is None


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (503, b"", errors.TemporarilyUnavailableError, "temporarily_unavailable"),
        (500, b"<h1>", errors.ServerError, "server_error"),
        (302, b"", errors.TokenEndpointError, None),
        (401, {"error": "invalid_client"}, errors.InvalidClientError, "invalid_client"),
        (
            400,
            {"error": "unsupported_token_type"},
            errors.TokenEndpointError,
            "unsupported_token_type",
        ),
        (404, b"not found", errors.TokenEndpointError, None),
    ],
)
def test_m40_not_revoked(status, body, kind, code):
    """M40: a failed revocation is handed back, so that logout can go on."""
    error = judge_revocation_response(response(status, body), URL, auth_method="none")
    assert type(error) is kind
    assert (error.error, error.status_code) == (code, status)
    assert str(error).startswith(f"{URL} answered {status}")


def test_revocation_hides_the_token():
    """A server that repeats the token to be revoked does not bring it into a log."""
    error = judge_revocation_response(
        response(400, {"error": "x", "error_description": _SECRET}),
        URL,
        sent=[Secret(_SECRET)],
    )
    assert error.description == "[hidden]"
    assert "revocation_endpoint" in str(error)


# What a 401 does.

_CHALLENGES = {
    "none": (),
    "invalid_token": (Challenge("bearer", {"error": "invalid_token"}),),
    "plain": (Challenge("bearer", {}), Challenge("basic", {"realm": "x"})),
    "other scheme": (Challenge("basic", {"error": "insufficient_scope"}),),
    "insufficient_scope": (Challenge("bearer", {"error": "insufficient_scope"}),),
    "second": (
        Challenge("bearer", {"error": "invalid_token"}),
        Challenge("dpop", {"error": "insufficient_scope"}),
    ),
    "nonce": (Challenge("dpop", {"error": "use_dpop_nonce"}),),
}
_FLAGS = (
    "carries_our_token",
    "same_origin",
    "replayable",
    "other_token_held",
    "accepted_here",
    "made_after_rejection_here",
    "renewed_enough_for_it",
)


def expected_verdict(status, challenge, flags):
    """The table, first row that applies."""
    rows = [
        (not flags["carries_our_token"], Verdict.RETURN),
        (not flags["same_origin"], Verdict.RETURN),
        (challenge in ("insufficient_scope", "second"), Verdict.RETURN),
        (status != 401, Verdict.RETURN),
        (challenge == "nonce", Verdict.RETURN),
        (flags["other_token_held"] and flags["replayable"], Verdict.ADOPT),
        (flags["other_token_held"], Verdict.RENEW_ONLY),
        (flags["renewed_enough_for_it"], Verdict.RETURN),
        (
            flags["made_after_rejection_here"] and not flags["accepted_here"],
            Verdict.RETURN,
        ),
        (not flags["replayable"], Verdict.RENEW_ONLY),
        (True, Verdict.RENEW),
    ]
    return next(verdict for applies, verdict in rows if applies)


@pytest.mark.parametrize("status", [401, 403, 200, 500])
@pytest.mark.parametrize("challenge", _CHALLENGES)
def test_judge_401_truth_table(status, challenge):
    """M12, M32, M37, M55, M59: every combination gives what the table says."""
    for values in itertools.product([False, True], repeat=len(_FLAGS)):
        flags = dict(zip(_FLAGS, values, strict=True))
        found = judge_401(status=status, challenges=_CHALLENGES[challenge], **flags)
        assert found is expected_verdict(status, challenge, flags), flags


# Start-up.


def test_light_imports():
    """What is imported before a token is needed loads neither HTTP nor oauthlib."""
    code = (
        "import oauth_auth.protocol, oauth_auth.client_auth, oauth_auth.challenge, sys;"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "oauth_auth" in loaded
    heavy = {"asyncio", "dataclasses", "email", "http", "httpx", "inspect", "oauthlib"}
    assert heavy.isdisjoint(loaded)
