"""People and machines log in to django-oauth-toolkit, which Django sites run on."""

import concurrent.futures
import webbrowser

import pytest
import requests

from oauth_auth import (
    AuthorizationCode,
    AuthorizationServer,
    ClientCredentials,
    DeviceCode,
    FileStore,
    MemoryStore,
    OAuthAuth,
    errors,
)
from tests.http_clients.logins import use_up
from tests.login.people import Browser, visit
from tests.servers import browser, toolkit

SCOPE = "openid read"
LOOPBACK = "http://127.0.0.1/callback"


class Person(Browser):
    """Somebody at this machine's browser, who agrees or does not."""

    agrees = True

    def _browse(self, url):
        self.pages.append(visit(browser.visit(url, agree=self.agrees)))


@pytest.fixture
def person(monkeypatch):
    """Somebody at this machine's browser."""
    person = Person()
    monkeypatch.setattr(webbrowser, "get", lambda: person)
    yield person
    person.join()


def native(server, store=None):
    """Return a native app that people log in to by browser."""
    grant = AuthorizationCode(
        server.issuer, client_id="native", scope=SCOPE, redirect_uri=LOOPBACK
    )
    return OAuthAuth(grant, store=store or MemoryStore(), account="alice")


def device(server, client_id, secret=None):
    """Return a device's object: no metadata names the device endpoint."""
    where = AuthorizationServer(
        server.issuer,
        device_authorization_endpoint=server.device_authorization_endpoint,
    )
    grant = DeviceCode(where, client_id=client_id, client_secret=secret, scope="read")
    return OAuthAuth(grant, store=MemoryStore(), account="tv")


def user_of(server, auth):
    """Return who the API says has logged in."""
    response = requests.get(server.resource, auth=auth, timeout=30)
    assert response.status_code == 200, response.text
    return response.json()["user"]


def test_by_browser(django_oauth_toolkit, person):
    """A native app logs in with PKCE, its ID token is checked, and it is renewed."""
    auth = native(django_oauth_toolkit)
    token = auth.login(show=lambda url: None)
    assert token.id_token
    assert "You are logged in" in person.page.text
    assert user_of(django_oauth_toolkit, auth) == "alice"
    first = auth.access_token()
    use_up(auth)
    assert user_of(django_oauth_toolkit, auth) == "alice"
    assert auth.access_token() != first


def test_by_web_application(django_oauth_toolkit):
    """A confidential client's secret with odd letters is understood."""
    grant = AuthorizationCode(
        django_oauth_toolkit.issuer,
        client_id="web",
        client_secret=toolkit.SECRET,
        scope=SCOPE,
        redirect_uri="http://127.0.0.1:8765/callback",
    )
    auth = OAuthAuth(grant, store=MemoryStore(), account="alice")
    url, pending = auth.authorization_url()
    back = browser.visit(url)
    auth.fetch_token(authorization_response=back, pending=pending)
    assert user_of(django_oauth_toolkit, auth) == "alice"
    with pytest.raises(errors.MismatchingStateError):
        auth.fetch_token(authorization_response=back, pending=pending)


def test_a_refusal(django_oauth_toolkit, person):
    """Whoever says no ends the login, and the page says so."""
    person.agrees = False
    with pytest.raises(errors.AccessDeniedError):
        native(django_oauth_toolkit).login(show=lambda url: None)
    assert "You are logged in" not in person.page.text


def test_workers_within_the_grace_window(django_oauth_toolkit, person, tmp_path):
    """Many threads of several objects renew once a life; each has its answer."""
    auth = native(django_oauth_toolkit, FileStore(tmp_path))
    auth.login(show=lambda url: None)
    workers = [native(django_oauth_toolkit, FileStore(tmp_path)) for _ in range(8)]
    for _ in range(3):
        use_up(auth)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(user_of, django_oauth_toolkit, w) for w in workers]
            assert [each.result() for each in asked] == ["alice"] * 8
        assert len({worker.access_token() for worker in workers}) == 1


def test_a_lost_answer_within_the_grace_window(django_oauth_toolkit, person):
    """The spent refresh token brings the same tokens again, so nothing is lost."""
    auth = native(django_oauth_toolkit)
    spent = auth.login(show=lambda url: None).refresh_token
    renewed = auth.renew()
    answer = requests.post(
        f"{django_oauth_toolkit.issuer}/token/",
        data={
            "grant_type": "refresh_token",
            "refresh_token": spent,
            "client_id": "native",
        },
        timeout=30,
    )
    assert answer.json()["refresh_token"] == renewed.refresh_token
    assert user_of(django_oauth_toolkit, auth) == "alice"


def test_a_machine(django_oauth_toolkit):
    """Client credentials, and a 401 that names the resource's metadata."""
    grant = ClientCredentials(
        django_oauth_toolkit.issuer,
        client_id="service",
        client_secret=toolkit.SECRET,
        scope="read",
    )
    auth = OAuthAuth(grant, store=MemoryStore())
    assert user_of(django_oauth_toolkit, auth) is None
    requests.post(
        f"{django_oauth_toolkit.issuer}/revoke_token/",
        data={"token": auth.access_token()},
        auth=("service", toolkit.SECRET.replace("%", "%25").replace("+", "%2B")),
        timeout=30,
    )
    assert user_of(django_oauth_toolkit, auth) is None


@pytest.mark.parametrize(
    ("client_id", "secret"), [("tv", None), ("tv-web", toolkit.SECRET)]
)
def test_by_device(django_oauth_toolkit, client_id, secret):
    """A device logs in; a confidential one names itself in the body as well."""
    auth = device(django_oauth_toolkit, client_id, secret)
    auth.login(show=lambda said: browser.visit(said.verification_uri_complete))
    assert user_of(django_oauth_toolkit, auth) == "alice"


def test_a_device_that_is_refused(django_oauth_toolkit):
    """Whoever says no at the other screen ends the device's login."""
    auth = device(django_oauth_toolkit, "tv")

    def refuse(said):
        browser.visit(said.verification_uri_complete, agree=False)

    with pytest.raises(errors.AccessDeniedError):
        auth.login(show=refuse)


def test_logout(django_oauth_toolkit, person):
    """The server revokes what is forgotten here."""
    auth = native(django_oauth_toolkit)
    token = auth.login(show=lambda url: None).access_token
    auth.logout()
    headers = {"Authorization": f"Bearer {token}"}
    response = requests.get(django_oauth_toolkit.resource, headers=headers, timeout=30)
    assert response.status_code == 401
    with pytest.raises(errors.LoginRequired):
        auth.token()
