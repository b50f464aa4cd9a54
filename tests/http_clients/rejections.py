"""What a 401 does."""

import datetime as dt

import pytest

from tests.http_clients.api import INVALID_TOKEN, Reply, told, unauthorized
from tests.http_clients.logins import renewed_elsewhere


class RejectionTests:
    """Every client answers a 401 with at most one renewal and one retry."""

    def test_a_401_is_answered_by_one_renewal_and_one_retry(
        self, driver, server, login
    ):
        """The caller gets the 200 of the retry. M37, M99f."""
        auth = login()
        old = auth.access_token()
        server.revoke_access_tokens()
        response = driver.post(auth, f"{server.api_url}/x?q=1", content=b"body")
        assert response.status_code == 200
        answer = response.json()
        assert (answer["method"], answer["path"], answer["query"]) == (
            "POST",
            "/api/x",
            "q=1",
        )
        assert answer["body_length"] == 4
        counts = server.counts()
        assert (counts.api_requests, counts.token_requests) == (2, 1)
        assert auth.access_token() != old

    def test_a_second_401_is_the_answer(self, driver, server, login):
        """Two API calls and one token request, and the caller gets the 401. M32."""
        server.api_faults.reject()
        auth = login()
        old = auth.access_token()
        response = driver.get(auth, server.api_url)
        assert response.status_code == 401
        assert response.json() == {"error": "rejected"}
        first, second = server.api_log()
        assert first.access_token != second.access_token
        assert auth.access_token() != old
        assert server.counts().token_requests == 1

    def test_a_token_that_worked_is_renewed_each_time_it_is_refused(
        self, driver, server, login
    ):
        """What an origin has accepted and then refuses is worth a renewal. M12."""
        auth = login()
        for count in range(1, 4):
            server.revoke_access_tokens()
            assert driver.get(auth, server.api_url).status_code == 200
            assert server.counts().token_requests == count

    def test_a_token_that_works_without_a_retry_counts_as_accepted(
        self, driver, server, login
    ):
        """A renewed token that an origin has accepted is renewed when it is refused."""
        auth = login()
        server.api_faults.reject(times=2)
        assert driver.get(auth, server.api_url).status_code == 401
        assert driver.get(auth, server.api_url).status_code == 200
        server.revoke_access_tokens()
        assert driver.get(auth, server.api_url).status_code == 200
        assert server.counts().token_requests == 2

    def test_an_api_that_refuses_everything_causes_no_storm(
        self, driver, server, login, api
    ):
        """A hundred requests make at most two token requests. M32."""
        api.answer = unauthorized()
        auth = login()
        statuses = {r.status_code for r in driver.series(auth, api.url, 100)}
        assert statuses == {401}
        assert server.counts().token_requests <= 2
        assert 100 < len(api.seen) <= 102

    def test_an_api_that_refuses_one_of_its_paths_causes_no_storm(
        self, driver, server, login, api
    ):
        """A path that takes no token costs three renewals, not one each time. M32."""
        api.answer = lambda r: unauthorized() if r.path == "/b" else told(r)
        auth = login()
        for _ in range(20):
            assert driver.get(auth, f"{api.origin}/a").status_code == 200
            assert driver.get(auth, f"{api.origin}/b").status_code == 401
        assert server.counts().token_requests == 3
        # Two tries of /b for each renewal, and one for each time without.
        assert len(api.seen) == 20 + 3 * 2 + 17

    @pytest.mark.parametrize(
        "reply",
        [
            Reply(403, (INVALID_TOKEN,)),
            Reply(401, (("WWW-Authenticate", 'Bearer error="insufficient_scope"'),)),
            Reply(
                401,
                (
                    ("WWW-Authenticate", 'Basic realm="a, b"'),
                    ("WWW-Authenticate", 'Bearer error="insufficient_scope"'),
                ),
            ),
            Reply(503),
        ],
    )
    def test_what_a_new_token_would_not_change_is_left_alone(
        self, driver, server, login, api, reply
    ):
        """A 403 or a lack of scope goes to the caller, and the token stays."""
        api.answer = reply
        auth = login()
        old = auth.access_token()
        assert driver.get(auth, api.url).status_code == reply.status
        assert len(api.seen) == 1
        assert auth.access_token() == old
        assert server.counts().token_requests == 0

    def test_a_401_without_our_token_is_left_alone(self, driver, server, login, api):
        """If something replaced our header on the way out, the 401 is not ours."""
        api.answer = unauthorized()
        auth = login()
        old = auth.access_token()

        def replace(request):
            request.headers["Authorization"] = "Bearer somebody-else"

        assert driver.get(auth, api.url, tamper=replace).status_code == 401
        assert api.authorizations == ["Bearer somebody-else"]
        assert auth.access_token() == old
        assert server.counts().token_requests == 0

    def test_a_token_renewed_elsewhere_is_adopted(self, driver, server, login):
        """What another worker has saved is used, with no token request. M12, law 7."""
        auth = login()
        auth.token()
        server.revoke_access_tokens()
        tokens = server.issue()
        renewed_elsewhere(auth, tokens)
        assert driver.get(auth, server.api_url).status_code == 200
        assert auth.access_token() == tokens["access_token"]
        counts = server.counts()
        assert (counts.api_requests, counts.token_requests) == (2, 0)

    def test_a_newer_token_is_adopted_even_right_after_a_rejection(
        self, driver, server, login, api
    ):
        """That renewing has not helped yet says nothing about another one's token."""
        tokens = server.issue()
        good = f"Bearer {tokens['access_token']}"
        api.answer = lambda r: told(r) if r.authorization == good else unauthorized()
        auth = login()
        assert driver.get(auth, api.url).status_code == 401
        renewed_elsewhere(auth, tokens)
        assert driver.get(auth, api.url).status_code == 200
        assert len(set(api.authorizations)) == 3
        assert server.counts().token_requests == 1

    def test_the_retry_uses_the_clients_own_settings(
        self, driver, server, login, serve, certificate
    ):
        """The CA that the caller named holds for the retry too. M63."""
        api = serve(tls=certificate.server_context())
        api.script = [unauthorized()]
        response = driver.get(login(), api.url, ca=certificate.path)
        assert response.status_code == 200
        assert len(api.seen) == 2

    @pytest.mark.parametrize("own", [None, {"mine": "1", "sid": "old"}])
    def test_cookies_of_the_401_are_sent_with_the_retry(self, driver, login, api, own):
        """A cookie that the 401 sets goes along, beside those of the caller. M79."""
        api.script = [unauthorized(INVALID_TOKEN, ("Set-Cookie", "sid=abc; Path=/"))]
        options = {"cookies": own} if own else {}
        assert driver.get(login(), api.url, **options).status_code == 200
        first, second = (_cookies(request) for request in api.seen)
        assert first == sorted((own or {}).items())
        kept = dict(own or {})
        if driver.module.__name__ != "requests":
            # In requests a cookie of the caller stays beside one of the same name.
            kept.pop("sid", None)
        assert second == sorted([*kept.items(), ("sid", "abc")])

    def test_what_the_caller_sees_of_a_retry(self, driver, login, api):
        """History, elapsed time, cookies and hooks, as they are documented. M79."""
        api.script = [unauthorized(INVALID_TOKEN, ("Set-Cookie", "a=1; Path=/"))]
        hooked = []
        response = driver.get(
            login(), api.url, hook=lambda r, **_: hooked.append(r.status_code)
        )
        assert response.status_code == 200
        assert [r.status_code for r in response.history] == [401]
        assert response.elapsed > dt.timedelta(0)
        assert response.request.headers["Authorization"] == api.authorizations[1]
        if driver.module.__name__ == "requests":
            # Its hooks run after ours, which has retried by then.
            assert hooked == [200]
        else:
            # Event hooks see each request of a flow.
            assert hooked == [401, 200]

    def test_a_retry_needs_no_new_connection(self, driver, login, api):
        """The 401 is read to its end, so that its connection is used again."""
        api.script = [Reply(401, (INVALID_TOKEN,), b"x" * 100_000)]
        assert driver.get(login(), api.url).status_code == 200
        assert len(api.seen) == 2
        assert api.connections == 1

    def test_both_answers_can_be_read_after_a_retry(self, driver, login, api):
        """The 401's own body is kept in the history, the answer's in the answer."""
        api.script = [Reply(401, (INVALID_TOKEN,), b"first")]
        api.answer = Reply(200, (), b"second")
        response = driver.get(login(), api.url)
        assert (response.history[0].text, response.text) == ("first", "second")


def _cookies(request):
    text = request.headers.get("cookie", "")
    return sorted(tuple(pair.split("=")) for pair in text.split("; ") if pair)
