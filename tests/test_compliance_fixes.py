"""What some servers answer or want, mended."""

import json
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from oauthlib.oauth2 import InvalidGrantError, MissingTokenError

from oauth_auth import OAuth2Session, compliance_fixes

TOKEN = "Zk3fT9aQw7LpXn2Vb8Ry"


def mended(name, token=None):
    session = OAuth2Session("id", token=token)
    fixed = getattr(compliance_fixes, f"{name}_compliance_fix")(session)
    assert fixed is session
    return session


def answering(session, text, *, status=200, kind="application/json"):
    """Have whatever the session sends be answered so; return what it sends."""
    sent = []

    def send(request, **_):
        sent.append(request)
        answer = requests.Response()
        answer.status_code = status
        answer.headers["Content-Type"] = kind
        answer._content = (text if isinstance(text, str) else json.dumps(text)).encode()
        return answer

    session.send = send
    return sent


def fetched(name, text, **options):
    session = mended(name)
    answering(session, text, **options)
    return session.fetch_token("https://a.example/token", code="c0de")


def refreshed(name, text):
    session = mended(name, {"access_token": "old", "refresh_token": "r"})
    answering(session, text)
    return session.refresh_token("https://a.example/token")


def test_every_fix_leaves_pages_of_html_alone():
    """Whoever parses the answer says that it is none."""
    for name in compliance_fixes.__all__:
        with pytest.raises(MissingTokenError):
            fetched(name.removesuffix("_compliance_fix"), "<html>")


@pytest.mark.parametrize("name", ["douban", "weibo"])
def test_a_missing_type(name):
    """It is Bearer."""
    assert fetched(name, {"access_token": TOKEN})["token_type"] == "Bearer"


def test_douban_keeps_a_type():
    """Should it ever send one."""
    answer = {"access_token": TOKEN, "token_type": "MAC"}
    assert fetched("douban", answer)["token_type"] == "MAC"


@pytest.mark.parametrize("ask", [fetched, refreshed])
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("User Access Token", "Bearer"),
        ("Application Access Token", "Bearer"),
        ("Other", "Other"),
    ],
)
def test_ebay(ask, kind, expected):
    """Its names for Bearer are known, at every answer."""
    assert ask("ebay", {"access_token": TOKEN, "token_type": kind})["token_type"] == (
        expected
    )


def test_facebook_before_2015():
    """A form, as plain text, with ``expires``."""
    token = fetched("facebook", f"access_token={TOKEN}&expires=99", kind="text/plain")
    assert token["token_type"] == "Bearer"
    assert int(token["expires_in"]) == 99  # older oauthlibs keep the text
    assert token["access_token"] == TOKEN
    assert "expires_in" not in fetched("facebook", "access_token=a", kind="text/plain")


def test_facebook_today():
    """JSON stays as it is."""
    answer = {"access_token": TOKEN, "token_type": "bearer", "expires_in": 99}
    assert fetched("facebook", answer)["token_type"] == "bearer"


@pytest.mark.parametrize("ask", [fetched, refreshed])
def test_fitbit(ask):
    """The first of its errors is raised, with its text."""
    answer = {"errors": [{"errorType": "invalid_grant", "message": "Gone."}, {}]}
    with pytest.raises(InvalidGrantError, match="Gone"):
        ask("fitbit", answer)
    with pytest.raises(InvalidGrantError):
        ask("fitbit", {"errors": [{"errorType": "invalid_grant"}]})
    with pytest.raises(MissingTokenError):
        ask("fitbit", {"errors": []})
    assert ask("fitbit", {"access_token": TOKEN})["access_token"] == TOKEN


def test_mailchimp():
    """A null scope is none, and a token without end does not end at once."""
    answer = {"access_token": TOKEN, "expires_in": 0, "scope": None}
    token = fetched("mailchimp", answer)
    assert "scope" not in token
    assert token["expires_in"] == 3600
    token = fetched("mailchimp", {**answer, "scope": "a", "expires_in": 9})
    assert (token["scope"], token["expires_in"]) == (["a"], 9)


@pytest.mark.parametrize("ask", [fetched, refreshed])
def test_plentymarkets(ask):
    """Its names become those of RFC 6749."""
    answer = {"accessToken": TOKEN, "tokenType": "Bearer", "expiresIn": 9, "a": 1}
    token = ask("plentymarkets", answer)
    assert (token["access_token"], token["expires_in"], token["a"]) == (TOKEN, 9, 1)


def test_instagram():
    """The token goes into the query, unless the caller has put one there."""
    session = mended("instagram", {"access_token": TOKEN})
    sent = answering(session, {})
    session.get("https://a.example/x?y=z")
    session.get("https://a.example/x?access_token=other")
    queries = [dict(parse_qsl(urlsplit(request.url).query)) for request in sent]
    assert queries == [{"y": "z", "access_token": TOKEN}, {"access_token": "other"}]


def test_weibo():
    """Its API wants the token in the query alone."""
    session = mended("weibo", {"access_token": TOKEN})
    sent = answering(session, {})
    session.get("https://a.example/x")
    assert sent[0].url == f"https://a.example/x?access_token={TOKEN}"
    assert "Authorization" not in sent[0].headers


@pytest.mark.parametrize(
    ("url", "data", "expected"),
    [
        ("x", None, ("", f"token={TOKEN}")),
        ("x", {"a": "b"}, ("", f"a=b&token={TOKEN}")),
        ("x", {"token": "other"}, ("", "token=other")),
        ("x?token=other", None, ("token=other", None)),
        ("x", "text", (f"token={TOKEN}", "text")),
    ],
)
def test_slack(url, data, expected):
    """The token goes into the form, or into the query where there is none."""
    session = mended("slack", {"access_token": TOKEN})
    sent = answering(session, {})
    before = dict(data) if isinstance(data, dict) else data
    session.post(f"https://a.example/{url}", data=data)
    assert (urlsplit(sent[0].url).query, sent[0].body) == expected
    assert data == before
