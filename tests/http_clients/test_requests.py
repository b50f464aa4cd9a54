"""The token in requests."""

import gc
import time
import weakref

import pytest
import requests

from oauth_auth import FileStore, RefreshToken
from oauth_auth.http_clients.requests import RequestsAuth
from tests.http_clients import drivers
from tests.http_clients.api import INVALID_TOKEN, Reply, redirect, told, unauthorized
from tests.http_clients.compliance import SyncClientCompliance
from tests.http_clients.drivers import FOREVER
from tests.http_clients.logins import use_up


class TestCall(SyncClientCompliance):
    driver_class = drivers.RequestsCall


class TestSession(SyncClientCompliance):
    driver_class = drivers.RequestsSession


@pytest.fixture(params=[drivers.RequestsCall, drivers.RequestsSession])
def driver(request):
    return request.param()


class TestNetrc:
    """requests prefers netrc's passwords to headers, but not to auth objects."""

    @pytest.fixture(autouse=True)
    def _netrc(self, tmp_path, monkeypatch):
        path = tmp_path / "netrc"
        path.write_text("machine 127.0.0.1 login me password netrc-password\n")
        monkeypatch.setenv("NETRC", str(path))

    def test_the_token_wins(self, driver, login, api):
        """An entry for the API's host does not replace the token. M61."""
        auth = login()
        assert driver.get(auth, api.url).status_code == 200
        assert api.authorizations == [f"Bearer {auth.access_token()}"]

    def test_the_token_wins_after_a_redirect(self, driver, server, login, api):
        """Where requests put the password over the token, the token is put back.

        M61.
        """

        def picky(request):
            if request.authorization.startswith("Basic "):
                return unauthorized(("WWW-Authenticate", "Bearer"))
            return told(request)

        api.script = [redirect("/b", 307)]
        api.answer = picky
        auth = login()
        response = driver.post(auth, api.url, content=b"body", follow=True)
        assert response.status_code == 200
        assert response.json()["length"] == 4
        assert api.authorizations[-1] == f"Bearer {auth.access_token()}"
        assert [request.path for request in api.seen] == ["/things", "/b", "/b"]
        assert server.counts().token_requests == 0

    def test_nobody_else_gets_the_token_in_place_of_a_password(
        self, driver, login, api, serve
    ):
        """Where a redirect leads elsewhere, netrc's password is left alone."""
        other = serve()
        other.answer = unauthorized()
        api.answer = redirect(other.url)
        assert driver.get(login(), api.url, follow=True).status_code == 401
        (authorization,) = other.authorizations
        assert authorization.startswith("Basic ")

    def test_what_is_read_once_is_not_sent_again_for_it(self, driver, login, api):
        """A generator's request stays as it is; its caller gets the 401."""
        api.script = [redirect("/b", 307)]
        api.answer = unauthorized()
        response = driver.post(
            login(), api.url, content=(part for part in [b"a"]), follow=True
        )
        assert response.status_code == 401
        assert len(api.seen) == 2

    def test_a_password_of_the_caller_is_left_alone(self, driver, server, login, api):
        """A Basic header that is not netrc's is nobody else's business."""
        api.answer = unauthorized()

        def replace(request):
            request.headers["Authorization"] = "Basic bWU6b3du"

        response = driver.get(
            login(), api.url.replace("127.0.0.1", "localhost"), tamper=replace
        )
        assert response.status_code == 401
        assert api.authorizations == ["Basic bWU6b3du"]
        assert server.counts().token_requests == 0


def test_a_cookie_header_of_the_caller_is_kept(driver, login, api):
    """As in requests itself, a header stands above all cookies."""
    api.script = [unauthorized(INVALID_TOKEN, ("Set-Cookie", "a=1; Path=/"))]
    driver.get(login(), api.url, headers={"Cookie": "mine=1"})
    assert [r.headers["cookie"] for r in api.seen] == ["mine=1", "mine=1"]


def test_a_cookie_that_the_401_deletes_is_not_sent_again(login, api):
    """A cookie with Max-Age=0 ends with the 401 that says so."""
    api.script = [
        Reply(200, (("Set-Cookie", "a=1; Path=/"),)),
        unauthorized(INVALID_TOKEN, ("Set-Cookie", "a=; Path=/; Max-Age=0")),
    ]
    with requests.Session() as session:
        session.auth = login()
        session.cookies.set("b", "2")
        for _ in range(2):
            session.get(api.url, timeout=FOREVER)
    cookies = [request.headers["cookie"] for request in api.seen]
    assert cookies == ["b=2", "b=2; a=1", "b=2"]


def test_a_prepared_request_can_be_sent_for_ever(server, login):
    """Each sending has a retry of its own, although the token is attached once."""
    auth = login()
    with requests.Session() as session:
        request = session.prepare_request(
            requests.Request("GET", server.api_url, auth=auth)
        )
        for _ in range(4):
            server.revoke_access_tokens()
            assert session.send(request, timeout=FOREVER).status_code == 200
            use_up(auth)
    assert server.counts().families_revoked == 0


def test_a_session_that_takes_the_token_elsewhere_renews_nothing(
    server, login, api, serve
):
    """Some programs have requests keep the header; a 401 there is not ours. M59."""

    class Careless(requests.Session):
        def rebuild_auth(self, prepared_request, response):
            """Keep whatever is there."""

    other = serve()
    other.answer = unauthorized()
    api.answer = redirect(other.url)
    auth = login()
    with Careless() as session:
        session.auth = auth
        assert session.get(api.url, timeout=FOREVER).status_code == 401
    assert other.authorizations == [f"Bearer {auth.access_token()}"]
    assert server.counts().token_requests == 0


def test_an_object_for_one_request_goes_with_it(tmp_path):
    """Nothing of it is left for the garbage collector, however many are made."""
    token = {
        "access_token": "at-one",
        "refresh_token": "rt-one",
        "expires_at": time.time() + 3600,
    }

    def made():
        """Attach the token, and return all that was made for it."""
        store = FileStore(tmp_path / "store")
        grant = RefreshToken(
            token_endpoint="https://auth.test/token", client_id="a", token=token
        )
        auth = RequestsAuth(grant, store=store)
        requests.Request("GET", "https://api.test/", auth=auth).prepare()
        return weakref.ref(auth), weakref.ref(grant), weakref.ref(store)

    made()  # of the first of all, this process keeps the store
    gc.disable()
    try:
        assert [each() for each in made()] == [None, None, None]
    finally:
        gc.enable()
