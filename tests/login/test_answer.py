"""The answer that a browser brings: every check comes before the code is sent.

Each test counts the token requests: a code that comes with a failed check stays here.
"""

import pytest
from oauthlib.oauth2 import AccessDeniedError, MismatchingStateError

from oauth_auth import AuthorizationServer, errors
from oauth_auth.login.authorization import answered_code
from oauth_auth.login.pending import PendingLogin
from oauth_auth.secret import Secret
from oauth_auth.testing import ABSENT
from tests.login.people import app, follow, params_of, token_requests, with_params

CALLBACK = "https://app.example/callback"


@pytest.fixture
def auth(server):
    return app(server, redirect_uri=CALLBACK, account="1")


def start(auth, **extra):
    """Send a person away; return where they come back to, and what was kept."""
    url, pending = auth.authorization_url(**extra)
    return follow(url), pending.to_dict()


def finish(auth, response, pending):
    return auth.fetch_token(authorization_response=response, pending=pending)


def refused(server, auth, response, pending, match, kind=errors.LoginFailed):
    """Have an answer refused, with no token request."""
    with pytest.raises(kind, match=match) as caught:
        finish(auth, response, pending)
    assert token_requests(server) == 0
    return caught.value


class TestGood:
    def test_a_login(self, server, auth):
        """A good answer's code is redeemed with everything that belongs to it."""
        token = finish(auth, *start(auth))
        assert token.refresh_token
        (request,) = server.token_log()
        assert request.status == 200
        assert set(request.parameters) == {
            *("grant_type", "code", "redirect_uri", "code_verifier", "client_id"),
        }
        assert server.counts().codes_reused == 0

    @pytest.mark.parametrize("shape", ["query", "?query", "path", "spaces", "fragment"])
    def test_ways_to_write_the_answer(self, auth, shape):
        """The whole URL, its path, or its query, as frameworks and people give it."""
        url, pending = start(auth)
        query = url.partition("?")[2]
        given = {
            "query": query,
            "?query": f"?{query}",
            "path": f"/callback?{query}",
            "spaces": f"  {url}\n",
            "fragment": f"{url}#_=_",
        }[shape]
        assert finish(auth, given, pending).access_token

    @pytest.mark.parametrize("place", [f"{CALLBACK}?", "/callback?", "?", ""])
    def test_a_question_mark_in_a_value(self, place):
        """A question mark may stand in a query as it is (RFC 3986 section 3.4)."""
        server = AuthorizationServer(token_endpoint="https://auth.example/token")
        login = PendingLogin(CALLBACK)
        query = f"state={login.state.reveal()}&code=a?b/c:d"
        code = answered_code(Secret(f"{place}{query}"), server, login)
        assert code.reveal() == "a?b/c:d"

    def test_what_is_unknown_is_ignored(self, auth):
        """Parameters that nobody knows do not matter (RFC 6749 section 4.1.2)."""
        url, pending = start(auth)
        assert finish(auth, f"{url}&session_state=x&session_state=y", pending)

    def test_resources_are_sent_with_the_code(self, server):
        """RFC 8707 section 2.2: the token request names the resource too. M98d."""
        auth = app(
            server,
            redirect_uri=CALLBACK,
            account="1",
            resource=["https://a.example", "https://b.example"],
        )
        finish(auth, *start(auth))
        auth.renew()
        for request in server.token_log():
            assert request.parameters.count("resource") == 2
            assert request.status == 200


class TestState:
    """CSRF: an answer that this person did not ask for."""

    @pytest.mark.parametrize("state", [None, "", "forged"])
    def test_a_forged_answer(self, server, auth, state):
        """Somebody else's code with a missing or guessed state is refused. M98a."""
        url, pending = start(auth)
        forged = with_params(url, state=state)
        error = refused(
            server, auth, forged, pending, "not that of", errors.MismatchingStateError
        )
        assert isinstance(error, MismatchingStateError)
        assert not error.retryable

    def test_another_sessions_answer(self, server, auth):
        """An attacker's answer does not log the victim in as the attacker. M98a."""
        attackers, _ = start(auth, login_hint="mallory")
        _, victims = start(auth)
        refused(
            server, auth, attackers, victims, "not that", errors.MismatchingStateError
        )

    def test_an_old_answer(self, server, auth):
        """An answer that comes after ten minutes is refused. M98a."""
        url, pending = start(auth)
        pending["started_at"] -= 601
        refused(server, auth, url, pending, "10 minutes", errors.MismatchingStateError)

    def test_a_replayed_answer(self, server, auth):
        """A second answer is refused, and so costs nobody the login. M98a."""
        url, pending = start(auth)
        finish(auth, url, pending)
        with pytest.raises(errors.MismatchingStateError, match="finished already"):
            finish(auth, url, pending)
        assert token_requests(server) == 1
        assert server.counts().families_revoked == 0

    def test_a_replayed_refusal(self, server, auth):
        """An answer that failed uses its login up as well. M98a."""
        url, pending = start(auth)
        with pytest.raises(errors.LoginFailed):
            finish(auth, with_params(url, iss="https://evil.example"), pending)
        refused(server, auth, url, pending, "finished", errors.MismatchingStateError)

    def test_a_parameter_twice(self, server, auth):
        """Of two codes or states nobody knows which is meant (RFC 6749 3.1)."""
        for name in ("code", "state", "iss"):
            url, pending = start(auth)
            twice = f"{url}&{name}=x"
            refused(server, auth, twice, pending, "a parameter twice")


class TestPlace:
    """A foreign redirect: the answer came elsewhere than where this login ends."""

    @pytest.mark.parametrize(
        "place",
        [
            "https://app.example/callback/other",
            "https://app.example/",
            "https://app.example",
            "/other/callback",
        ],
    )
    def test_another_place(self, server, auth, place):
        """An answer at another server's redirect URI is refused (RFC 9700 4.4.2.2)."""
        url, pending = start(auth)
        foreign = f"{place}?{url.partition('?')[2]}"
        refused(server, auth, foreign, pending, "came to another place")

    def test_behind_a_proxy(self, auth):
        """A proxy changes what the application sees of scheme, host and port."""
        url, pending = start(auth)
        seen = url.replace("https://app.example", "http://10.0.0.7:8000")
        assert finish(auth, seen, pending)

    def test_a_query_of_the_redirect_uri(self, server):
        """A redirect URI may differ from another server's by its query alone."""
        auth = app(server, redirect_uri=f"{CALLBACK}?as=one", account="1")
        assert finish(auth, *start(auth))
        url, pending = start(auth)
        foreign = with_params(url, **{"as": "two"})
        with pytest.raises(errors.LoginFailed, match="came to another place"):
            finish(auth, foreign, pending)
        assert token_requests(server) == 1


class TestIssuer:
    """A mix-up: one server's answer, made to look like another's (RFC 9207)."""

    def test_another_issuer(self, server, auth):
        """A wrong `iss` is refused, and the code is not sent. M98b."""
        server.configure(authorization_response={"iss": "https://evil.example"})
        refused(server, auth, *start(auth), "comes from https://evil.example")

    @pytest.mark.parametrize("change", ["/", "x"])
    def test_almost_the_same(self, server, auth, change):
        """Issuers are compared character by character (RFC 9207 section 2.4). M98b."""
        url, pending = start(auth)
        almost = with_params(url, iss=params_of(url)["iss"] + change)
        refused(server, auth, almost, pending, "comes from")

    def test_a_missing_issuer_that_was_promised(self, server, auth):
        """A server that promises `iss` in its metadata has to send it. M98b."""
        server.configure(authorization_response={"iss": ABSENT})
        refused(server, auth, *start(auth), "names nobody")

    @pytest.mark.parametrize("promise", [False, ABSENT, "true"])
    def test_a_missing_issuer(self, server, auth, promise):
        """A server that does not promise it need not send it."""
        server.configure(
            authorization_response={"iss": ABSENT},
            metadata={"authorization_response_iss_parameter_supported": promise},
        )
        assert finish(auth, *start(auth))

    def test_an_unpromised_issuer_counts_too(self, server, auth):
        """An `iss` is compared wherever one comes. M98b."""
        server.configure(
            authorization_response={"iss": "https://evil.example"},
            metadata={"authorization_response_iss_parameter_supported": False},
        )
        refused(server, auth, *start(auth), "comes from")

    def test_an_error_of_another_server(self, server, auth):
        """Error answers name their issuer as well (RFC 9207 section 2)."""
        server.configure(
            authorization_error="access_denied",
            authorization_response={"iss": "https://evil.example"},
        )
        error = refused(server, auth, *start(auth), "comes from")
        assert not isinstance(error, errors.AccessDeniedError)

    def test_a_login_that_was_started_elsewhere(self, server, auth):
        """A login is finished at the server where it was started. M98b.

        Otherwise this server would get a code that is good at the other one.
        """
        elsewhere = AuthorizationServer(
            token_endpoint=server.token_endpoint,
            authorization_endpoint=server.authorization_endpoint,
        )
        other = app(server, issuer=elsewhere, redirect_uri=CALLBACK, account="1")
        refused(server, other, *start(auth), "was started at")
        url, pending = other.authorization_url()
        refused(server, auth, follow(url), pending, "was started at another server")

    @pytest.mark.parametrize(
        ("came_to", "iss", "match"),
        [
            (f"{CALLBACK}/evil", None, "comes from"),
            (f"{CALLBACK}/honest", ABSENT, "came to another place"),
        ],
    )
    def test_a_real_mix_up(self, server, oauth_server_factory, came_to, iss, match):
        """A malicious server sends the browser on to an honest one. M98b.

        It hopes that the client takes the honest server's code to it. An honest server
        shows by its `iss`, or at least by a redirect URI of its own.
        """
        evil = oauth_server_factory(
            metadata={"authorization_response_iss_parameter_supported": False}
        )
        server.configure(authorization_response={"iss": iss} if iss else {})
        auth = app(evil, redirect_uri=f"{CALLBACK}/evil", account="1")
        url, pending = auth.authorization_url()
        honest = url.replace(evil.issuer, server.issuer, 1)
        answer = follow(with_params(honest, redirect_uri=came_to))
        refused(evil, auth, answer, pending, match)

    @pytest.mark.parametrize(
        ("iss", "taken"),
        [
            (ABSENT, True),
            # As GitHub began to do one day.
            ("{issuer}/login/oauth", True),
            ("https://evil.example", False),
            ("https://[evil", False),
            ("", True),
        ],
    )
    def test_a_server_without_issuer(self, server, iss, taken):
        """Where no issuer is known, one of another host is refused. M98b."""
        nameless = AuthorizationServer(
            token_endpoint=server.token_endpoint,
            authorization_endpoint=server.authorization_endpoint,
        )
        auth = app(server, issuer=nameless, redirect_uri=CALLBACK, account="1")
        if isinstance(iss, str):
            iss = iss.format(issuer=server.issuer)
        server.configure(authorization_response={"iss": iss})
        if taken:
            assert finish(auth, *start(auth))
        else:
            refused(server, auth, *start(auth), "write that as its issuer")


class TestErrors:
    def test_denial(self, server, auth):
        """The person's no is an error of its own, also oauthlib's."""
        server.configure(authorization_error="access_denied")
        error = refused(
            server, auth, *start(auth), "said no", kind=errors.AccessDeniedError
        )
        assert isinstance(error, AccessDeniedError)
        assert error.error == "access_denied"
        assert error.description == "as the settings want it"

    @pytest.mark.parametrize(
        "code", ["invalid_scope", "server_error", "temporarily_unavailable"]
    )
    def test_other_errors(self, server, auth, code):
        """Any other error is told with the server's words."""
        server.configure(
            authorization_error=code,
            authorization_response={
                "error_description": "because <b>\x1b[31m\n" + 300 * "x",
                "error_uri": "https://auth.example/why",
            },
        )
        error = refused(server, auth, *start(auth), f"refused the login: {code}")
        assert error.error == code
        assert error.uri == "https://auth.example/why"
        assert "\x1b" not in error.message
        assert "\n" not in error.message
        assert len(error.description) <= 200

    def test_an_error_outweighs_a_code(self, server, auth):
        """An answer with both is no success."""
        url, pending = start(auth)
        refused(server, auth, f"{url}&error=invalid_scope", pending, "invalid_scope")

    @pytest.mark.parametrize("code", [ABSENT, ""])
    def test_no_code(self, server, auth, code):
        """An answer with neither code nor error is refused."""
        server.configure(authorization_response={"code": code})
        refused(server, auth, *start(auth), "without a code")

    @pytest.mark.parametrize("response", ["", "nonsense", "https://app.example/", "?"])
    def test_no_answer(self, server, auth, response):
        """What is no answer at all does not break with an error of Python's own."""
        _, pending = start(auth)
        refused(
            server, auth, response, pending, "not that", errors.MismatchingStateError
        )

    def test_a_code_that_the_server_does_not_take(self, server, auth):
        """The token endpoint's refusal is its own error, after one request."""
        url, pending = start(auth)
        with pytest.raises(errors.InvalidGrantError):
            finish(auth, with_params(url, code="made-up"), pending)
        assert token_requests(server) == 1

    def test_a_lost_answer(self, server, auth):
        """A code is sent once, since a second use would end the login. M98a."""
        server.token_faults.drop("after")
        with pytest.raises(errors.EndpointUnreachable):
            finish(auth, *start(auth))
        assert token_requests(server) == 1
        with pytest.raises(errors.LoginRequired):
            auth.token()
        assert server.counts().families_revoked == 0
