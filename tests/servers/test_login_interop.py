"""People log in to a certified authorization server, by browser, by hand, by device."""

import webbrowser

import pytest
import requests

from oauth_auth import AuthorizationCode, DeviceCode, MemoryStore, OAuthAuth, errors
from tests.login.people import Browser, visit
from tests.servers import browser
from tests.servers.oidc import OidcProvider

SCOPE = "openid offline_access read"
#: oidc-provider gives a refresh token only to those who ask for consent.
CONSENT = {"prompt": "consent"}


class Person(Browser):
    """Somebody at this machine's browser, who agrees to everything."""

    def _browse(self, url):
        self.pages.append(visit(browser.visit(url)))


@pytest.fixture(autouse=True)
def person(monkeypatch):
    person = Person()
    monkeypatch.setattr(webbrowser, "get", lambda: person)
    yield person
    person.join()


def used(server, auth):
    """Whether the token is good, and the one after it."""
    for _ in range(2):
        if not requests.get(server.resource, auth=auth, timeout=30).ok:
            return False
        auth.renew()
    return True


def app(server, client, grant=AuthorizationCode, **options):
    return OAuthAuth(
        grant(
            server.issuer,
            client_id=client.client_id,
            client_secret=client.client_secret,
            scope=SCOPE,
            **options,
        ),
        store=MemoryStore(),
        account="alice",
    )


def test_by_browser(oidc_provider, person):
    """A native app logs in at a port of its own, and its ID token is checked."""
    auth = app(
        oidc_provider,
        OidcProvider.native,
        redirect_uri="http://127.0.0.1/callback",
        authorization_extra=CONSENT,
    )
    assert auth.login(show=lambda url: None).id_token
    assert used(oidc_provider, auth)
    assert "You are logged in" in person.page.text


@pytest.mark.parametrize("client", [OidcProvider.web, OidcProvider.web_post])
def test_by_web_application(oidc_provider, client):
    """A web application sends the person away, and finishes when they come back."""
    auth = app(oidc_provider, client, authorization_extra=CONSENT)
    url, pending = auth.authorization_url(redirect_uri=client.redirect_uri)
    back = browser.visit(url)
    token = auth.fetch_token(authorization_response=back, pending=pending.to_dict())
    assert token.id_token
    assert used(oidc_provider, auth)


def test_by_hand(oidc_provider):
    """The person pastes where the browser ended."""
    auth = app(
        oidc_provider,
        OidcProvider.native,
        redirect_uri="http://127.0.0.1/callback",
        authorization_extra=CONSENT,
    )
    auth.login(ask=browser.visit)
    assert used(oidc_provider, auth)


def test_by_device(oidc_provider, monkeypatch):
    """A device shows a code, and somebody enters it elsewhere."""
    monkeypatch.setattr("oauth_auth.device_authorization._INTERVAL", 0.05)
    auth = app(oidc_provider, OidcProvider.native, DeviceCode)
    auth.login(show=lambda said: browser.visit(said.verification_uri_complete))
    assert used(oidc_provider, auth)


def test_a_refusal(oidc_provider, person):
    """What the server refuses comes back as its error."""
    auth = app(
        oidc_provider,
        OidcProvider.native,
        redirect_uri="http://127.0.0.1/callback",
        authorization_extra={"prompt": "none"},
    )
    with pytest.raises(errors.LoginFailed) as caught:
        auth.login(show=lambda url: None)
    assert caught.value.error == "login_required"
