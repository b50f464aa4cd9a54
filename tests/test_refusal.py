"""Answers that are no token: what they mean, and what is said."""

import json
import pickle
from email.utils import formatdate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oauthlib.oauth2 import OAuth2Error

from oauth_auth import errors
from oauth_auth.message import Response
from oauth_auth.protocol import (
    Outcome,
    judge_token_response,
)
from oauth_auth.token import Token

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


# Which answers grant a token, and what an answer means that does not.


@pytest.mark.parametrize("status", [500, 502, 504, 501, 599, 600, 199])
@pytest.mark.parametrize(
    "body", [b"", b"<h1>oops", {"error": "invalid_grant"}, GRANTED]
)
def test_m24_failing_server(status, body):
    """M24: a failing server's answer leaves open what happened, whatever it says."""
    answer = refreshed(body, status)
    assert answer.outcome is Outcome.UNKNOWN
    assert answer.token is None
    assert type(answer.error) is errors.ServerError
    assert answer.error.retryable
    assert answer.error.status_code == status


@pytest.mark.parametrize("status", [503, 429, 408])
@pytest.mark.parametrize(
    "body", [b"", b"slow down", {"error": "invalid_grant"}, GRANTED]
)
def test_m24_busy_server(status, body):
    """M24: a server that is busy has not spent the refresh token, whatever it says."""
    answer = refreshed(body, status)
    assert answer.outcome is Outcome.LATER
    assert answer.token is None
    assert type(answer.error) is errors.TemporarilyUnavailableError
    assert answer.error.retryable


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "invalid_request"),  # M26 and M38
        (401, "invalid_token"),  # M27
    ],
)
def test_m26_m27_m38_ambiguous_codes(status, code):
    """M26, M27, M38: codes that may mean a mere fault end no login, and are told."""
    answer = refreshed({"error": code, "error_description": "revoked"}, status)
    assert answer.outcome is Outcome.REFUSED
    assert answer.error.error == code
    assert answer.error.description == "revoked"
    assert not answer.error.retryable
    assert not isinstance(answer.error, errors.InvalidGrantError)


_BODIES = [
    b"<html><title>Sorry</title></html>",
    b"",
    b"null",
    b"[]",
    b'"x"',
    b"some text",
    b'{"access_token": "AT-new-12',
    b" " * 1_000_000,
    b"\x1f\x8b\x08\x00\xff\xfe",
    b"\xff\xfe{\x00}\x00",
    b"{}",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"9" * 100_000,
    b"NaN",
    b'{"error": {"code": 7}}',
    b'{"error": true}',
    b'{"error": ["invalid_grant"]}',
    b'{"access_token": ["a"], "refresh_token": {"b": 1}}',
]


@pytest.mark.parametrize(
    "status", [200, 204, 302, 400, 401, 403, 404, 418, 429, 500, 502, 503, 504, 0, 999]
)
@pytest.mark.parametrize("body", _BODIES, ids=range(len(_BODIES)))
def test_m28_m29_m52_any_body(status, body):
    """M28, M29, M52: a status and a body of any kind become one error of ours."""
    for kind in ("application/json", "text/html", ""):
        answer = refreshed(body, status, headers={"content-type": kind})
        assert answer.outcome is not Outcome.GRANTED
        assert answer.outcome is not Outcome.GRANT_ENDED
        assert answer.token is None
        assert isinstance(answer.error, errors.TokenEndpointError)
        assert isinstance(answer.error, OAuth2Error)
        assert answer.error.__cause__ is answer.error.__context__ is None
        assert str(answer.error).startswith(f"{URL} answered {status}")
        assert str(answer.error).isprintable()
        assert len(str(answer.error)) < 500
        assert "AT-new" not in str(answer.error)


def test_m29_html_in_place_of_json():
    """M29: HTML that calls itself JSON is called HTML."""
    answer = refreshed(
        b"<html>blocked</html>", headers={"content-type": "application/json"}
    )
    assert answer.outcome is Outcome.UNKNOWN
    assert str(answer.error) == (
        f"{URL} answered 200, not JSON (looks like HTML, 20 bytes); check that this is "
        "the server's token_endpoint, and the client's settings"
    )


@pytest.mark.parametrize(
    "body",
    [
        {"error": "bad_refresh_token", "error_description": "incorrect or expired"},
        b"error=bad_refresh_token&error_description=incorrect+or+expired",
        {"ok": False, "error": "invalid_refresh_token"},
        {"ok": False, "error": "invalid_code"},
        {"error": "invalid_grant", "access_token": "AT-new-123456"},
    ],
)
def test_m30_rejected_with_200(body):
    """M30: an error is an error even with status 200; the old tokens stay."""
    answer = refreshed(body)
    assert answer.outcome is Outcome.GRANT_ENDED
    assert answer.token is None
    assert type(answer.error) is errors.InvalidGrantError
    assert answer.error.status_code == 200
    assert answer.error.error in str(answer.error)


@pytest.mark.parametrize(
    "body", [{"ok": False}, {"ok": False, "access_token": "AT-new-123456"}]
)
def test_m30_rejected_without_a_code(body):
    """M30: Slack's "ok": false is a rejection, with or without a code."""
    answer = refreshed(body)
    assert answer.outcome is Outcome.REFUSED
    assert type(answer.error) is errors.TokenEndpointError
    assert answer.error.error is None
    assert " answered 200 with a refusal (" in str(answer.error)


def test_m30_invalid_code_of_a_login():
    """M30: "invalid_code" ends a grant only where the request was a refresh."""
    assert judge(200, {"error": "invalid_code"}).outcome is Outcome.REFUSED


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        (formatdate(NOW + 90, usegmt=True), 90.0),
        ("Tuesday, 14-Nov-23 22:14:50 GMT", 90.0),
        ("Tue Nov 14 22:14:50 2023", 90.0),
        ("999999", 3600.0),
        ("9" * 5000, None),
        (formatdate(NOW + 9e7, usegmt=True), 3600.0),
        ("-5", None),
        (formatdate(NOW - 90, usegmt=True), None),
        ("soon", None),
        ("nan", None),
        ("Tue, 99 Foo 99999999999 99:99:99 GMT", None),
        ("Tue, 14 Nov 12345 22:14:50 GMT", None),
        (f"Tue, 14 Nov {'9' * 30} 22:14:50 GMT", None),
        ("", None),
    ],
)
def test_m31_retry_after(header, expected):
    """M31: the wait is read as seconds or as a date; nonsense is none, an hour all."""
    answer = refreshed(b"", 429, headers={"retry-after": header})
    assert answer.retry_after == expected
    assert answer.outcome is Outcome.LATER
    wait = f"in {expected:g} s" if expected else "later"
    assert str(answer.error).endswith(f"; try again {wait}")


@settings(deadline=None)
@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ [\d:]+ \w*"))
def test_m31_any_retry_after(header):
    """M31: no text in this header raises, or makes for a wait out of bounds."""
    found = judge(503, headers={"retry-after": header}).retry_after
    assert found is None or 0 <= found <= 3600


def test_m31_a_date_counts_by_the_servers_own_clock():
    """M31: with a Date beside it, a wrong clock on this machine changes no wait."""
    headers = {
        "retry-after": "Tue, 01 Jan 2030 00:02:00 GMT",
        "date": "Tue, 01 Jan 2030 00:00:00 GMT",
    }
    assert refreshed(b"", 429, headers=headers).retry_after == 120
    odd = {**headers, "date": "yesterday"}
    assert refreshed(b"", 429, headers=odd).retry_after == 3600


def test_m31_no_header():
    """M31: without the header nothing is known about the wait."""
    assert refreshed(b"", 429).retry_after is None


@pytest.mark.parametrize("status", [400, 401, 403])
def test_m33_invalid_grant(status):
    """M33: a dead refresh token is told from every other failure."""
    answer = refreshed(
        {"error": "invalid_grant", "error_description": "Token expired.",
         "error_uri": "https://auth.example.com/help"},
        status,
    )  # fmt: skip
    assert answer.outcome is Outcome.GRANT_ENDED
    error = answer.error
    assert type(error) is errors.InvalidGrantError
    assert not error.retryable
    assert (error.error, error.status_code) == ("invalid_grant", status)
    assert (error.description, error.uri) == (
        "Token expired.",
        "https://auth.example.com/help",
    )
    assert str(error).startswith(
        f"{URL} answered {status} invalid_grant: Token expired;"
    )
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert vars(again) == vars(error)


@pytest.mark.parametrize(
    ("code", "kind", "step"),
    [
        ("invalid_request", errors.InvalidRequestError, "parameters that this"),
        ("invalid_client", errors.InvalidClientError, "check client_id and"),
        ("unauthorized_client", errors.UnauthorizedClientError, "allow this"),
        ("unsupported_grant_type", errors.UnsupportedGrantTypeError, "use a"),
        ("invalid_scope", errors.InvalidScopeError, "ask for a scope that"),
        ("slow_down", errors.TokenEndpointError, "the client's settings"),
        ("invalid_target", errors.TokenEndpointError, "the server's token_"),
        ("made up", errors.TokenEndpointError, "check that this is"),
    ],
)
def test_refused(code, kind, step):
    """RFC 6749 section 5.2: each code has its class, other codes are kept as text."""
    answer = refreshed({"error": code}, 400)
    assert answer.outcome is Outcome.REFUSED
    assert type(answer.error) is kind
    assert answer.error.error == code
    before, _, after = str(answer.error).partition("; ")
    assert before == f"{URL} answered 400 {code}"
    assert step in after


def test_endpoint_without_its_query():
    """An endpoint's query, which may hold a key, is left out of the message."""
    answer = refreshed({"error": "x"}, 400, url=f"{URL}?key=hush")
    assert str(answer.error).startswith(f"{URL} answered 400 x; ")


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    ("code", "outcome", "kind"),
    [
        (
            "temporarily_unavailable",
            Outcome.LATER,
            errors.TemporarilyUnavailableError,
        ),
        ("server_error", Outcome.UNKNOWN, errors.ServerError),
    ],
)
def test_trouble_by_code(status, code, outcome, kind):
    """RFC 6749 section 4.1.2.1: trouble may come as a code in place of a 5xx."""
    answer = refreshed({"error": code}, status)
    assert (answer.outcome, type(answer.error)) == (outcome, kind)


@pytest.mark.parametrize(
    ("method", "told"),
    [
        ("client_secret_basic", 'try client_auth="client_secret_post"'),
        ("client_secret_post", 'try client_auth="client_secret_basic"'),
        ("client_secret_basic", "client_secret_basic was tried: check client_id and"),
        ("none", "; no client secret was sent; pass client_secret if the client has"),
        ("", "invalid_client; check client_id and client_secret, or try"),
    ],
)
def test_invalid_client_names_the_method(method, told):
    """invalid_client says which method was tried, and which one may work."""
    answer = refreshed({"error": "invalid_client"}, 401, auth_method=method)
    assert type(answer.error) is errors.InvalidClientError
    assert told in str(answer.error)


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("https://login.example.org/t?code=hush", "login.example.org"),
        ("//login.example.org/hush", "login.example.org"),
        ("/hush", "this host"),
        ("https://u:hush@login.example.org/", "login.example.org"),
        ("https://[hush", "nowhere"),
        (None, "nowhere"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect(location, host, status):
    """A redirect is refused with the host it points to, and no more of its URL."""
    headers = {"location": location} if location else {}
    answer = refreshed(GRANTED, status, headers=headers)
    assert answer.outcome is Outcome.REFUSED
    assert answer.token is None
    assert str(answer.error) == (
        f"{URL} answered {status}, a redirect to {host}; secrets are not sent to where "
        "a redirect leads; if that is the right place, write its URL as token_endpoint"
    )


@pytest.mark.parametrize("code", ["invalid_grant", "server_error", "invalid_client"])
def test_a_code_in_a_redirect_means_nothing(code):
    """Who redirects is not the token endpoint, and can end no login."""
    answer = refreshed({"error": code}, 302, headers={"location": "/"})
    assert answer.outcome is Outcome.REFUSED
    assert type(answer.error) is errors.TokenEndpointError
    assert answer.error.error is None
