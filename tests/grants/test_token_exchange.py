"""TokenExchange: what is sent, and where its tokens come from."""

import base64
import json
import threading
import time

import anyio
import httpx
import pytest

from oauth_auth import (
    ClientCredentials,
    FileStore,
    FromEnv,
    MemoryStore,
    OAuthAuth,
    RefreshToken,
    TokenExchange,
    errors,
    flight,
    presented,
)
from tests.client_keys import signed
from tests.fake_server import ISSUER, FakeServer

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
TYPE = "urn:ietf:params:oauth:token-type:"


@pytest.fixture
def server():
    return FakeServer(expires_in=100)


def auth_of(server, grant, **settings):
    return OAuthAuth(grant, store=MemoryStore(), http=server.http, **settings)


def test_the_example_of_rfc_8693(server):
    """Section 2.3: request and answer."""
    server.script.append(
        httpx.Response(
            200,
            json={
                "access_token": "eyJhbGciOiJFUzI1NiIsImtpZCI6IjllciJ9.e30.c2ln",
                "issued_token_type": f"{TYPE}access_token",
                "token_type": "Bearer",
                "expires_in": 60,
            },
        )
    )
    seen = []
    real = server._answer

    def http():
        return httpx.Client(
            transport=httpx.MockTransport(lambda r: seen.append(r) or real(r))
        )

    grant = TokenExchange(
        ISSUER,
        client_id="rs08",
        client_secret="long-secure-random-secret",
        resource="https://backend.example.com/api",
        subject_token="accVkjcJyb4BWCxGsndESCJQbdFMogUC5PbRDqceLTC",
    )
    token = OAuthAuth(grant, store=MemoryStore(), http=http).token()
    assert server.requests == [
        {
            "grant_type": EXCHANGE,
            "resource": "https://backend.example.com/api",
            "subject_token": "accVkjcJyb4BWCxGsndESCJQbdFMogUC5PbRDqceLTC",
            "subject_token_type": f"{TYPE}access_token",
        }
    ]
    assert (
        seen[-1].headers["authorization"]
        == "Basic " + base64.b64encode(b"rs08:long-secure-random-secret").decode()
    )
    assert token.access_token.startswith("eyJhbGci")
    assert token.extra["issued_token_type"] == f"{TYPE}access_token"
    assert 55 < token.expires_at - time.time() <= 60


def test_the_impersonation_of_rfc_8693(server, monkeypatch):
    """Appendix A.1: a JWT and an audience, by a client that does not authenticate."""
    monkeypatch.setattr(presented.time, "time", lambda: 1441910000.0)
    subject = (
        "eyJhbGciOiJFUzI1NiIsImtpZCI6IjE2In0.eyJhdWQiOiJodHRwczovL2FzLmV4YW1wbGUuY29t"
        "IiwiaXNzIjoiaHR0cHM6Ly9vcmlnaW5hbC1pc3N1ZXIuZXhhbXBsZS5uZXQiLCJleHAiOjE0NDE5M"
        "TA2MDAsIm5iZiI6MTQ0MTkwOTAwMCwic3ViIjoiYmRjQGV4YW1wbGUubmV0Iiwic2NvcGUiOiJvcm"
        "RlcnMgcHJvZmlsZSBoaXN0b3J5In0.PRBg-jXn4cJuj1gmYXFiGkZzRuzbXZ_sDxdE98ddW44ufsb"
        "WLKd3JJ1VZhF64pbTtfjy4VXFVBDaQpKjn5JzAw"
    )
    grant = TokenExchange(
        ISSUER,
        subject_token=subject,
        subject_token_type="jwt",
        audience="urn:example:cooperation-context",
    )
    auth_of(server, grant).token()
    assert server.requests == [
        {
            "grant_type": EXCHANGE,
            "audience": "urn:example:cooperation-context",
            "subject_token": subject,
            "subject_token_type": f"{TYPE}jwt",
        }
    ]
    monkeypatch.setattr(presented.time, "time", lambda: 1441910661.0)
    with pytest.raises(errors.ConfigurationError, match="expired 61 s ago"):
        grant.token_request(grant.server)


def test_the_delegation_of_rfc_8693(server):
    """Appendix A.2: an actor with its own type, and the type that is wanted."""
    grant = TokenExchange(
        ISSUER,
        subject_token="subject-7f3a9b2c",
        subject_token_type="id_token",
        actor_token="actor-4d8e1f6a",
        actor_token_type="urn:example:ticket",
        requested_token_type="jwt",
        scope="a",
        extra={"x": "1"},
    )
    auth_of(server, grant).token()
    assert server.requests == [
        {
            "grant_type": EXCHANGE,
            "subject_token": "subject-7f3a9b2c",
            "subject_token_type": f"{TYPE}id_token",
            "actor_token": "actor-4d8e1f6a",
            "actor_token_type": "urn:example:ticket",
            "requested_token_type": f"{TYPE}jwt",
            "scope": "a",
            "x": "1",
        }
    ]


def test_audiences_and_resources_may_be_several():
    """Section 2.1 has them repeated."""
    grant = TokenExchange(
        ISSUER,
        subject_token="t",
        audience=["a", "b"],
        resource=["https://r.test/1", "https://r.test/2"],
    )
    request = grant.token_request(grant.server)
    assert request["audience"] == ["a", "b"]
    assert request["resource"] == ["https://r.test/1", "https://r.test/2"]


def test_a_token_that_is_no_bearer_token_is_not_sent(server):
    """Section 2.2.1: N_A says that it is for something else."""
    server.script.append(
        httpx.Response(
            200,
            json={
                "access_token": "not-for-apis-5f2d",
                "issued_token_type": f"{TYPE}jwt",
                "token_type": "N_A",
            },
        )
    )
    auth = auth_of(server, TokenExchange(ISSUER, subject_token="t"))
    assert auth.token().token_type == "N_A"
    with pytest.raises(errors.UnsupportedTokenTypeError):
        httpx.get("https://api.test/", auth=auth)


class TestPlaces:
    """Where a subject token may be."""

    def test_each_is_read_at_each_renewal(self, server, tmp_path, monkeypatch):
        """File, variable and function give what they have then."""
        file = tmp_path / "token"
        monkeypatch.setenv("T0KEN", "env-0-3a9f")
        values = []
        grants = [
            TokenExchange(ISSUER, subject_token=file),
            TokenExchange(ISSUER, subject_token=FromEnv("T0KEN")),
            TokenExchange(ISSUER, subject_token=lambda: values[-1]),
        ]
        auths = [auth_of(server, grant, account="me") for grant in grants]
        for number in range(2):
            file.write_text(f"file-{number}-3a9f\n")
            monkeypatch.setenv("T0KEN", f"env-{number}-3a9f")
            values.append(f"function-{number}-3a9f")
            for auth in auths:
                auth.renew()
        assert [form["subject_token"] for form in server.requests] == [
            f"{place}-{number}-3a9f"
            for number in range(2)
            for place in ("file", "env", "function")
        ]

    @pytest.mark.parametrize("content", [None, "", "\n", b"\xff\xfe"])
    def test_one_that_cannot_be_had(self, server, tmp_path, content):
        """Nothing is sent, the place is named, and the next attempt is free."""
        file = tmp_path / "token"
        if content is not None:
            file.write_bytes(
                content if isinstance(content, bytes) else content.encode()
            )
        auth = auth_of(server, TokenExchange(ISSUER, subject_token=file))
        with pytest.raises(errors.ConfigurationError, match=r"/token'?\)? "):
            auth.token()
        assert server.requests == []
        file.write_text("here-now-3a9f")
        assert auth.token().access_token

    def test_a_machine_that_cannot_write(self, server, tmp_path, monkeypatch):
        """With a read-only disk, too, a token that is back is used at once."""
        file = tmp_path / "token"
        store = FileStore(tmp_path / "store")

        class Refusing:
            def __enter__(self):
                raise errors.StoreNotWritable("read-only")

            def __exit__(self, *exc_info):
                raise AssertionError

        monkeypatch.setattr(FileStore, "lock", lambda *a, **k: Refusing())
        grant = TokenExchange(ISSUER, subject_token=file)
        auth = OAuthAuth(grant, store=store, http=server.http)
        with pytest.raises(errors.ConfigurationError, match="/token"):
            auth.token()
        assert server.requests == []
        file.write_text("here-now-3a9f")
        assert auth.token().access_token

    def test_a_function_that_returns_nothing(self, server):
        """An empty text is no token."""
        grant = TokenExchange(ISSUER, subject_token=lambda: " \n")
        with pytest.raises(errors.ConfigurationError, match="is empty"):
            auth_of(server, grant, account="me").token()
        assert server.requests == []

    def test_a_valid_token_is_used_meanwhile(self, server, tmp_path):
        """A subject token that is missing at a renewal costs no request."""
        file = tmp_path / "token"
        file.write_text("first-3a9f")
        server.expires_in = 3600
        auth = auth_of(server, TokenExchange(ISSUER, subject_token=file), leeway=400.0)
        token = auth.access_token()
        file.unlink()
        # Beyond its leeway, and not yet expired.
        auth._source.held.fresh_until = 0.0
        auth._source.held.token.expires_at = time.time() + 100
        assert auth.access_token() == token
        assert server.token_requests == 1

    def test_a_function_that_raises(self, server):
        """Its words may hold a secret; an error of ours is raised as it is."""

        def broken():
            raise RuntimeError("s3cret-word-77")

        def ours():
            raise errors.StoreCorrupt("damaged")

        auth = auth_of(server, TokenExchange(ISSUER, subject_token=broken), account="a")
        with pytest.raises(errors.ConfigurationError, match="raised RuntimeError") as e:
            auth.token()
        assert "s3cret" not in str(e.value)
        auth = auth_of(server, TokenExchange(ISSUER, subject_token=ours), account="b")
        with pytest.raises(errors.StoreCorrupt):
            auth.token()
        assert server.requests == []


def until(condition):
    """Wait for what another thread does, but not for ever."""
    give_up = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.001)


class TestOfAnotherLogin:
    """An OAuthAuth as subject."""

    def subject(self, server, store):
        grant = RefreshToken(ISSUER, client_id="app", refresh_token=server.seed())
        return OAuthAuth(grant, store=store, http=server.http)

    def test_its_access_token_is_exchanged(self, server):
        """And renewed before, where it has expired."""
        store = MemoryStore()
        subject = self.subject(server, store)
        grant = TokenExchange(ISSUER, subject_token=subject)
        auth = OAuthAuth(grant, store=store, http=server.http)
        token = auth.token()
        refresh, exchange = server.requests
        assert refresh["grant_type"] == "refresh_token"
        assert exchange["subject_token"] == subject.access_token()
        assert exchange["subject_token"] != token.access_token
        assert "on_token" not in repr(auth)

    def test_tasks(self, server):
        """The same without blocking the loop."""
        store = MemoryStore()
        grant = TokenExchange(ISSUER, subject_token=self.subject(server, store))
        auth = OAuthAuth(grant, store=store, http=server.http)
        assert anyio.run(auth.atoken).access_token

    def test_one_that_has_ended(self, server):
        """The person is asked for, and nothing is exchanged."""
        store = MemoryStore()
        subject = self.subject(server, store)
        server._live.clear()
        grant = TokenExchange(ISSUER, subject_token=subject)
        with pytest.raises(errors.LoginRequired):
            OAuthAuth(grant, store=store, http=server.http).token()
        assert [f["grant_type"] for f in server.requests] == ["refresh_token"]

    def test_both_renew_at_once(self, server):
        """A renewal of the subject under way on another thread is waited for."""
        store = MemoryStore()
        subject = self.subject(server, store)
        grant = TokenExchange(ISSUER, subject_token=subject)
        auth = OAuthAuth(grant, store=store, http=server.http)
        began, go_on = threading.Event(), threading.Event()

        def slow(form):
            began.set()
            assert go_on.wait(20)
            return server.process(form)

        server.script.append(slow)
        first = threading.Thread(target=subject.token)
        first.start()
        assert began.wait(20)
        tokens = []
        second = threading.Thread(target=lambda: tokens.append(auth.token()))
        second.start()
        # Not before the second one waits for the first.
        waited = flight._state.flights[subject._source._key]
        until(lambda: waited._waiting == 2 or not second.is_alive())
        go_on.set()
        first.join(20)
        second.join(20)
        assert tokens
        grants = [form["grant_type"] for form in server.requests]
        assert grants == ["refresh_token", EXCHANGE]

    def test_a_log_handler_that_uses_the_exchanged_token(self, server, caplog):
        """It gets the old token or an error, and nothing waits for itself."""
        import logging

        store = MemoryStore()
        subject = self.subject(server, store)
        grant = TokenExchange(ISSUER, subject_token=subject)
        auth = OAuthAuth(grant, store=store, http=server.http)
        told = []

        class Handler(logging.Handler):
            def emit(self, record):
                try:
                    told.append(auth.access_token())
                except errors.OAuthAuthError as error:
                    told.append(str(error))

        logger = logging.getLogger("oauth_auth")
        handler = Handler()
        logger.addHandler(handler)
        caplog.set_level("INFO", logger="oauth_auth")
        try:
            assert auth.token().access_token
        finally:
            logger.removeHandler(handler)
        assert any("its own renewal asked for it" in text for text in told)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"subject_token": 5}, "subject token must be text"),
        ({"subject_token": "t", "subject_token_type": "token"}, "neither a URI nor"),
        ({"subject_token": "t", "actor_token_type": "jwt"}, "no actor_token"),
        ({"subject_token": "t", "client_auth": "client_secret_post"}, "no client_id"),
    ],
)
def test_what_cannot_work(arguments, why):
    """It is told when the object is made."""
    with pytest.raises(errors.ConfigurationError, match=why):
        TokenExchange(ISSUER, **arguments)


def test_text_that_only_looks_like_a_jwt(server):
    """A token with two dots in it that is none is sent as it is."""
    for text in ("a.b.c", "a.!!.c", f"a.{base64.b64encode(b'[1]').decode()}.c"):
        auth_of(server, TokenExchange(ISSUER, subject_token=text)).token()
        assert server.requests[-1]["subject_token"] == text
    good = signed({"exp": time.time() + 60})
    auth_of(server, TokenExchange(ISSUER, subject_token=good)).token()
    assert json.dumps(server.requests[-1]["subject_token"])


def test_a_machines_token_is_exchanged(server):
    """Any grant may be behind the subject."""
    store = MemoryStore()
    machine = ClientCredentials(ISSUER, client_id="m", client_secret="s3cr3t-value")
    subject = OAuthAuth(machine, store=store, http=server.http)
    grant = TokenExchange(ISSUER, subject_token=subject)
    auth = OAuthAuth(grant, store=store, http=server.http)
    auth.token()
    auth.renew()
    assert [form["grant_type"] for form in server.requests] == [
        "client_credentials",
        EXCHANGE,
        EXCHANGE,
    ]
