"""The examples for web applications do what they show."""

import pytest

from tests.examples.asgi import AsgiBrowser
from tests.login.people import follow, with_params

CALLBACK = "http://localhost/callback"


@pytest.fixture(params=["flask_app", "fastapi_app"])
def visitor(request, server, example):
    """Return a function that gives another browser at the running application."""
    app = example(request.param)
    return app.test_client if request.param == "flask_app" else lambda: AsgiBrowser(app)


def location(answer):
    assert answer.status_code in (302, 303, 307)
    return answer.headers["location"]


def log_in(browser, *, person="alice", **change):
    """Go to the server and come back; return what the callback answers."""
    url = location(browser.get("/login"))
    back = follow(with_params(url, login_hint=person))
    assert back.startswith(f"{CALLBACK}?")
    return browser.get(with_params(back, **change))


def shown(browser):
    answer = browser.get("/")
    assert answer.status_code == 200
    return answer.text


def test_a_person_logs_in(visitor, server):
    """From the front page through the login to what the API says, and out again."""
    browser = visitor()
    assert '<a href="/login">' in shown(browser)
    assert location(log_in(browser)) == "/"
    assert "The API says" in shown(browser)
    assert "alice" in shown(browser)
    server.revoke_access_tokens()
    assert "alice" in shown(browser), "renewed without the person"
    assert location(browser.post("/logout")) == "/"
    assert '<a href="/login">' in shown(browser)
    assert server.counts().revocation_requests == 1


def test_people_are_kept_apart(visitor, server):
    """Another browser is another person, who has to log in for themselves."""
    one, other = visitor(), visitor()
    log_in(one)
    assert '<a href="/login">' in shown(other)
    log_in(other, person="bob")
    assert "bob" in shown(other)
    assert "alice" in shown(one)


def test_a_login_that_has_ended(visitor, server):
    """Whose login was revoked is sent to log in again."""
    browser = visitor()
    log_in(browser)
    server.revoke_access_tokens()
    server.token_faults.answer(400, {"error": "invalid_grant"})
    assert location(browser.get("/")) == "/login"


def test_the_person_says_no(visitor, server):
    """The no is told, and nobody is logged in."""
    server.configure(authorization_error="access_denied")
    browser = visitor()
    answer = log_in(browser)
    assert answer.status_code == 403
    assert '<a href="/login">' in shown(browser)


def test_a_forged_answer(visitor, server):
    """An answer that belongs to another login is refused, and uses this one up."""
    browser = visitor()
    assert log_in(browser, state="forged").status_code == 400
    back = follow(location(visitor().get("/login")))
    assert browser.get(back).status_code == 400
    assert '<a href="/login">' in shown(browser)
    assert server.counts().token_requests == 0
