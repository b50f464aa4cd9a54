"""What a request raises when there is no token for it."""

import logging
import pickle
import socket

import pytest

from oauth_auth import errors
from tests.http_clients.api import unauthorized

#: Bound and never listened on, so that no other process gets their ports.
_held = []


def closed_port():
    """Return a port that nobody listens on."""
    _held.append(socket.socket())
    _held[-1].bind(("127.0.0.1", 0))
    return _held[-1].getsockname()[1]


class FailureTests:
    """Every client's caller hears what is wrong in words that it can act on."""

    def test_a_login_that_has_ended_is_raised_and_logged_once(
        self, driver, server, login, api, caplog
    ):
        """LoginRequired comes out of the request, and one ERROR is in the log. M98e."""
        auth = login(expired=True)
        server.revoke_family(auth._grant.seed.refresh_token)
        with caplog.at_level(logging.DEBUG, "oauth_auth"):
            for _ in range(3):
                with pytest.raises(errors.LoginRequired, match="log in again"):
                    driver.get(auth, api.url)
        said = [r for r in caplog.records if r.levelno == logging.ERROR]
        assert len(said) == 1
        assert "log in again" in said[0].getMessage()
        assert api.seen == []
        assert server.counts().token_requests == 1

    def test_a_login_that_ends_at_a_401_is_raised(self, driver, server, login):
        """When the API and then the server refuse, the caller must log in."""
        auth = login()
        server.revoke_family(auth._grant.seed.refresh_token)
        with pytest.raises(errors.LoginRequired):
            driver.get(auth, server.api_url)
        counts = server.counts()
        assert (counts.api_requests, counts.token_requests) == (1, 1)

    @pytest.mark.parametrize("when", ["before", "after a 401"])
    def test_an_unreachable_server_is_the_librarys_own_error(
        self, driver, login, api, when
    ):
        """Code that retries on the library's connection error goes on working. M39."""
        url = f"http://127.0.0.1:{closed_port()}/token"
        auth = login(expired=when == "before", token_endpoint=url)
        api.answer = unauthorized()
        with pytest.raises(driver.connection_error) as caught:
            driver.get(auth, api.url)
        error = caught.value
        assert isinstance(error, errors.EndpointUnreachable)
        assert error.retryable
        assert str(url.split("/")[2]) in str(error)
        assert str(error.request.url) == api.url
        assert len(api.seen) == (0 if when == "before" else 1)
        # A token that an API has refused is not tried again meanwhile.
        with pytest.raises(driver.connection_error):
            driver.get(auth, api.url)
        assert len(api.seen) == (0 if when == "before" else 1)
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert again.retryable
        assert again.outcome_unknown == error.outcome_unknown
        if driver.module.__name__ == "requests":
            assert (again.request, again.response) == (None, None)
        else:
            with pytest.raises(RuntimeError, match=r"\.request property"):
                _ = again.request

    def test_each_waiter_gets_an_error_of_its_own(self, driver, login, api):
        """Requests that fail together do not share one exception."""
        auth = login(
            expired=True, token_endpoint=f"http://127.0.0.1:{closed_port()}/token"
        )
        caught = driver.crowd(auth, api.url, 8)
        assert {type(error) for error in caught} == {type(caught[0])}
        assert isinstance(caught[0], driver.connection_error)
        assert len({id(error) for error in caught}) == 8
        assert api.seen == []

    def test_an_outage_does_not_end_a_login(self, driver, server, login):
        """After a server's failure the same login goes on. M24."""
        auth = login(expired=True)
        server.token_faults.answer(503, b"<html>", headers={"Retry-After": "0"})
        with pytest.raises(errors.TemporarilyUnavailableError) as caught:
            driver.get(auth, server.api_url)
        assert caught.value.retryable
        assert caught.value.status_code == 503
        assert driver.get(auth, server.api_url).status_code == 200
        assert server.counts().families_revoked == 0
