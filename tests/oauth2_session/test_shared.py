"""A session that refreshes by itself: its token in the store that copies share."""

import contextvars
import itertools
import json
import pickle
import threading
import time
import warnings
from unittest import mock

import pytest
import requests
from oauthlib.oauth2 import (
    InsecureTransportError,
    InvalidClientError,
    InvalidGrantError,
    MissingTokenError,
    OAuth2Error,
    TokenExpiredError,
    WebApplicationClient,
)
from urllib3 import Timeout

from oauth_auth import (
    FileStore,
    MemoryStore,
    OAuth2Session,
    OAuthAuth,
    RefreshToken,
    TokenUpdated,
    errors,
)
from oauth_auth.oauth2_session import reach, shared
from oauth_auth.oauth2_session.call import Call
from oauth_auth.transport.watch import Watch
from tests.flights import let_flights_end
from tests.http_clients.api import Reply, redirect
from tests.oauth2_session.endpoint import json_reply, refusal


def start(endpoint, token, **options):
    """Return a copy of a script's session, and what its saver has been given."""
    saved = []
    options.setdefault("auto_refresh_url", endpoint.token_url)
    options.setdefault("token_updater", saved.append)
    return OAuth2Session("id", token=token, **options), saved


@pytest.fixture
def ended():
    """What hangs in a test until the test has ended."""
    event = threading.Event()
    yield event
    event.set()


class TestRenewing:
    def test_an_expired_token_is_renewed_and_saved(self, endpoint):
        """The saver gets what the session has, in the caller's thread."""
        threads = []
        session, _ = start(endpoint, endpoint.issue(expired=True))
        session.token_updater = lambda _: threads.append(threading.current_thread())
        assert session.get(endpoint.url).ok
        assert threads == [threading.current_thread()]
        assert session.token["refresh_token"] == endpoint.refresh_token
        assert session.token["expires_at"] == pytest.approx(time.time() + 3600, abs=60)
        assert session.token["expires_in"] == 3600
        assert isinstance(session.token, dict)

    def test_what_is_sent(self, endpoint):
        """Form, headers and client credentials are as requests-oauthlib sends them."""
        session, _ = start(
            endpoint,
            endpoint.issue(expired=True),
            scope=["a", "b"],
            auto_refresh_kwargs={"client_id": "id", "extra": "e"},
        )
        spent = session.token["refresh_token"]
        session.headers["User-Agent"] = "mine"
        session.get(
            endpoint.url, client_id="u", client_secret="p", params={"not": "for it"}
        )
        assert endpoint.asked == [
            {
                "grant_type": "refresh_token",
                "scope": "a b",
                "refresh_token": spent,
                "client_id": "id",
                "extra": "e",
            }
        ]
        (seen,) = endpoint.token_requests
        assert seen.authorization == "Basic dTpw"
        assert seen.headers["user-agent"] == "mine"
        assert seen.headers["accept"] == "application/json"

    @pytest.mark.parametrize("by_hand", [False, True])
    def test_a_changed_scope_warns_and_costs_no_token(
        self, endpoint, monkeypatch, by_hand
    ):
        """Once for each change, after the saver has the token. M45."""
        endpoint.extra = {"scope": "a b"}
        session, saved = start(endpoint, endpoint.issue(), scope=["b", "a"])

        def renew():
            if by_hand:
                saved.append(session.refresh_token(endpoint.token_url))
            else:
                session.token = {**session.token, "expires_at": 1.0}
                assert session.get(endpoint.url).ok

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            renew()
        endpoint.extra = {"scope": "a"}
        with pytest.warns(UserWarning, match='"(b a|a b)" to "a"'):
            renew()
        assert [token["scope"] for token in saved[1:]] == [["a"]]
        endpoint.extra = {"scope": None, "token_type": None}
        monkeypatch.setenv("OAUTHLIB_STRICT_TOKEN_TYPE", "1")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            renew()
            endpoint.extra = {"scope": "b"}
            monkeypatch.setenv("OAUTHLIB_RELAX_TOKEN_SCOPE", "1")
            renew()
        assert len(endpoint.asked) == len(saved) == 4

    def test_a_fresh_token_is_used_as_it_is(self, endpoint):
        """No token request, and the saver is not called for what it has saved."""
        session, saved = start(endpoint, endpoint.issue())
        before = session.token
        assert session.get(endpoint.url).ok
        assert (saved, endpoint.asked) == ([], [])
        assert session.token is before

    @pytest.mark.parametrize("life", [{}, {"expires_in": 3600}, {"expires_in": "3600"}])
    def test_expires_in_counts_from_now(self, endpoint, life):
        """As with oauthlib: a token of unknown age is used until an API refuses it."""
        token = endpoint.issue()
        del token["expires_at"], token["expires_in"]
        session, _ = start(endpoint, {**token, **life})
        assert session.get(endpoint.url).ok
        assert endpoint.asked == []

    def test_expired_by_expires_in(self, endpoint):
        """The guide has scripts write a negative one."""
        token = endpoint.issue()
        del token["expires_at"]
        session, saved = start(endpoint, {**token, "expires_in": "-30"})
        assert session.get(endpoint.url).ok
        assert len(saved) == len(endpoint.asked) == 1

    def test_an_expiry_that_a_script_sets_to_the_past_is_believed(self, endpoint):
        """It is how scripts have a token renewed, though the store knows better."""
        session, _ = start(endpoint, endpoint.issue())
        assert session.get(endpoint.url).ok
        for number in (1, 2):
            session.token = {**session.token, "expires_at": time.time() - 10}
            assert session.get(endpoint.url).ok
            assert len(endpoint.asked) == number

    def test_without_updater(self, endpoint):
        """TokenUpdated is raised in place of sending, and the next request is sent."""
        session, _ = start(endpoint, endpoint.issue(expired=True), token_updater=None)
        with pytest.raises(TokenUpdated) as caught:
            session.get(endpoint.url)
        assert caught.value.token == session.token
        assert caught.value.token["refresh_token"] == endpoint.refresh_token
        assert session.get(endpoint.url).ok
        assert len(endpoint.asked) == 1

    def test_what_the_updater_raises_is_raised(self, endpoint):
        """As before; the token is kept all the same."""
        session, _ = start(endpoint, endpoint.issue(expired=True))

        def fail(token):
            raise ZeroDivisionError

        session.token_updater = fail
        with pytest.raises(ZeroDivisionError):
            session.get(endpoint.url)
        assert session.get(endpoint.url).ok
        assert len(endpoint.asked) == 1

    def test_the_old_refresh_token_stays_where_no_new_one_comes(self, endpoint):
        """Servers that do not rotate send none, and the saver is called anyway."""
        session, saved = start(endpoint, endpoint.issue(expired=True))
        known = session.token["refresh_token"]
        endpoint.answers = [json_reply({"access_token": "abcd", "expires_in": 3600})]
        endpoint.valid.add("abcd")
        session.get(endpoint.url)
        assert [token["refresh_token"] for token in saved] == [known]

    def test_by_hand(self, endpoint):
        """It goes through the shared record, spends its token, and calls no saver."""
        first, saved = start(endpoint, endpoint.issue())
        second, _ = start(endpoint, dict(first.token))
        assert first.get(endpoint.url).ok
        token = first.refresh_token(endpoint.token_url)
        assert token is first.token
        assert token["refresh_token"] == endpoint.refresh_token
        assert second.refresh_token(endpoint.token_url) == token
        assert len(endpoint.asked) == 1
        assert saved == []
        first.refresh_token(endpoint.token_url, token["refresh_token"])
        assert len(endpoint.asked) == 2

    def test_another_refresh_token_by_hand(self, endpoint):
        """It is the caller's own affair: it is sent, and the record left alone."""
        session, _ = start(endpoint, endpoint.issue())
        assert session.get(endpoint.url).ok
        with pytest.raises(InvalidGrantError):
            session.refresh_token(endpoint.token_url, "an0ther-token-0001")
        assert endpoint.asked[-1]["refresh_token"] == "an0ther-token-0001"

    def test_a_stale_token_is_used_and_not_renewed_behind_the_scripts_back(
        self, endpoint
    ):
        """The session's adapters are not made for two threads at once."""
        session, _ = start(endpoint, endpoint.issue())
        assert session.get(endpoint.url).ok
        session._shared_login()._resolved().held.fresh_until = 0.0
        assert session.get(endpoint.url).ok
        let_flights_end()
        assert endpoint.asked == []

    def test_each_token_is_told_once_and_never_an_older_one(self, endpoint):
        """Whichever of several threads comes to it, and however late."""
        session, saved = start(endpoint, endpoint.issue(expired=True))
        assert session.get(endpoint.url).ok
        login = session._shared_login()
        older = login._resolved().held
        login._announced = None
        assert session.get(endpoint.url).ok
        assert len(saved) == 1
        session.refresh_token(endpoint.token_url)
        newest = session.token
        login._followed_by_session(older)
        assert session.token is newest

    def test_a_token_of_no_refresh_token(self, endpoint):
        """The server is asked without one, as before, and says so."""
        session, saved = start(
            endpoint, endpoint.issue(expired=True, refresh_token=None)
        )
        with pytest.raises(InvalidGrantError):
            session.get(endpoint.url)
        endpoint.answers = [json_reply({"access_token": "abcd"})]
        session.get(endpoint.url)
        assert [token["access_token"] for token in saved] == ["abcd"]

    def test_the_clients_refresh_token_will_do(self, endpoint):
        """A script may have given it to oauthlib's client alone."""
        token = endpoint.issue(expired=True)
        client = WebApplicationClient("id", refresh_token=token.pop("refresh_token"))
        session, saved = start(endpoint, token, client=client)
        assert session.get(endpoint.url).ok
        assert len(saved) == 1

    def test_a_renewal_that_ends_after_a_new_login_does_not_replace_it(self, endpoint):
        """The session has somebody else's token by then, and so has the saver."""
        session, saved = start(endpoint, endpoint.issue(expired=True))
        other = {"access_token": "an0ther-0001", "refresh_token": "an0ther-0002"}

        def log_in(answer):
            session.token = dict(other)
            return answer

        session.register_compliance_hook("refresh_token_response", log_in)
        session.get(endpoint.url)
        assert session.token == other
        assert saved == []

    def test_a_new_login_is_a_new_record(self, endpoint):
        """A fetched token is used from then on, whatever the store knew."""
        session, _ = start(endpoint, endpoint.issue())
        assert session.get(endpoint.url).ok
        session.fetch_token(endpoint.token_url, code="c0de")
        assert session.get(endpoint.url).ok
        session.refresh_token(endpoint.token_url)
        assert session.token["refresh_token"] == endpoint.refresh_token


class TestSharing:
    def test_a_copy_takes_over_what_another_has_renewed(self, endpoint):
        """With the same old token, and its own saver is told. One token request."""
        token = endpoint.issue(expired=True)
        copies = [start(endpoint, dict(token)) for _ in range(3)]
        for session, saved in copies:
            assert session.get(endpoint.url).ok
            assert [t["refresh_token"] for t in saved] == [endpoint.refresh_token]
        assert len(endpoint.asked) == 1

    @pytest.mark.parametrize("back", [0, 1, 2])
    def test_a_saver_that_seeds_again_is_recognised(self, endpoint, back):
        """With the newest token or an older one, it goes on with the newest."""
        session, saved = start(endpoint, endpoint.issue())
        kept = [dict(session.token)]
        for _ in range(2):
            session.token = {**session.token, "expires_at": 1.0}
            session.get(endpoint.url)
            kept.append(dict(saved[-1]))
        again, told = start(endpoint, kept[-1 - back])
        assert again.get(endpoint.url).ok
        assert again.token["refresh_token"] == endpoint.refresh_token
        assert len(told) == bool(back)
        assert len(endpoint.asked) == 2

    def test_other_objects_of_the_package_share_it(self, endpoint, home):
        """An OAuthAuth with the same seed and client means the same login."""
        session, _ = start(endpoint, endpoint.issue(expired=True))
        seed = session.token["refresh_token"]
        assert session.get(endpoint.url).ok
        grant = RefreshToken(
            token_endpoint=endpoint.token_url, client_id="id", refresh_token=seed
        )
        auth = OAuthAuth(grant, store=FileStore(home))
        assert requests.get(endpoint.url, auth=auth, timeout=30).ok
        assert len(endpoint.asked) == 1

    def test_a_store_of_its_own(self, endpoint, home):
        """MemoryStore opts out: nothing is on the disk, and no copy shares it."""
        token = endpoint.issue(expired=True)
        session, _ = start(endpoint, token, store=MemoryStore())
        assert session.get(endpoint.url).ok
        assert not home.exists()
        other, _ = start(endpoint, token, store=MemoryStore())
        with pytest.raises(InvalidGrantError):
            other.get(endpoint.url)

    def test_without_auto_refresh_nothing_is_stored(self, endpoint, home):
        """The token stays in memory, as before."""
        session = OAuth2Session("id", token=endpoint.issue())
        assert session.get(endpoint.url).ok
        session.refresh_token(endpoint.token_url)
        assert not home.exists()


class TestUnauthorized:
    def test_a_401_is_renewed_and_retried_once(self, endpoint):
        """The script sees the answer to the second try, and the saver the token."""
        session, saved = start(endpoint, endpoint.issue())
        assert session.get(endpoint.url).ok
        endpoint.refuse_tokens()
        response = session.post(endpoint.url, data={"a": "b"})
        assert response.ok
        assert [r.status_code for r in response.history] == [401]
        assert [r.body for r in endpoint.api.seen[-1:]] == [b"a=b"]
        assert len(saved) == len(endpoint.asked) == 1

    def test_a_401_that_stays_is_returned(self, endpoint):
        """A response, no error; and the next ones cause no storm."""
        session, _ = start(endpoint, endpoint.issue())
        endpoint.answers = [json_reply({"access_token": "refused-0001"})] * 20
        endpoint.refuse_tokens()
        assert [session.get(endpoint.url).status_code for _ in range(5)] == [401] * 5
        assert len(endpoint.asked) == 1

    def test_without_updater(self, endpoint):
        """The new token is told by TokenUpdated, or nobody would save it."""
        session, _ = start(endpoint, endpoint.issue(), token_updater=None)
        endpoint.refuse_tokens()
        with pytest.raises(TokenUpdated):
            session.get(endpoint.url)
        assert session.get(endpoint.url).ok

    @pytest.mark.parametrize(
        ("reply", "kind"),
        [
            (refusal("invalid_grant"), InvalidGrantError),
            (Reply(500), MissingTokenError),
            (
                lambda _: Reply(200, (("Content-Length", "9"),)),
                requests.RequestException,
            ),
        ],
    )
    def test_a_401_that_cannot_be_answered(self, endpoint, reply, kind):
        """What went wrong is raised: a 401 would not say what to do."""
        session, saved = start(endpoint, endpoint.issue())
        endpoint.refuse_tokens()
        endpoint.answers = [reply] * 2
        with pytest.raises(errors.OAuthAuthError) as caught:
            session.get(endpoint.url, timeout=2)
        assert isinstance(caught.value, kind)
        assert saved == []

    @pytest.mark.parametrize("kept", [False, True])
    def test_another_origins_401(self, endpoint, serve, kept):
        """Whoever a redirect leads to does not get the token, nor has it renewed.

        Not even where the script has requests keep the header.
        """
        elsewhere = serve()
        elsewhere.answer = Reply(401)
        session, _ = start(endpoint, endpoint.issue())
        if kept:
            session.rebuild_auth = lambda *_: None
        endpoint.api.script = [redirect(elsewhere.url)]
        assert session.get(endpoint.url).status_code == 401
        assert endpoint.asked == []

    def test_a_body_that_cannot_be_sent_again(self, endpoint):
        """The 401 is returned rather than half a request sent, and the token new."""
        session, saved = start(endpoint, endpoint.issue())
        endpoint.refuse_tokens()
        response = session.post(endpoint.url, data=iter([b"a", b"b"]))
        assert response.status_code == 401
        assert len(saved) == 1
        assert session.get(endpoint.url).ok

    def test_a_session_that_does_not_refresh_returns_it(self, endpoint):
        """Nothing else can be done."""
        session = OAuth2Session("id", token=endpoint.issue())
        endpoint.refuse_tokens()
        assert session.get(endpoint.url).status_code == 401
        assert endpoint.asked == []

    def test_the_callers_own_auth_has_the_last_word(self, endpoint):
        """Its 401 is none of ours."""
        session, _ = start(endpoint, endpoint.issue())
        assert session.get(endpoint.url, auth=("u", "p")).status_code == 401
        assert endpoint.api.seen[-1].authorization == "Basic dTpw"
        assert endpoint.asked == []

    def test_netrc_counts_where_the_script_wants_it(self, endpoint, tmp_path):
        """Session.auth = None lets requests look there, as before."""
        session, _ = start(endpoint, endpoint.issue())
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login u password p\n")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NETRC", str(netrc))
            assert session.get(endpoint.url).ok
            session.auth = None
            session.get(endpoint.url)
        # And what is refused is tried with the token.
        sent = [request.authorization for request in endpoint.api.seen]
        assert sent[1:] == ["Basic dTpw", sent[0]]


class TestPlaces:
    def test_in_the_query(self, endpoint, watch_off):
        """A client may want it there; it is renewed as anywhere."""
        client = WebApplicationClient("id", default_token_placement="query")
        session, _ = start(endpoint, endpoint.issue(expired=True), client=client)
        response = session.get(endpoint.url)
        assert response.ok
        assert "Authorization" not in response.request.headers

    def test_the_callers_headers_are_not_written_to(self, endpoint):
        """Oauthlib puts the token into the dictionary that it is given."""
        headers = {"X-A": "b"}
        session, _ = start(endpoint, endpoint.issue())
        assert session.get(endpoint.url, headers=headers).ok
        assert headers == {"X-A": "b"}
        assert endpoint.api.seen[-1].headers["x-a"] == "b"

    def test_protected_request_hooks_see_the_new_token(self, endpoint):
        """They run after the renewal, on URL, headers and data."""
        session, _ = start(endpoint, endpoint.issue(expired=True))
        seen = []

        def hook(url, headers, data):
            seen.append(session.access_token in endpoint.valid)
            return f"{url}?hooked=1", {"X-H": "1"}, {"d": "1"}

        session.register_compliance_hook("protected_request", hook)
        session.post(endpoint.url)
        last = endpoint.api.seen[-1]
        assert seen == [True]
        assert (last.path, last.headers["x-h"], last.body) == (
            "/things?hooked=1",
            "1",
            b"d=1",
        )

    def test_protected_request_hooks_see_the_token_of_the_second_try(
        self, endpoint, watch_off
    ):
        """After a 401 they run again, on what the caller gave, wherever they put it."""
        session, _ = start(endpoint, endpoint.issue())

        def hook(url, headers, data):
            token = session.access_token
            return f"{url}?t={token}", {**headers, "X-T": token}, {**data, "t": token}

        session.register_compliance_hook("protected_request", hook)
        session.cookies.set("e", "f")
        endpoint.refuse_tokens()
        response = session.post(
            endpoint.url,
            data={"a": "b"},
            headers={"X-A": "b"},
            cookies={"c": "d"},
            params={"p": "q"},
        )
        assert response.ok
        first, _, second = endpoint.api.seen
        new = session.access_token
        assert first.authorization != second.authorization == f"Bearer {new}"
        assert second.path == f"/things?t={new}&p=q"
        assert second.body == f"a=b&t={new}".encode()
        assert second.headers["content-length"] == str(len(second.body))
        assert (second.headers["x-t"], second.headers["x-a"]) == (new, "b")
        assert second.headers["cookie"] == first.headers["cookie"]
        assert set(second.headers["cookie"].split("; ")) == {"c=d", "e=f"}

    def test_hooks_and_a_401_of_a_redirect(self, endpoint):
        """The second try goes to where the first one was led."""
        session, _ = start(endpoint, endpoint.issue())
        session.register_compliance_hook("protected_request", lambda *sent: sent)
        endpoint.api.script = [redirect("/elsewhere"), Reply(401)]
        assert session.get(endpoint.url).json() == {"path": "/elsewhere"}

    @pytest.mark.parametrize("how", ["data", "files"])
    def test_hooks_and_a_401_to_a_file(self, endpoint, tmp_path, how):
        """The file goes along as it was: it has been read to its end."""
        path = tmp_path / "file"
        path.write_bytes(b"c0ntent")
        session, _ = start(endpoint, endpoint.issue())
        session.register_compliance_hook("protected_request", lambda *sent: sent)
        endpoint.refuse_tokens()
        with path.open("rb") as file:
            given = {"file": file} if how == "files" else file
            assert session.post(endpoint.url, **{how: given}).ok
        first, _, second = endpoint.api.seen
        assert first.body == second.body
        assert b"c0ntent" in second.body

    def test_hooks_see_the_new_token_where_no_refresh_token_is_known(self, endpoint):
        """There too they run after the renewal."""
        session, _ = start(endpoint, endpoint.issue(expired=True, refresh_token=None))
        seen = []
        session.register_compliance_hook(
            "protected_request",
            lambda *sent: seen.append(session.access_token) or sent,
        )
        endpoint.answers = [json_reply({"access_token": "abcd"})]
        session.get(endpoint.url)
        assert seen[-1] == "abcd"

    def test_without_token(self, endpoint):
        """withhold_token sends none, and nothing is renewed for it."""
        session, _ = start(endpoint, endpoint.issue(expired=True))
        assert session.get(endpoint.url, withhold_token=True).status_code == 401
        assert endpoint.api.seen[-1].authorization is None
        assert OAuth2Session("id").get(endpoint.url).status_code == 401


class TestFailures:
    @pytest.mark.parametrize(
        ("reply", "kinds"),
        [
            (refusal("invalid_grant"), (InvalidGrantError, TokenExpiredError)),
            (refusal("invalid_client", 401), (InvalidClientError,)),
            (refusal("odd_code"), (OAuth2Error,)),
            (Reply(502, (), b"<html>"), (MissingTokenError, errors.ServerError)),
            (Reply(503), (MissingTokenError, errors.TemporarilyUnavailableError)),
            (redirect("https://b.example"), (MissingTokenError, errors.OAuthAuthError)),
        ],
    )
    def test_what_the_server_says(self, endpoint, reply, kinds):
        """The error is oauthlib's, and ours."""
        session, saved = start(endpoint, endpoint.issue(expired=True))
        endpoint.answers = [reply, reply]
        with pytest.raises(errors.OAuthAuthError) as caught:
            session.get(endpoint.url)
        for kind in kinds:
            assert isinstance(caught.value, kind)
        if InvalidGrantError in kinds:
            assert caught.value.error == "invalid_grant"
        assert pickle.loads(pickle.dumps(caught.value)).args == caught.value.args
        assert saved == []
        assert "id" in str(caught.value) or "127.0.0.1" in str(caught.value)

    def test_no_server(self, endpoint):
        """It is an error of requests too, so that existing retry code works."""
        url = "http://127.0.0.1:1/token"
        session, _ = start(endpoint, endpoint.issue(expired=True), auto_refresh_url=url)
        with pytest.raises(requests.ConnectionError) as caught:
            session.get(endpoint.url)
        assert isinstance(caught.value, errors.EndpointUnreachable)
        assert not caught.value.outcome_unknown

    def test_a_server_that_does_not_answer(self, endpoint):
        """A timeout is requests' Timeout; the login stays, and is asked once more."""
        session, _ = start(endpoint, endpoint.issue(expired=True))
        ended = threading.Event()
        endpoint.answers = [lambda _: ended.wait(30) and Reply(500)] * 2
        with pytest.raises(requests.Timeout) as caught:
            session.get(endpoint.url, timeout=0.2)
        ended.set()
        assert isinstance(caught.value, requests.ConnectionError)
        assert caught.value.outcome_unknown

    def test_a_server_that_dribbles(self, endpoint, ended):
        """The timeouts of requests start anew with every byte; a renewal has an end."""
        session, _ = start(endpoint, endpoint.issue(expired=True))

        def dribble():
            while not ended.wait(0.05):
                yield b" "

        endpoint.answers = [Reply(200, (), dribble()) for _ in range(2)]
        with pytest.raises(requests.Timeout) as caught:
            session.get(endpoint.url, timeout=0.1)
        assert isinstance(caught.value, errors.EndpointUnreachable)
        assert caught.value.outcome_unknown

    def test_a_renewal_that_comes_too_late_is_not_sent(self, endpoint):
        """Whoever waited was told that it had failed."""
        session, _ = start(endpoint, endpoint.issue(expired=True))
        late, prepare = threading.Event(), session.prepare_request
        session.prepare_request = lambda r: late.wait(30) and prepare(r)
        with pytest.raises(requests.Timeout):
            session.get(endpoint.url, timeout=0.1)
        threads = [t for t in threading.enumerate() if "exchange" in t.name]
        late.set()
        for thread in threads:
            thread.join(30)
        assert threads
        assert endpoint.asked == []

    def test_plain_http_to_the_token_endpoint(self, endpoint):
        """Nothing is sent in clear."""
        session, _ = start(
            endpoint, endpoint.issue(expired=True), auto_refresh_url="http://a.example"
        )
        with pytest.raises(InsecureTransportError):
            session.get(endpoint.url)

    def test_a_refresh_by_hand_in_clear_is_not_held_against_the_login(self, endpoint):
        """It is refused before anything is prepared."""
        session, _ = start(endpoint, endpoint.issue(expired=True))
        with pytest.raises(InsecureTransportError):
            session.refresh_token("http://a.example")
        assert session.get(endpoint.url).ok

    def test_a_hook_that_fails_before_anything_is_sent(self, endpoint):
        """Its error is the script's, and nothing is held against the login."""
        session, _ = start(endpoint, endpoint.issue(expired=True))

        def fail(url, headers, body):
            raise ZeroDivisionError

        session.register_compliance_hook("refresh_token_request", fail)
        with pytest.raises(ZeroDivisionError):
            session.get(endpoint.url)
        session.compliance_hook["refresh_token_request"].clear()
        assert session.get(endpoint.url).ok

    def test_a_hook_that_fails_at_the_answer_costs_no_token(self, endpoint, caplog):
        """The refresh token has been spent by then."""
        session, saved = start(endpoint, endpoint.issue(expired=True))

        def fail(answer):
            raise ZeroDivisionError

        session.register_compliance_hook("refresh_token_response", fail)
        assert session.get(endpoint.url).ok
        assert "ZeroDivisionError" in caplog.text
        assert len(saved) == 1
        endpoint.answers = [refusal("invalid_grant")]
        session.token = {**session.token, "expires_at": 1.0}
        with pytest.raises(ZeroDivisionError):
            session.get(endpoint.url)

    @pytest.mark.parametrize("lost", [False, True])
    def test_a_hook_that_hangs_is_left_behind(
        self, endpoint, caplog, ended, monkeypatch, lost
    ):
        """The record's lock is not kept for it, and the answer counts as it came."""
        session, _ = start(endpoint, endpoint.issue(expired=True))
        seconds = itertools.cycle([30.0, 0.05])  # for an exchange, and its hooks
        monkeypatch.setattr(reach, "Watch", lambda _: Watch(next(seconds)))
        session.register_compliance_hook(
            "refresh_token_response", lambda answer: ended.wait(30) and answer
        )
        if lost:
            endpoint.answers = [json_reply({"accessToken": "abcd"})] * 2
            with pytest.raises(TimeoutError, match="hook has not returned"):
                session.get(endpoint.url)
        else:
            assert session.get(endpoint.url).ok
            assert "TimeoutError" in caplog.text

    def test_hooks_that_return_nonsense_cost_no_token(self, endpoint, caplog):
        """What came before them counts."""
        session, _ = start(endpoint, endpoint.issue(expired=True))
        session.register_compliance_hook("refresh_token_response", lambda _: None)
        assert session.get(endpoint.url).ok
        assert "AttributeError" in caplog.text

    def test_an_adapter_of_the_scripts_own_that_fails(self, endpoint):
        """Its error comes out as it is."""
        session, _ = start(endpoint, endpoint.issue(expired=True))

        class Failing(requests.adapters.HTTPAdapter):
            def send(self, request, **kwargs):
                raise ZeroDivisionError

        session.mount(endpoint.api.origin, Failing())
        with pytest.raises(ZeroDivisionError):
            session.get(endpoint.url)

    def test_what_fails_at_first_is_no_ones_fault_later(self, endpoint, caplog):
        """A second exchange that succeeds makes the first one's failure void."""
        session, _ = start(endpoint, endpoint.issue(expired=True))
        failures = [ZeroDivisionError()]

        class Failing(requests.adapters.HTTPAdapter):
            def send(self, request, **kwargs):
                if failures:
                    raise failures.pop()
                return super().send(request, **kwargs)

        session.mount(endpoint.api.origin, Failing())
        assert session.get(endpoint.url).ok
        assert "ZeroDivisionError" not in caplog.text

    def test_redirects_of_the_token_endpoint(self, endpoint, serve):
        """They are not followed: the refresh token would go along."""
        elsewhere = serve()
        session, _ = start(endpoint, endpoint.issue(expired=True))
        endpoint.answers = [redirect(elsewhere.url, 307)] * 2
        with pytest.raises(OAuth2Error, match="redirect"):
            session.get(endpoint.url)
        assert elsewhere.seen == []


class TestDoubles:
    """Suites for requests-oauthlib put doubles in place of servers."""

    def test_a_session_whose_send_is_replaced(self, monkeypatch):
        """An answer may have a text and nothing else; the switch for http counts."""
        monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
        members = {"access_token": "n3w-token-0001", "refresh_token": "n3xt-token-1"}
        sent = []

        def send(request, **_):
            sent.append((request.url, request.headers.get("Authorization")))
            return mock.MagicMock(text=json.dumps({**members, "expires_in": 60}))

        saved = []
        session = OAuth2Session(
            "id",
            token={
                "access_token": "a",
                "refresh_token": "0ld-token-0001",
                "expires_at": 1,
            },
            auto_refresh_url="http://a.example/token",
            token_updater=saved.append,
        )
        session.send = send
        session.get("http://b.example/")
        assert sent == [
            ("http://a.example/token", None),
            ("http://b.example/", "Bearer n3w-token-0001"),
        ]
        assert members.items() <= saved[0].items()


class TestTheSessionsOwnSettings:
    def test_adapters(self, endpoint):
        """The token request goes through the session's adapter, without its retries."""
        seen = []

        class Adapter(requests.adapters.HTTPAdapter):
            def __init__(self):
                retries = requests.adapters.Retry(5, allowed_methods=None)
                super().__init__(max_retries=retries)
                self.mine = True

            def send(self, request, **kwargs):
                seen.append((self.mine, self.max_retries.total, request.path_url))
                return super().send(request, **kwargs)

        session, _ = start(endpoint, endpoint.issue(expired=True))
        session.mount(endpoint.api.origin, Adapter())
        assert session.get(endpoint.url).ok
        assert seen == [(True, 0, "/token"), (True, 5, "/things")]

    def test_verify_cert_proxies_and_timeout(self, endpoint):
        """The request's and the session's hold for the token endpoint too. M63."""
        seen = []

        class Adapter(requests.adapters.HTTPAdapter):
            def send(self, request, **kwargs):
                seen.append(kwargs)
                return super().send(request, timeout=30)

        session, _ = start(endpoint, endpoint.issue(expired=True))
        session.mount(endpoint.api.origin, Adapter())
        session.verify = "session.pem"
        options = {"cert": "c.pem", "proxies": {"ftp": "http://p"}, "timeout": (7, 8)}
        session.get(endpoint.url, **options)
        assert len(seen) == 2
        for kwargs in seen:
            assert dict(kwargs["proxies"]) == options["proxies"]
            assert kwargs["verify"] == "session.pem"
            assert (kwargs["cert"], kwargs["timeout"]) == ("c.pem", (7, 8))

    @pytest.mark.parametrize(
        ("given", "used", "total"),
        [
            (None, 10.0, 10.0),
            (7, 7, 14.0),
            (Timeout(6), Timeout(6), 6.0),
            (Timeout(None, 5, 6), Timeout(None, 5, 6), 11.0),
            ((3, 4), (3, 4), 7.0),
            ((3, None), (3, 10.0), 13.0),
            ((None, None), (10.0, 10.0), 20.0),
        ],
    )
    def test_a_renewal_never_waits_for_ever(self, endpoint, given, used, total):
        """Others wait for it, so it has a timeout where the request names none."""
        seen = []
        session, _ = start(endpoint, endpoint.issue(expired=True))
        adapter = session.get_adapter(endpoint.url)
        send = adapter.send

        def watched(request, **kwargs):
            seen.append(kwargs["timeout"])
            return send(request, **kwargs)

        adapter.send = watched
        session.get(endpoint.url, timeout=given)
        assert [str(each) for each in seen] == [str(used), str(given)]
        assert Call("", {"timeout": given}).timeout == total

    def test_others_wait_for_the_hooks_too(self, endpoint):
        """Each exchange may be followed by hooks that take as long."""
        session, _ = start(endpoint, endpoint.issue())
        exchange = reach.SessionReach(session, Call("", {"timeout": 3}))
        assert exchange.timeout == 6.0
        session.register_compliance_hook("refresh_token_response", lambda a: a)
        assert exchange.timeout == 12.0

    def test_hooks_find_the_callers_context(self, endpoint):
        """A web framework's request, say, which is a context variable."""
        variable = contextvars.ContextVar("variable", default="lost")
        seen = []
        session, _ = start(endpoint, endpoint.issue(expired=True))
        session.register_compliance_hook(
            "refresh_token_request", lambda *a: seen.append(variable.get()) or a
        )
        session.register_compliance_hook(
            "refresh_token_response", lambda a: seen.append(variable.get()) or a
        )
        session.hooks["response"].append(lambda a, **_: seen.append(variable.get()))
        variable.set("found")
        session.get(endpoint.url)
        # The last is that of the request itself.
        assert seen == ["found"] * 4

    def test_a_hook_that_uses_the_session_gets_the_old_token(self, endpoint):
        """It would wait for itself otherwise."""
        session, _ = start(endpoint, endpoint.issue(expired=True))
        seen = []

        def hook(url, headers, body):
            seen.append(session.get(endpoint.url).status_code)
            return url, headers, body

        session.register_compliance_hook("refresh_token_request", hook)
        assert session.get(endpoint.url).ok
        assert seen == [200]

    def test_a_session_without_client_id(self, endpoint):
        """Some scripts name it in auto_refresh_kwargs only, or nowhere."""
        for kwargs in ({"client_id": "there"}, {}):
            session = OAuth2Session(
                token=endpoint.issue(expired=True),
                auto_refresh_url=endpoint.token_url,
                auto_refresh_kwargs=kwargs,
                token_updater=print,
            )
            session.token_updater = lambda _: None
            assert session.get(endpoint.url).ok

    def test_a_login_that_is_not_asked_for_a_token_reads_no_store(
        self, endpoint, monkeypatch
    ):
        """A request with a fresh token touches no disk."""
        session, _ = start(endpoint, endpoint.issue())
        session.get(endpoint.url)

        def refuse(*_):
            raise AssertionError("the store was read")

        monkeypatch.setattr(FileStore, "read", refuse)
        monkeypatch.setattr(shared, "_seed_of", refuse)
        assert session.get(endpoint.url).ok
