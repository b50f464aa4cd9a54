"""That no login tells a secret: not in a log, a repr, an error or a frame of ours."""

import functools
import itertools
import pickle
import re

import anyio
import pytest

from oauth_auth import AuthorizationServer, errors
from oauth_auth.login import device
from oauth_auth.login.pending import PendingLogin
from oauth_auth.login.waiting import Waiting
from oauth_auth.testing import ABSENT
from tests.http_clients.failures import closed_port
from tests.login.people import app, device_app, follow, params_of, with_params
from tests.secrecy.pieces import assert_untold
from tests.secrecy.told import told_by_error

CALLBACK = "https://app.example/callback"


@pytest.fixture
def told():
    return []


@pytest.fixture
def secrets(monkeypatch, server):
    """Everything that logins are known by, as it comes about."""
    found = {server.client_secret}
    made = PendingLogin.__init__

    def remember(self, *args, **kwargs):
        made(self, *args, **kwargs)
        for secret in (self.state, self.nonce, self.code_verifier):
            found.add(secret.reveal())

    monkeypatch.setattr(PendingLogin, "__init__", remember)
    asked = device.ask_for_device_code

    def ask(*args):
        answer = asked(*args)
        found.add(answer.device_code.reveal())
        return answer

    monkeypatch.setattr(device, "ask_for_device_code", ask)
    return found


def attempt(told, secrets, function):
    """Have something fail or succeed; note what is told of it."""
    try:
        token = function()
    except BaseException as error:
        told.extend(text for text, _ in told_by_error(error))
        return
    told.append(repr(token))
    for value in (token.access_token, token.refresh_token, token.id_token):
        if value:
            secrets.add(value)


def test_browser_logins(server, browser, secrets, told, log):
    """Logins with a browser, good ones and all that go wrong. Law 10."""

    def back(url):
        secrets.update(filter(None, [params_of(url).get("code")]))
        return change(url)

    browser.answer = back
    settings = [
        {},
        {"authorization_error": "access_denied"},
        {"authorization_error": "server_error"},
        {"authorization_response": {"iss": "https://evil.example"}},
        {"authorization_response": {"iss": ABSENT}},
        {"authorization_response": {"code": ABSENT}},
        {"id_token_claims": {"nonce": "other-nonce"}},
        {"id_token_claims": {"aud": "other-client"}},
        {"id_token_header": {"kid": "unknown"}},
        {"id_token_header": {"alg": "none"}},
        {"extra": {"id_token": "no.id.token"}},
        {"extra": {"id_token": ABSENT}},
        {"code_lifetime": 0.0},
    ]
    for each in settings:
        change = lambda url: url  # noqa: E731
        server.reset()
        server.configure(**each)
        auth = app(
            server,
            client_id=server.client_id,
            client_secret=server.client_secret,
            scope="openid read",
        )
        attempt(told, secrets, auth.login)
        told.append(repr(auth))
    # The server echoes what it got.
    change = lambda url: with_params(  # noqa: E731
        url,
        error="odd_error",
        error_description=f"for {params_of(url)['code']} {params_of(url)['state']}",
    )
    attempt(told, secrets, app(server).login)
    change = lambda url: f"{url}&code=twice"  # noqa: E731
    attempt(told, secrets, app(server).login)
    text = "\n".join([*told, *log])
    for kind in ("AccessDeniedError", "LoginFailed", "InvalidGrantError", "logged in:"):
        assert kind in text
    assert "[hidden]" in text
    assert "a parameter twice" in text
    assert len(secrets) > 3 * len(settings)
    assert_untold(text, secrets)


def test_echoes_of_the_token_endpoint(server, secrets, told, log):
    """A server that repeats the code or the verifier in an error. Law 10."""
    auth = app(server, redirect_uri=CALLBACK, account="1")
    url, pending = auth.authorization_url()
    back = follow(url)
    code = params_of(back)["code"]
    secrets.add(code)
    server.token_faults.answer(
        400,
        {
            "error": "invalid_grant",
            "error_description": f"{code} {pending.code_verifier.reveal()}",
        },
    )

    def finish():
        return auth.fetch_token(authorization_response=back, pending=pending)

    attempt(told, secrets, finish)
    text = "\n".join([*told, *log])
    assert "InvalidGrantError" in text
    assert "[hidden]" in text
    assert_untold(text, secrets)


def test_web_applications(server, secrets, told, log):
    """Answers and sessions as a web application hands them over. Law 10."""
    nowhere = AuthorizationServer(
        server.issuer,
        token_endpoint=f"http://127.0.0.1:{closed_port()}/token",
        authorization_endpoint=server.authorization_endpoint,
    )
    auths = [
        app(server, redirect_uri=CALLBACK, account="1"),
        app(server, redirect_uri=CALLBACK),
        app(server, issuer=nowhere, redirect_uri=CALLBACK, account="1"),
    ]
    changes = [
        {},
        {"code": "made-up-code-0123456789"},
        {"state": "forged-state-0123456789"},
        {"iss": "https://evil.example"},
    ]
    for auth, change, broken in itertools.product(auths, changes, (False, True)):
        url, pending = auth.authorization_url()
        answer = with_params(follow(url), **change)
        secrets |= {params_of(answer)["code"], params_of(answer)["state"]}
        session = pending.to_dict() | ({"issuer": 7} if broken else {})
        options = {"authorization_response": answer, "pending": session}
        attempt(told, secrets, functools.partial(auth.fetch_token, **options))
        twin = functools.partial(auth.afetch_token, **options)
        attempt(told, secrets, functools.partial(anyio.run, twin))
    for extra in ({"state": "x"}, {"max_age": 7}):
        attempt(told, secrets, functools.partial(auths[0].authorization_url, **extra))
    text = "\n".join([*told, *log])
    for kind in ("Mismatching", "ConfigurationError", "EndpointUnreachable"):
        assert kind in text
    assert_untold(text, secrets)


def test_accidents(server, browser, secrets, told, log, monkeypatch):
    """What the program's own functions do to a login. Law 10."""

    def fail(*args):
        raise ZeroDivisionError

    monkeypatch.setattr(browser, "open", lambda url: True)
    attempt(told, secrets, lambda: app(server).login(show=fail))
    attempt(told, secrets, lambda: app(server).login(ask=fail))
    attempt(told, secrets, lambda: app(server).login(ask=lambda url: None))
    attempt(told, secrets, lambda: app(server).login(timeout=0.01, show=len))
    attempt(told, secrets, lambda: device_app(server).login(show=fail))
    monkeypatch.setattr(Waiting, "check", fail)
    attempt(told, secrets, lambda: app(server).login(show=len))
    text = "\n".join([*told, *log])
    assert "ZeroDivisionError" in text
    assert "nobody finished the login" in text
    assert_untold(text, secrets)


def test_device_logins(server, secrets, told, log):
    """Logins by device, good ones and those that go wrong. Law 10."""
    server.configure(device_interval=0.0, device_response={"interval": 0.01})
    decisions = [
        server.approve_device,
        server.deny_device,
        lambda user_code: server.deny_device(user_code, "unheard_of"),
        lambda user_code: server.token_faults.answer(500, "<html>device_code"),
    ]
    for decide in decisions:
        auth = device_app(server, scope="openid")

        def show(said, decide=decide):
            decide(said.user_code)
            told.append(repr(said))
            server.configure(device_lifetime=0.2)

        attempt(told, secrets, lambda auth=auth, show=show: auth.login(show=show))
        server.configure(device_lifetime=0.3)
    server.device_faults.answer(
        200, {"device_code": "dc-without-a-user-code-0123", "interval": 1}
    )
    secrets.add("dc-without-a-user-code-0123")
    attempt(told, secrets, device_app(server).login)
    text = "\n".join([*told, *log])
    for kind in ("AccessDeniedError", "unheard_of", "ServerError", "logged in:"):
        assert kind in text
    assert re.search(r"DevicePrompt\(user_code='[A-Z]{4}-", text), "that is for people"
    assert_untold(text, secrets)


def test_errors_pickle(server, browser):
    """An error of a login reaches another process as it is."""
    server.configure(authorization_error="access_denied")
    with pytest.raises(errors.AccessDeniedError) as caught:
        app(server).login()
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is errors.AccessDeniedError
    assert str(again) == str(caught.value)
    assert again.error == "access_denied"
