"""The authorization endpoint of the testing server, as a browser meets it."""

import pytest
import requests

from oauth_auth.testing import ABSENT
from tests.testing.talk import REDIRECT_URI, brought_back, browse, call, redeem


def test_the_browser_is_sent_on_with_a_code(server):
    """By default alice agrees at once; state and iss are in the answer."""
    response = browse(server)
    assert response.headers["Location"].startswith(f"{REDIRECT_URI}?")
    assert response.headers["Cache-Control"] == "no-store"
    answer = brought_back(response)
    assert set(answer) == {"code", "state", "iss"}
    assert answer["state"] == "st"
    assert answer["iss"] == server.issuer
    assert server.counts().authorization_requests == 1


def test_who_agrees(server):
    """The login_hint says who logs in, and scope what for."""
    answer = brought_back(browse(server, login_hint="bob", scope="read"))
    tokens = redeem(server, answer["code"]).json()
    assert tokens["scope"] == "read"
    assert call(server, tokens).json()["sub"] == "bob"


def test_without_a_state(server):
    """A request without state gets an answer without one."""
    assert "state" not in brought_back(browse(server, state=""))


def test_a_query_of_the_redirect_uri_stays(server):
    """What the redirect URI has in its query comes back with the answer."""
    uri = f"{REDIRECT_URI}?tenant=7"
    answer = brought_back(browse(server, redirect_uri=uri))
    assert answer["tenant"] == "7"
    assert redeem(server, answer["code"], redirect_uri=uri).ok


@pytest.mark.parametrize("code", ["access_denied", "server_error"])
def test_refusals(server, code):
    """With `authorization_error` the person, or the server, says no."""
    server.configure(authorization_error=code)
    answer = brought_back(browse(server))
    assert answer["error"] == code
    assert answer["state"] == "st"
    assert answer["iss"] == server.issuer
    assert "code" not in answer


def test_wrong_answers(server):
    """With `authorization_response` every parameter can be wrong or missing."""
    server.configure(
        authorization_response={"iss": ABSENT, "state": "else", "more": "x"}
    )
    answer = brought_back(browse(server))
    assert set(answer) == {"code", "state", "more"}
    assert answer["state"] == "else"


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"response_type": ""}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": ["a", "b"]}, "invalid_request"),
        ({"resource": "no-uri"}, "invalid_target"),
        ({"resource": "https://api.example/#part"}, "invalid_target"),
    ],
)
def test_faulty_requests(server, wrong, error):
    """What a client does wrong is told it by redirect, with its state."""
    answer = brought_back(browse(server, **wrong))
    assert answer["error"] == error
    assert answer["state"] == "st"


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "nobody"},
        {"redirect_uri": ""},
        {"redirect_uri": "callback"},
        {"redirect_uri": "http://app.example/callback"},
        {"redirect_uri": "https://app.example/callback#part"},
        {"redirect_uri": "https://[app.example/callback"},
    ],
)
def test_nobody_is_sent_to_a_place_unknown(server, wrong):
    """An unknown client or redirect URI is answered with a page, not a redirect."""
    response = browse(server, **wrong)
    assert response.status_code == 400
    assert "Location" not in response.headers


@pytest.mark.parametrize(
    ("registered", "asked", "accepted"),
    [
        ("https://a.example/cb", "https://a.example/cb", True),
        ("https://a.example/cb", "https://a.example/cb2", False),
        ("https://a.example/cb", "https://a.example:444/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:4711/cb", True),
        ("http://[::1]/cb", "http://[::1]:4711/cb", True),
        ("http://127.0.0.1/cb", "http://127.0.0.1:4711/other", False),
        ("http://127.0.0.1/cb", "http://[::1]:4711/cb", False),
        ("http://localhost/cb", "http://localhost:4711/cb", False),
        ("http://localhost:4711/cb", "http://localhost:4711/cb", True),
    ],
)
def test_registered_redirect_uris(server, registered, asked, accepted):
    """Redirect URIs are compared exactly, but for the port of a loopback address."""
    server.configure(redirect_uris=[registered])
    assert (browse(server, redirect_uri=asked).status_code == 302) == accepted


@pytest.mark.parametrize("method", ["HEAD", "POST"])
def test_only_browsing_counts(server, method):
    """What looks without opening the page gets no code."""
    response = requests.request(method, server.authorization_endpoint, timeout=30)
    assert response.status_code == 405


def test_faults(server):
    """The authorization endpoint fails on demand like the others."""
    server.authorization_faults.answer(503)
    assert browse(server).status_code == 503
    assert browse(server).status_code == 302
