"""Logging in by a session: authorization URLs, fetching tokens, refreshing by hand."""

import json
import sys
import threading
import warnings
from unittest import mock
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from oauthlib.oauth2 import (
    BackendApplicationClient,
    DeviceClient,
    InsecureTransportError,
    InvalidGrantError,
    LegacyApplicationClient,
    MismatchingStateError,
    MissingTokenError,
    MobileApplicationClient,
    OAuth2Error,
    ServiceApplicationClient,
    TokenExpiredError,
)
from oauthlib.oauth2.rfc6749.errors import CustomOAuth2Error, MissingTokenTypeError

from oauth_auth import OAuth2Session, errors
from tests.http_clients.api import Reply, redirect
from tests.oauth2_session.endpoint import json_reply, refusal

CODE = "Zk3fT9aQw7LpXn2Vb8Ry"


def params_of(url):
    return dict(parse_qsl(urlsplit(url).query))


class TestAuthorizationUrl:
    def test_by_code(self):
        """The parameters of RFC 6749 section 4.1.1 are there, and the caller's own."""
        session = OAuth2Session("id", redirect_uri="https://me.example/cb", scope=["a"])
        url, state = session.authorization_url("https://a.example/auth?x=y", hint="z")
        assert params_of(url) == {
            "x": "y",
            "response_type": "code",
            "client_id": "id",
            "redirect_uri": "https://me.example/cb",
            "scope": "a",
            "state": state,
            "hint": "z",
        }
        assert session.authorization_url("https://a.example", "mine")[1] == "mine"

    def test_by_fragment(self):
        """An implicit grant asks for a token."""
        session = OAuth2Session(client=MobileApplicationClient("id"))
        url, _ = session.authorization_url("https://a.example/auth")
        assert params_of(url)["response_type"] == "token"

    @pytest.mark.parametrize("method", ["S256", "plain"])
    def test_pkce(self, method):
        """Both methods of RFC 7636 have a challenge."""
        session = OAuth2Session("id", pkce=method)
        params = params_of(session.authorization_url("https://a.example/auth")[0])
        assert params["code_challenge_method"] == method
        same = params["code_challenge"] == session._code_verifier
        assert same is (method == "plain")

    def test_loopback_needs_no_switch(self):
        """Plain http to this machine is allowed, and to no other."""
        session = OAuth2Session("id")
        url, _ = session.authorization_url("http://localhost:8080/auth")
        assert url.startswith("http://localhost:8080/auth?")
        with pytest.raises(InsecureTransportError):
            session.authorization_url("http://a.example/auth")

    def test_the_switch_is_honoured(self, monkeypatch):
        """OAUTHLIB_INSECURE_TRANSPORT allows http to everywhere."""
        monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
        url, _ = OAuth2Session("id").authorization_url("http://a.example/auth")
        assert url.startswith("http://a.example/auth?")


class TestFetching:
    def test_by_code(self, endpoint):
        """The code, the redirect URI and the client's credentials are sent."""
        session = OAuth2Session("id", redirect_uri="http://127.0.0.1/cb")
        _, state = session.authorization_url("https://a.example")
        back = f"http://127.0.0.1/cb?code={CODE}&state={state}"
        token = session.fetch_token(
            endpoint.token_url, authorization_response=back, client_secret="s3cretive"
        )
        assert token is session.token
        assert token["refresh_token"] == endpoint.refresh_token
        assert "expires_at" in token
        assert endpoint.asked == [
            {
                "grant_type": "authorization_code",
                "code": CODE,
                "redirect_uri": "http://127.0.0.1/cb",
            }
        ]
        (seen,) = endpoint.token_requests
        assert seen.authorization == "Basic aWQ6czNjcmV0aXZl"
        assert session.get(endpoint.url).status_code == 200

    def test_the_answer_to_another_login_is_refused(self, endpoint):
        """A state that does not match ends it before anything is sent."""
        session = OAuth2Session("id", state="expected")
        with pytest.raises(MismatchingStateError):
            session.fetch_token(
                endpoint.token_url,
                authorization_response=f"https://me.example/?code={CODE}&state=x",
            )
        assert endpoint.asked == []

    def test_without_code(self, endpoint):
        """The error says what is missing."""
        with pytest.raises(ValueError, match="authorization_response"):
            OAuth2Session("id").fetch_token(endpoint.token_url)

    def test_pkce(self, endpoint):
        """The verifier goes along; without authorization_url there is none."""
        session = OAuth2Session("id", pkce="S256")
        with pytest.raises(ValueError, match="authorization_url"):
            session.fetch_token(endpoint.token_url, code=CODE)
        session.authorization_url("https://a.example")
        session.fetch_token(endpoint.token_url, code=CODE)
        assert endpoint.asked[0]["code_verifier"] == session._code_verifier

    def test_by_password(self, endpoint):
        """Both are needed, and go into the body."""
        session = OAuth2Session(client=LegacyApplicationClient("id"))
        with pytest.raises(ValueError, match="username is missing"):
            session.fetch_token(endpoint.token_url, password="p")
        with pytest.raises(ValueError, match="password is missing"):
            session.fetch_token(endpoint.token_url, username="u")
        session.fetch_token(endpoint.token_url, username="u", password="")
        assert endpoint.asked[0]["grant_type"] == "password"
        assert endpoint.asked[0]["username"] == "u"

    def test_by_credentials(self, endpoint):
        """A machine's token, with the client in the body."""
        client = BackendApplicationClient("id", scope=["a", "b"])
        session = OAuth2Session(client=client)
        session.fetch_token(
            endpoint.token_url, client_secret="", include_client_id=True, x="y"
        )
        assert endpoint.asked == [
            {
                "grant_type": "client_credentials",
                "scope": "a b",
                "client_id": "id",
                "client_secret": "",
                "x": "y",
            }
        ]
        assert endpoint.token_requests[0].authorization is None

    def test_by_assertion(self, endpoint, monkeypatch):
        """A service signs its own, with PyJWT, for which a double will do here."""
        signer = mock.MagicMock()
        signer.encode.return_value = "s1gned-assertion-0001"
        monkeypatch.setitem(sys.modules, "jwt", signer)
        client = ServiceApplicationClient("id", "key", issuer="i", audience="a")
        session = OAuth2Session(client=client)
        session.fetch_token(endpoint.token_url, subject="s")
        assert endpoint.asked[0]["assertion"] == "s1gned-assertion-0001"
        assert endpoint.asked[0]["grant_type"].endswith(":jwt-bearer")
        assert session.get(endpoint.url).ok

    def test_by_device(self, endpoint):
        """A device's code is redeemed by oauthlib's DeviceClient."""
        session = OAuth2Session(client=DeviceClient("id"))
        session.fetch_token(endpoint.token_url, device_code="d3vice-code-0001")
        assert endpoint.asked[0]["device_code"] == "d3vice-code-0001"

    @pytest.mark.parametrize(
        "given", [{"method": "GET"}, {"force_querystring": True}, {"method": "get"}]
    )
    def test_in_the_query(self, given):
        """For servers that want the parameters there."""
        sent = []
        session = OAuth2Session("id")

        def send(request, **_):
            sent.append(request)
            answer = requests.Response()
            answer.status_code = 200
            answer._content = b'{"access_token": "abcd"}'
            return answer

        session.send = send
        session.fetch_token("https://a.example/token", code="c0de", **given)
        assert params_of(sent[0].url)["code"] == "c0de"

    def test_other_methods_are_refused(self):
        """Only two make sense."""
        with pytest.raises(ValueError, match="POST or GET"):
            OAuth2Session("id").fetch_token("https://a", code="c", method="PUT")

    def test_an_explicit_auth_keeps_the_client_out_of_the_body(self, endpoint):
        """Unless the caller wants it there."""
        session = OAuth2Session("id")
        session.fetch_token(endpoint.token_url, code=CODE, auth=("u", "p"))
        session.fetch_token(
            endpoint.token_url, code=CODE, auth=("u", "p"), include_client_id=True
        )
        assert ["client_id" in form for form in endpoint.asked] == [False, True]
        assert {r.authorization for r in endpoint.token_requests} == {"Basic dTpw"}

    def test_secrets_beyond_latin_1(self, endpoint):
        """Requests raises where latin-1 cannot hold them; they go as UTF-8. M50."""
        session = OAuth2Session("id")
        session.fetch_token(endpoint.token_url, code=CODE, client_secret="ключ")
        session.fetch_token(endpoint.token_url, code=CODE, client_secret="é")
        assert [r.authorization for r in endpoint.token_requests] == [
            "Basic aWQ60LrQu9GO0Yc=",
            "Basic aWQ66Q==",
        ]

    def test_hooks(self, endpoint):
        """One changes what is sent, the other what came."""
        session = OAuth2Session("id")

        def ask(url, headers, kwargs):
            kwargs["data"]["hooked"] = "yes"
            return url, {**headers, "X-Hooked": "yes"}, kwargs

        def mend(answer):
            answer._content = json.dumps({**answer.json(), "mended": 1}).encode()
            return answer

        session.register_compliance_hook("access_token_request", ask)
        session.register_compliance_hook("access_token_response", mend)
        assert session.fetch_token(endpoint.token_url, code=CODE)["mended"] == 1
        assert endpoint.asked[0]["hooked"] == "yes"
        assert endpoint.token_requests[0].headers["x-hooked"] == "yes"

    def test_a_hook_that_fails_costs_no_token(self, endpoint, caplog):
        """The code has been spent by then; without a token the hook's error is told."""
        session = OAuth2Session("id")

        def fail(answer):
            raise ZeroDivisionError

        session.register_compliance_hook("access_token_response", fail)
        assert session.fetch_token(endpoint.token_url, code=CODE)["access_token"]
        assert "ZeroDivisionError" in caplog.text
        endpoint.answers = [refusal("invalid_grant")]
        with pytest.raises(ZeroDivisionError):
            session.fetch_token(endpoint.token_url, code=CODE)

    def test_a_fetched_token_replaces_an_expired_one(self, endpoint):
        """And until it is there the old one stays, so that no request is without."""
        session = OAuth2Session("id", token=endpoint.issue(expired=True))
        old = session.token
        endpoint.answers = [refusal("invalid_grant")]
        with pytest.raises(InvalidGrantError):
            session.fetch_token(endpoint.token_url, code=CODE)
        assert session.token is old
        session.fetch_token(endpoint.token_url, code=CODE)
        assert session.get(endpoint.url).ok

    def test_plain_http_elsewhere(self):
        """Nothing is sent in clear."""
        session = OAuth2Session("id", token={"access_token": "abcd"})
        for call in (
            lambda: session.fetch_token("http://a.example", code="c"),
            # It is the first thing that is looked at, as in requests-oauthlib.
            lambda: session.fetch_token("http://a.example"),
            lambda: session.refresh_token("http://a.example", "r"),
            lambda: session.get("http://a.example"),
            lambda: session.get("http://a.example", withhold_token=True),
            lambda: OAuth2Session("id").get("http://a.example"),
        ):
            with pytest.raises(InsecureTransportError):
                call()


class TestAnswers:
    @pytest.mark.parametrize(
        ("reply", "kinds"),
        [
            (refusal("invalid_grant"), (InvalidGrantError, errors.InvalidGrantError)),
            (refusal("odd_code"), (CustomOAuth2Error, errors.TokenEndpointError)),
            (
                refusal("invalid_grant", error_description=f"no {CODE}"),
                (InvalidGrantError,),
            ),
            (json_reply({}), (MissingTokenError, errors.ServerError)),
            (Reply(502, (), b"<html>"), (MissingTokenError, errors.ServerError)),
            (redirect("https://b.example"), (MissingTokenError, OAuth2Error)),
            (json_reply({"access_token": None}), (MissingTokenError,)),
            (json_reply({"access_token": "a\nb"}), (MissingTokenError,)),
            (json_reply({"access_token": "a"}, 403), (MissingTokenError,)),
            (Reply(200, (), b"[]"), (MissingTokenError,)),
        ],
    )
    def test_no_token(self, endpoint, reply, kinds):
        """The error is oauthlib's, and ours; the token before stays."""
        session = OAuth2Session("id", token=endpoint.issue())
        before = session.token, session.access_token
        endpoint.answers = [reply]
        for kind in kinds:
            endpoint.answers = [reply]
            with pytest.raises(kind) as caught:
                session.fetch_token(endpoint.token_url, code=CODE)
            assert CODE not in str(caught.value)
        assert (session.token, session.access_token) == before

    @pytest.mark.parametrize(
        "body",
        [
            b'\xef\xbb\xbf{"access_token": "abcd"}',
            b'{"access_token": "abcd", "error": null}',
            b'{"access_token": "abcd", "expires_in": "3600.7"}',
            b'{"access_token": "abcd", "expires_in": []}',
            b"access_token=abcd&token_type=bearer",
        ],
    )
    def test_tokens_that_oauthlib_loses(self, endpoint, body):
        """Whatever is around it, a token that came is used. M51."""
        session = OAuth2Session("id")
        endpoint.answers = [Reply(200, (), body)]
        assert session.fetch_token(endpoint.token_url, code=CODE)["access_token"]
        assert session.access_token == "abcd"

    def test_a_missing_type_is_refused_if_wanted(self, endpoint, monkeypatch):
        """Oauthlib's switch for it is honoured."""
        endpoint.extra = {"token_type": None}
        session = OAuth2Session("id")
        session.fetch_token(endpoint.token_url, code=CODE)
        monkeypatch.setenv("OAUTHLIB_STRICT_TOKEN_TYPE", "1")
        with pytest.raises(MissingTokenTypeError):
            session.fetch_token(endpoint.token_url, code=CODE)

    def test_a_changed_scope_warns_and_costs_no_token(self, endpoint, monkeypatch):
        """Oauthlib raises, and the token that was paid for is lost. M45."""
        endpoint.extra = {"scope": "a"}
        session = OAuth2Session("id", scope=["a", "b"])
        with pytest.warns(UserWarning, match="Scope has changed"):
            token = session.fetch_token(endpoint.token_url, code=CODE)
        assert token["scope"] == ["a"]
        assert session.get(endpoint.url).ok
        with pytest.warns(UserWarning, match="Scope has changed"):
            session.refresh_token(endpoint.token_url)
        assert session.token["refresh_token"] == endpoint.refresh_token
        monkeypatch.setenv("OAUTHLIB_RELAX_TOKEN_SCOPE", "1")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            session.refresh_token(endpoint.token_url)

    def test_redirects_are_not_followed(self, endpoint, serve):
        """They would take the code and the client's secret along."""
        elsewhere = serve()
        endpoint.answers = [redirect(f"{elsewhere.origin}/token", 307)]
        with pytest.raises(OAuth2Error, match="redirect to 127"):
            OAuth2Session("id").fetch_token(endpoint.token_url, code=CODE)
        assert elsewhere.seen == []


class TestFragments:
    def test_a_token_in_the_fragment(self):
        """The implicit grant's token is used from then on."""
        session = OAuth2Session(client=MobileApplicationClient("id"), state="s")
        back = "http://localhost/cb#access_token=abcd&token_type=Bearer&state=s"
        assert session.token_from_fragment(back)["access_token"] == "abcd"
        assert session.authorized

    def test_the_answer_to_another_login_is_refused(self):
        """Nobody can have a session use a token that it did not ask for."""
        session = OAuth2Session(client=MobileApplicationClient("id"), state="s")
        for state in ("&state=x", ""):
            back = f"https://me.example/#access_token=abcd&token_type=Bearer{state}"
            with pytest.raises(ValueError, match="state"):
                session.token_from_fragment(back)
        assert not session.authorized

    def test_a_changed_scope(self):
        """It warns, and the token is kept. M45."""
        client = MobileApplicationClient("id", scope=["a"])
        session = OAuth2Session(client=client)
        with pytest.warns(UserWarning, match="Scope has changed"):
            session.token_from_fragment(
                "https://me.example/#access_token=abcd&token_type=Bearer&scope=b"
            )
        assert session.access_token == "abcd"


class TestRefreshingByHand:
    def test_the_guides_first_way(self, endpoint):
        """An expired token raises; refresh_token mends it; the old session goes on."""
        session = OAuth2Session("id", token=endpoint.issue(expired=True))
        with pytest.raises(TokenExpiredError):
            session.get(endpoint.url)
        token = session.refresh_token(
            endpoint.token_url, client_id="id", client_secret="s3cretive"
        )
        assert token is session.token
        assert session.get(endpoint.url).ok
        assert endpoint.asked[0]["client_secret"] == "s3cretive"
        assert not (endpoint.api.seen[0].authorization or "").startswith("Bearer")

    @pytest.mark.parametrize("value", [None, "", "absent"])
    def test_the_old_refresh_token_stays_where_no_new_one_comes(self, endpoint, value):
        """Missing, null or empty: it is still the one to use. M48."""
        session = OAuth2Session("id", token=endpoint.issue())
        known = session.token["refresh_token"]
        members = {"access_token": "abcd"}
        if value != "absent":
            members["refresh_token"] = value
        endpoint.answers = [json_reply(members)]
        assert session.refresh_token(endpoint.token_url)["refresh_token"] == known

    def test_arguments(self, endpoint):
        """A refresh token, a body, headers, auth and parameters can be given."""
        session = OAuth2Session("id", auto_refresh_kwargs={"k": "v"}, scope=["a"])
        endpoint.issue()
        session.refresh_token(
            endpoint.token_url,
            endpoint.refresh_token,
            body="b=c",
            auth=("u", "p"),
            headers={"X-A": "b"},
            timeout=5,
            more="m",
        )
        form = endpoint.asked[0]
        assert {form[n] for n in ("b", "k", "more", "scope")} == {"c", "v", "m", "a"}
        (seen,) = endpoint.token_requests
        assert (seen.headers["x-a"], seen.authorization) == ("b", "Basic dTpw")
        with pytest.raises(ValueError, match="token endpoint"):
            session.refresh_token(None)

    def test_redirects_are_not_followed(self, endpoint, serve):
        """They would take the refresh token along."""
        elsewhere = serve()
        session = OAuth2Session("id", token=endpoint.issue())
        endpoint.answers = [redirect(f"{elsewhere.origin}/token", 307)]
        with pytest.raises(OAuth2Error, match="redirect to 127"):
            session.refresh_token(endpoint.token_url)
        assert elsewhere.seen == []

    def test_a_refusal_does_not_repeat_what_was_sent(self, endpoint):
        """Though the server does."""
        session = OAuth2Session("id", token=endpoint.issue())
        spent = endpoint.refresh_token
        endpoint.answers = [refusal("invalid_grant", error_description=f"no {spent}")]
        with pytest.raises(InvalidGrantError) as caught:
            session.refresh_token(endpoint.token_url)
        assert spent not in str(caught.value)

    def test_hooks(self, endpoint):
        """They see the form as text, and the answer."""
        session = OAuth2Session("id", token=endpoint.issue())
        answers = []
        session.register_compliance_hook(
            "refresh_token_request", lambda u, h, b: (u, h, f"{b}&hooked=yes")
        )
        session.register_compliance_hook(
            "refresh_token_response", lambda a: answers.append(a) or a
        )
        session.refresh_token(endpoint.token_url)
        assert endpoint.asked[0]["hooked"] == "yes"
        assert [a.status_code for a in answers] == [200]

    def test_a_hooks_bad_form_is_not_quoted(self, endpoint):
        """Oauthlib's error for it holds the whole form, refresh token and all."""
        session = OAuth2Session("id", token=endpoint.issue())
        session.register_compliance_hook(
            "refresh_token_request", lambda u, h, b: (u, h, f"{b}&a={{}}")
        )
        with pytest.raises(ValueError, match="not form-encoded") as caught:
            session.refresh_token(endpoint.token_url)
        assert endpoint.refresh_token not in str(caught.value)
        assert caught.value.__context__ is None

    def test_threads_share_one_refresh(self, endpoint):
        """Of many at once one spends the refresh token, and all get what it brought."""
        session = OAuth2Session("id", token=endpoint.issue(expired=True))
        arrived = threading.Barrier(9)
        answered = threading.Event()

        def wait(request):
            answered.wait(30)
            return json_reply(endpoint._issued())

        endpoint.answers = [wait]
        tokens = []

        def work():
            arrived.wait()
            tokens.append(session.refresh_token(endpoint.token_url)["access_token"])

        crowd = [threading.Thread(target=work) for _ in range(8)]
        for thread in crowd:
            thread.start()
        arrived.wait()
        # All but the one that asks wait for its result.
        (under_way,) = _until(lambda: list(session._flights._under_way.values()))
        _until(lambda: len(_waiting_for(under_way)) >= 7 or None)
        answered.set()
        for thread in crowd:
            thread.join()
        assert len(set(tokens)) == 1
        assert len(endpoint.asked) == 1

    def test_a_refresh_that_fails_fails_for_all_and_can_be_tried_again(self, endpoint):
        """Nobody waits for a thread that has given up."""
        session = OAuth2Session("id", token=endpoint.issue(expired=True))
        endpoint.answers = [refusal("invalid_client", 401)]
        with pytest.raises(errors.InvalidClientError):
            session.refresh_token(endpoint.token_url)
        assert session._flights._under_way == {}
        assert session.refresh_token(endpoint.token_url)


def _waiting_for(future):
    return future._condition._waiters


def _until(look):
    pause = threading.Event()
    for _ in range(3000):
        found = look()
        if found:
            return found
        pause.wait(0.01)
    raise AssertionError("it did not come about")
