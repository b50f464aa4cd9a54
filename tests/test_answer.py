"""Token answers as servers write them."""

import json
import math

import pytest

from oauth_auth import errors
from oauth_auth.message import Response
from oauth_auth.protocol import (
    Outcome,
    judge_token_response,
)
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


# Reading a token.


@pytest.mark.parametrize(
    ("value", "lifetime"),
    [
        (3600, 3600),
        (3600.7, 3600.7),
        ("3600", 3600),
        ("3600.7", 3600.7),
        (" 3600 ", 3600),
        ("+60", 60),
    ],
)
def test_m41_expires_in(value, lifetime):
    """M41: numbers count, and numeric text."""
    token = granted({**GRANTED, "expires_in": value})
    assert token.expires_at == NOW + lifetime
    assert token.obtained_at == NOW
    assert "expires_in" not in token.extra


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        " ",
        "soon",
        "1h",
        "nan",
        "1_000",
        "1.2.3",
        "٣",
        [60],
        {"a": 1},
        math.nan,
    ],
)
def test_m42_unknown_lifetime(value):
    """M42: what is no number leaves the expiry unknown, not the token for ever."""
    assert granted({**GRANTED, "expires_in": value}).expires_at is None


@pytest.mark.parametrize("value", [0, "0", -1, "-3600", -1e300, -(10**30)])
def test_m43_expired_at_once(value):
    """M43: a lifetime of nothing, or less, ends now."""
    assert granted({**GRANTED, "expires_in": value}).expires_at == NOW


@pytest.mark.parametrize("value", [True, False])
def test_m43_booleans(value):
    """M43: true is not one second."""
    assert granted({**GRANTED, "expires_in": value}).expires_at is None


@pytest.mark.parametrize(
    "value", ["1e20", "3153600001", "1" * 400, "9" * 9000, "1e999"]
)
def test_m43_cut(value):
    """M43: ten years are the longest life, and no number is too long to read."""
    body = b'{"access_token": "a", "expires_in": %s}' % value.encode()
    assert granted(body).expires_at == NOW + LONGEST_LIFE


@pytest.mark.parametrize("theirs", [1, NOW + 5, str(NOW), "2030-01-01", None, 1e300])
def test_m44_expires_in_wins(theirs):
    """M44: our clock and expires_in outweigh a server's expires_at."""
    token = granted({**GRANTED, "expires_in": 3600, "expires_at": theirs})
    assert token.expires_at == NOW + 3600


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        (NOW + 60, NOW + 60),
        (f" {NOW + 60:.0f} ", NOW + 60),
        (1, None),
        (NOW, None),
        (60, None),
        ((NOW + 60) * 1000, None),
        (NOW + LONGEST_LIFE + 1, None),
        ("2030-01-01T00:00:00Z", None),
        (True, None),
        (math.inf, None),
    ],
)
def test_m44_only_expires_at(theirs, expected):
    """M44: alone, it counts as seconds in the future; else it leaves no trace."""
    token = granted({**GRANTED, "expires_at": theirs})
    assert token.expires_at == expected
    assert dict(token.extra) == {}
    assert Token.from_dict(token.to_dict()) == token


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("read", "read"),
        ("read write admin", "read write admin"),
        ("write read", "write read"),
        ("read,write", "read,write"),
        (" read \n write ", "read write"),
        (["read", "admin"], "read admin"),
        (["read", None, 3], "read"),
        ("", "read write"),
        (None, "read write"),
        ([], "read write"),
        (7, "read write"),
        ("\x1b[2J", "read write"),
    ],
)
def test_m45_changed_scope(scope, expected):
    """M45: whatever the scope is now, the token is there to be saved."""
    assert granted({**GRANTED, "scope": scope}).scope == expected


def test_m45_omitted_scope():
    """M45: RFC 6749 section 6: an omitted scope is the one granted before."""
    assert granted(GRANTED).scope == "read write"
    assert judge(200, GRANTED, previous=OLD).token.scope is None
    assert judge(200, {**GRANTED, "scope": " "}).token.scope is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bearer", "bearer"),
        ("BEARER", "BEARER"),
        ("DPoP", "DPoP"),
        ("mac ", "mac"),
        (None, "Bearer"),
        ("", "Bearer"),
        (7, "Bearer"),
    ],
)
def test_m47_token_type(value, expected):
    """M47: the type is kept as it was sent; whether it can be presented comes later."""
    assert granted({"access_token": "a", "token_type": value}).token_type == expected
    assert granted({"access_token": "a"}).token_type == "Bearer"


@pytest.mark.parametrize(
    "sent",
    [{}]
    + [
        {"refresh_token": value}
        for value in (None, "", "   ", 7, True, ["a"], "a\nb", "a\x00", "\udcff")
    ],
)
def test_m48_refresh_token_stays(sent):
    """M48: an answer without a usable refresh token leaves the old one in place."""
    assert granted({**GRANTED, **sent}).refresh_token == "RT-old-123456"
    assert judge(200, {**GRANTED, **sent}).token.refresh_token is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"access_token": "a", "refresh_token": "RT-new\xff"}',
        b"access_token=a&refresh_token=RT-new%FF",
        b"access_token=a&refresh_token=RT-new\xff",
    ],
)
def test_m48_faulty_bytes(body):
    """M48: a refresh token that is not UTF-8 is not taken for another one."""
    assert granted(body).refresh_token == "RT-old-123456"


def test_m48_refresh_token_rotates():
    """M48: RFC 6749 section 6: a new refresh token replaces the old one."""
    token = granted({**GRANTED, "refresh_token": "RT-new é 1"})
    assert token.refresh_token == "RT-new é 1"


def test_id_token_stays():
    """A refresh need not renew the ID token (OpenID Connect Core section 12.2)."""
    assert granted(GRANTED).id_token == "ID-old-123456"
    assert granted({**GRANTED, "id_token": "new"}).id_token == "new"
    assert judge(200, GRANTED, previous=OLD).token.id_token is None


@pytest.mark.parametrize("status", [400, 401])
@pytest.mark.parametrize("body", [b"Bad Request", b"<h1>no", {"message": "no"}])
def test_m49_error_that_cannot_be_read(status, body):
    """M49: an error without a code proves nothing about the refresh token."""
    answer = refreshed(body, status)
    assert answer.outcome is Outcome.REFUSED
    assert type(answer.error) is errors.TokenEndpointError
    assert answer.error.error is None


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf" + json.dumps(GRANTED).encode(),
        b'{"access_token": "x", "access_token": "AT-new-123456"}',
        {**GRANTED, "error": None},
        {**GRANTED, "error": ""},
        {**GRANTED, "error": False, "ok": True},
        b"access_token=AT-new-123456&token_type=bearer\n",
        b"scope=&access_token=AT-new-123456&expires_in=",
        b'{"access_token": "AT-new-123456", "note": "caf\xe9"}',
        b'{"access_token": "AT-new-123456", "n": NaN, "i": -Infinity}',
        b'{"access_token": "AT-new-123456", "n": ' + b"9" * 9000 + b"}",
    ],
)
def test_m51_odd_but_good(body):
    """M51: BOM, doubled names, null errors, forms and faulty bytes lose no token."""
    assert granted(body).access_token == "AT-new-123456"


@pytest.mark.parametrize("value", [None, "", " ", 7, ["a"], {"a": 1}, True])
def test_m51_no_access_token(value):
    """M51: an access token that is none is malformed."""
    answer = refreshed({"access_token": value})
    assert (answer.outcome, answer.token) == (Outcome.UNKNOWN, None)
    assert "no usable access_token" in str(answer.error)


@pytest.mark.parametrize("status", [403, 400, 302, 500, 199, 300])
def test_m53_only_a_success_grants(status):
    """M53: a body with a token grants nothing unless the status is a success."""
    answer = refreshed({**GRANTED, "refresh_token": "RT-new-123456"}, status)
    assert answer.outcome is not Outcome.GRANTED
    assert answer.token is None
    assert "123456" not in str(answer.error)


@pytest.mark.parametrize("status", [200, 201, 299])
def test_m53_every_success_grants(status):
    """M53: RFC 6749 says 200, and 201 is seen."""
    assert refreshed(GRANTED, status).outcome is Outcome.GRANTED


def test_m54_old_expiry_does_not_survive():
    """M54: without expires_in nothing is known of the new token's end."""
    token = granted(GRANTED)
    assert token.expires_at is None
    assert dict(token.extra) == {}


@pytest.mark.parametrize(
    "value",
    [
        "AT\n",
        "AT\r\nX-Evil: 1",
        "A\x00T",
        "A T",
        "Aé",
        "\x7f",
        "a\u202e",
        "\udcff",
        "٣",
    ],
)
def test_m68_access_token_that_breaks_headers(value):
    """M68: RFC 6749 appendix A.12: other than visible ASCII it is malformed."""
    answer = refreshed({"access_token": value, "token_type": "Bearer"})
    assert (answer.outcome, answer.token) == (Outcome.UNKNOWN, None)
    assert type(answer.error) is errors.ServerError
    assert "Evil" not in str(answer.error)


def test_m68_wider_than_b64token():
    """M68: Facebook's tokens, which RFC 6750's grammar would refuse, are good."""
    assert granted({"access_token": "123|Ab_c~!"}).access_token == "123|Ab_c~!"


@pytest.mark.parametrize("value", ["AT\n", None, 7])
def test_rotated_refresh_token_is_saved(value):
    """A new refresh token is there to be saved though the access token is no good."""
    answer = refreshed({"access_token": value, "refresh_token": "RT-new-123456"})
    assert answer.outcome is Outcome.UNKNOWN
    assert answer.token.access_token is None
    assert answer.token.refresh_token == "RT-new-123456"
    assert answer.token.scope == "read write"
    assert type(answer.error) is errors.ServerError
    assert "RT-new" not in str(answer.error)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1800, NOW + 1800),
        ("1800", NOW + 1800),
        (1e300, NOW + LONGEST_LIFE),
        (0, None),
        (-1, None),
        ("x", None),
        (None, None),
    ],
)
def test_refresh_in(value, expected):
    """Microsoft's hint when to renew is taken, unless that were at once."""
    token = granted({**GRANTED, "refresh_in": value})
    assert token.refresh_at == expected
    assert dict(token.extra) == {}


def test_unknown_members_are_kept():
    """RFC 6749 section 5.1: unknown members hurt nobody, and are there to be read."""
    extra = {"instance_url": "https://x", "team": {"ids": [1, 2.5, None, True]}}
    assert dict(granted({**GRANTED, **extra}).extra) == extra


@pytest.mark.parametrize("name", ["obtained_at", "refresh_at", "expires_at"])
def test_no_member_poses_as_ours(name):
    """A member with one of our own names does not come back as ours from a store."""
    token = granted({**GRANTED, name: 12})
    again = Token.from_dict(json.loads(json.dumps(token.to_dict())))
    assert again == token
    assert (again.obtained_at, again.expires_at, again.refresh_at) == (NOW, None, None)


def test_unknown_members_can_be_written():
    """Members that parse but could not be saved are cut back before they are kept."""
    deep = "[" * 500 + "]" * 500
    body = (
        f'{{"access_token": "a", "deep": {deep}, "half": "x\\ud800", "\\ud800": 1, '
        f'"large": 1e999, "list": [{deep}]}}'
    )
    token = granted(body.encode())
    text = json.dumps(token.to_dict(), ensure_ascii=False, allow_nan=False).encode()
    assert Token.from_dict(json.loads(text)) == token
    assert token.extra["half"] == "x?"
    assert token.extra["large"] is None
    assert text.count(b"[") < 50
