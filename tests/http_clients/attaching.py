"""How a request gets its token."""

import logging
import time

import pytest
from oauthlib.oauth2 import TokenExpiredError

from oauth_auth import ClientCredentials, MemoryStore, OAuthAuth, errors
from oauth_auth.http_clients import base
from oauth_auth.http_clients.httpx import HttpxAuth
from oauth_auth.http_clients.httpx2 import Httpx2Auth
from oauth_auth.http_clients.requests import RequestsAuth
from tests.http_clients.api import unauthorized
from tests.http_clients.logins import record_of, use_up

OWN_CLASSES = {"requests": RequestsAuth, "httpx": HttpxAuth, "httpx2": Httpx2Auth}


class AttachingTests:
    """Every client gets the token onto its requests."""

    @pytest.mark.parametrize("union", [True, False])
    def test_the_token_is_attached(self, driver, server, login, union):
        """A live token goes out with the request, and nobody asks for another."""
        kind = OAuthAuth if union else OWN_CLASSES[driver.module.__name__]
        response = driver.get(login(kind=kind), server.api_url)
        assert response.status_code == 200
        assert response.json()["sub"] == "alice"
        assert server.counts().token_requests == 0

    def test_an_authorization_header_of_the_caller_is_replaced(
        self, driver, login, api
    ):
        """Exactly one Authorization header is sent, and it is ours."""
        auth = login()
        driver.get(auth, api.url, headers={"authorization": "Basic Zm9vOmJhcg=="})
        assert api.authorizations == [f"Bearer {auth.access_token()}"]

    def test_a_token_is_had_at_the_first_request_and_then_used(self, driver, server):
        """Twenty requests of a machine make one token request."""
        auth = OAuthAuth(
            ClientCredentials(
                server.issuer,
                client_id=server.client_id,
                client_secret=server.client_secret,
                scope="read",
            ),
            store=MemoryStore(),
        )
        responses = driver.series(auth, server.api_url, 20)
        assert {response.json()["scope"] for response in responses} == {"read"}
        counts = server.counts()
        assert counts.token_requests == 1
        assert counts.api_ok == counts.api_requests == 20

    def test_an_expired_token_is_renewed_before_it_is_sent(self, driver, server, login):
        """No request is wasted on a token that is known to have expired. M34."""
        response = driver.get(login(expired=True), server.api_url)
        assert response.status_code == 200
        counts = server.counts()
        assert counts.refreshes_granted == counts.token_requests == 1
        assert counts.api_requests == 1

    def test_a_token_that_has_run_out_in_use_is_renewed(self, driver, server, login):
        """The same object goes on when its token expires."""
        auth = login()
        tokens = set()
        for _ in range(3):
            assert driver.get(auth, server.api_url).status_code == 200
            tokens.add(auth.access_token())
            use_up(auth)
        assert len(tokens) == 3
        assert server.counts().api_unauthorized == 0

    def test_a_token_that_expires_between_two_requests_is_renewed(
        self, driver, login, api, monkeypatch
    ):
        """What the first request has found is not used beyond its time. M34."""
        auth = login()
        real = time.time
        assert driver.get(auth, api.url).status_code == 200
        monkeypatch.setattr(time, "time", lambda: real() + 7200)
        assert driver.get(auth, api.url).status_code == 200
        first, second = api.authorizations
        assert first != second == f"Bearer {auth.access_token()}"

    def test_the_newest_token_goes_out_while_an_older_one_is_fresh(
        self, driver, login, api
    ):
        """What the first request has found is not used when there is a newer one."""
        auth = login()
        other = OAuthAuth(auth._grant, **auth._settings())
        assert driver.get(auth, api.url).status_code == 200
        newest = other.renew().access_token
        assert driver.get(auth, api.url).status_code == 200
        assert api.authorizations[1] == f"Bearer {newest}" != api.authorizations[0]

    def test_a_proof_that_finds_the_token_expired_has_it_renewed(
        self, driver, server, login, api, monkeypatch
    ):
        """TokenExpiredError while attaching means a renewal, not a failed request."""
        auth = login()
        old = auth.access_token()
        bearer = base.BEARER

        class Wary:
            bound = False

            def authorization(self, token):
                if token.access_token == old:
                    raise TokenExpiredError
                return bearer.authorization(token)

        monkeypatch.setattr(base, "BEARER", Wary())
        assert driver.get(auth, api.url).status_code == 200
        assert api.authorizations == [f"Bearer {auth.access_token()}"]
        assert auth.access_token() != old
        assert server.counts().token_requests == 1

    def test_a_token_of_an_unknown_type_is_kept_and_not_sent(
        self, driver, server, login, api
    ):
        """The caller hears of it, and the rotated refresh token is safe. M47."""
        server.configure(extra={"token_type": "mac"})
        auth = login(expired=True)
        for _ in range(2):
            with pytest.raises(errors.UnsupportedTokenTypeError, match="'mac'"):
                driver.get(auth, api.url)
        assert api.seen == []
        assert server.counts().token_requests == 1
        kept = record_of(auth).token
        server.configure(extra={"token_type": "bearer"})
        use_up(auth)
        assert driver.get(auth, api.url).status_code == 200
        assert auth.token().refresh_token != kept.refresh_token
        assert server.counts().families_revoked == 0

    def test_other_origins_get_no_token(self, driver, server, login, api, caplog):
        """A request to an origin that is not listed goes out bare, said once."""
        auth = login(allowed_origins=[server.api_url])
        api.answer = unauthorized()
        with caplog.at_level(logging.WARNING, "oauth_auth"):
            statuses = [driver.get(auth, api.url).status_code for _ in range(3)]
            again = OAuthAuth(auth._grant, **auth._settings())
            statuses.append(driver.get(again, api.url).status_code)
        assert statuses == [401] * 4
        assert api.authorizations == [None] * 4
        assert caplog.text.count(api.origin) == 1
        assert driver.get(auth, server.api_url).status_code == 200
        assert server.counts().token_requests == 0

    def test_a_token_request_has_no_password_of_netrc(
        self, driver, server, login, tmp_path, monkeypatch
    ):
        """A public client's token request has no Authorization header. M62."""
        path = tmp_path / "netrc"
        path.write_text("machine 127.0.0.1 login netrc-name password netrc-password\n")
        monkeypatch.setenv("NETRC", str(path))
        auth = login(expired=True, public=True)
        assert driver.get(auth, server.api_url).status_code == 200
        (request,) = server.token_log()
        assert not request.has_authorization
        assert [r.authorization for r in server.api_log()] == ["bearer"]

    def test_a_token_never_crosses_the_network_in_clear(self, driver, login):
        """Plain http that is not loopback is refused; the remedy is named."""
        with pytest.raises(errors.ConfigurationError, match="allowed_origins"):
            driver.get(login(), "http://api.invalid/things")

    def test_the_callers_get_each_new_token_once(self, driver, server, login):
        """on_token gets what was renewed, in the thread of the request's caller."""
        seen = []
        auth = login(expired=True, on_token=seen.append)
        before = time.time()
        for _ in range(3):
            driver.get(auth, server.api_url)
        assert [token.access_token for token in seen] == [auth.access_token()]
        assert seen[0].obtained_at >= before
