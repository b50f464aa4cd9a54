"""Web applications: people log in by the hundred, each with an account of their own."""

import asyncio
import functools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import anyio
import anyio.to_thread
import pytest
import requests

from oauth_auth import (
    AuthorizationCode,
    ClientCredentials,
    FileStore,
    OAuthAuth,
    errors,
)
from oauth_auth.login.pending import PendingLogin
from tests.login.people import app, device_app, follow, params_of, token_requests
from tests.secrecy.watch import watch

CALLBACK = "https://app.example/callback"


def web(server, **options):
    options.setdefault("redirect_uri", CALLBACK)
    return app(server, **options)


def log_in(auth, account):
    """Do what the two views of a web application do."""
    url, pending = auth.authorization_url(login_hint=account)
    session = pending.to_dict()
    return auth.fetch_token(
        authorization_response=follow(url), pending=session, account=account
    )


def who(server, auth):
    return requests.get(server.api_url, auth=auth, timeout=30).json()["sub"]


class TestTwoViews:
    def test_each_person_has_a_token(self, server, tmp_path):
        """Two people's logins under one client never meet."""
        auth = web(server, store=FileStore(tmp_path))
        for name in ("bob", "eve"):
            log_in(auth, name)
        for name in ("bob", "eve"):
            assert who(server, auth.for_account(name)) == name
        with pytest.raises(errors.LoginRequired):
            auth.for_account("mallory").token()
        with pytest.raises(errors.LoginRequired):
            auth.token()

    def test_the_pending_object_itself(self, server):
        """The pending object will do where a session holds objects."""
        auth = web(server, account="1")
        url, pending = auth.authorization_url()
        assert isinstance(pending, PendingLogin)
        token = auth.fetch_token(authorization_response=follow(url), pending=pending)
        assert auth.token() == token

    def test_redirect_uri_of_the_call(self, server):
        """A view may name the redirect URI itself, as it knows its own URL."""
        auth = app(server, account="1")
        uri = "https://other.example/back?x=1"
        url, pending = auth.authorization_url(redirect_uri=uri)
        assert params_of(url)["redirect_uri"] == uri
        assert auth.fetch_token(authorization_response=follow(url), pending=pending)

    def test_who_it_is_stays_unseen(self, server):
        """Hints of the person, and of an earlier login, are in no frame of an error."""
        hint = "Zk3fT9aQw7LpXn2Vb8Ry"
        watch.learn(hint)
        auth = web(server, account="1")
        for extra in ({"state": "x"}, {"max_age": 7}):
            options = {"id_token_hint": hint, **extra}
            with pytest.raises(errors.ConfigurationError):
                auth.authorization_url(**options)
            with pytest.raises(errors.ConfigurationError):
                anyio.run(functools.partial(auth.aauthorization_url, **options))

    def test_no_redirect_uri(self, server):
        """Without one there is nowhere to come back to."""
        with pytest.raises(errors.ConfigurationError, match="has no redirect_uri"):
            app(server).authorization_url()

    def test_no_account(self, server):
        """A web application has to say whose login it is, before the code is sent."""
        auth = web(server)
        url, pending = auth.authorization_url()
        with pytest.raises(errors.ConfigurationError, match="whose login"):
            auth.fetch_token(authorization_response=follow(url), pending=pending)
        assert token_requests(server) == 0
        assert auth.fetch_token(
            authorization_response=follow(url), pending=pending, account="1"
        ), "the login is not used up by the application's mistake"

    @pytest.mark.parametrize("session", [None, {}, {"state": "x"}, "text"])
    def test_an_empty_session(self, server, session):
        """A session that has expired meanwhile is told apart from a forged answer."""
        auth = web(server, account="1")
        url, _ = auth.authorization_url()
        with pytest.raises(errors.ConfigurationError, match="no pending login"):
            auth.fetch_token(authorization_response=follow(url), pending=session)
        assert token_requests(server) == 0

    def test_other_grants(self, server):
        """Only AuthorizationCode has an authorization URL."""
        machine = OAuthAuth(
            ClientCredentials(
                server.issuer, client_id="client", client_secret="p+s/w:r=d %41&~"
            )
        )
        for auth in (machine, device_app(server)):
            with pytest.raises(errors.ConfigurationError, match="AuthorizationCode"):
                auth.authorization_url(redirect_uri=CALLBACK)
            with pytest.raises(errors.ConfigurationError, match="AuthorizationCode"):
                auth.fetch_token(
                    authorization_response="", pending=PendingLogin(CALLBACK)
                )

    def test_on_token(self, server):
        """on_token tells of the new token in the caller's thread."""
        told = []
        auth = web(server, on_token=told.append)
        token = log_in(auth, "bob")
        assert told == [token]

    def test_a_login_while_the_person_has_one(self, server):
        """Logging in again replaces the person's login, for objects that exist too."""
        auth = web(server)
        first = log_in(auth, "bob")
        bob = auth.for_account("bob")
        assert bob.token() == first
        second = log_in(auth, "bob")
        assert bob.token() == second != first

    def test_another_worker_process(self, server, tmp_path):
        """The second view may run in another process than the first."""
        auth = web(server, store=FileStore(tmp_path))
        url, pending = auth.authorization_url()
        other = web(server, store=FileStore(tmp_path))
        other.fetch_token(
            authorization_response=follow(url),
            pending=dict(pending.to_dict()),
            account="bob",
        )
        assert who(server, auth.for_account("bob")) == "alice"


def test_hundreds_of_accounts(server, tmp_path):
    """Hundreds of people log in at once in one process, and keep their own tokens."""
    auth = web(server, store=FileStore(tmp_path))
    names = [f"person-{number}" for number in range(200)]
    before = threading.active_count()
    with ThreadPoolExecutor(16) as pool:
        tokens = list(pool.map(lambda name: log_in(auth, name), names))
    assert len({token.access_token for token in tokens}) == 200
    for name, token in zip(names, tokens, strict=True):
        assert auth.for_account(name).token() == token
    assert who(server, auth.for_account(names[77])) == names[77]
    assert threading.active_count() <= before, "no thread is kept for any of them"
    assert server.counts().codes_redeemed == 200


BACKENDS = pytest.mark.parametrize("backend", ["asyncio", "trio"])


class TestTwins:
    @BACKENDS
    def test_web_application(self, server, backend):
        """The awaitable twins do the same."""
        auth = web(server)

        async def main():
            url, pending = await auth.aauthorization_url(login_hint="bob")
            back = await anyio.to_thread.run_sync(follow, url)
            token = await auth.afetch_token(
                authorization_response=back, pending=pending.to_dict(), account="bob"
            )
            assert await auth.for_account("bob").atoken() == token
            with pytest.raises(errors.MismatchingStateError):
                await auth.afetch_token(
                    authorization_response=back, pending=pending, account="bob"
                )
            with pytest.raises(errors.ConfigurationError):
                await auth.afetch_token(authorization_response=back, pending={})
            other = await auth.aauthorization_url(redirect_uri="https://b.example/")
            assert params_of(other[0])["redirect_uri"] == "https://b.example/"

        anyio.run(main, backend=backend)

    @BACKENDS
    def test_login(self, server, browser, backend):
        """alogin opens the browser too, and blocks no loop."""
        auth = app(server)
        ticks = []

        async def tick():
            while True:
                ticks.append(1)
                await anyio.sleep(0.001)

        async def main():
            async with anyio.create_task_group() as group:
                group.start_soon(tick)
                token = await auth.alogin(show=lambda url: None)
                group.cancel_scope.cancel()
            assert await auth.atoken() == token

        anyio.run(main, backend=backend)
        assert len(ticks) > 2
        assert len(browser.opened) == 1

    @BACKENDS
    def test_errors_reach_the_task(self, server, backend):
        """What goes wrong is raised as it is, in no group of exceptions."""
        server.configure(authorization_error="access_denied")
        auth = app(server)
        with pytest.raises(errors.AccessDeniedError):
            anyio.run(auth.alogin, backend=backend)

    @BACKENDS
    def test_by_hand(self, server, backend):
        """ask and timeout are passed on."""

        async def main():
            return await app(server).alogin(ask=follow, timeout=5.0)

        assert anyio.run(main, backend=backend).access_token


class TestCancelling:
    """A task that is cancelled takes its login with it."""

    @BACKENDS
    @pytest.mark.parametrize("kind", ["browser", "device", "waiting"])
    def test_a_cancelled_login(self, server, browser, monkeypatch, backend, kind):
        """No port, thread or lock is left behind by a task that was cancelled."""
        shown = threading.Event()
        monkeypatch.setattr(browser, "open", lambda url: shown.set() or True)
        auth = device_app(server) if kind == "device" else app(server)

        async def main():
            async with anyio.create_task_group() as group:

                async def log_in():
                    await auth.alogin(show=lambda said: shown.set())

                group.start_soon(log_in)
                await anyio.to_thread.run_sync(shown.wait, 30)
                if kind == "waiting":
                    with anyio.move_on_after(0.05):
                        await app(server, store=auth._store).alogin()
                group.cancel_scope.cancel()

        anyio.run(main, backend=backend)
        monkeypatch.undo()
        source = auth._resolved()
        with source.store.lock(f"{source.record_id}-login", timeout=0) as transaction:
            assert transaction.read().mark is None, "that was nobody's refusal"

    def test_a_cancelled_asyncio_task(self, server, browser, monkeypatch):
        """asyncio's own way to cancel ends it as well."""
        shown = threading.Event()
        monkeypatch.setattr(browser, "open", lambda url: shown.set() or True)
        auth = app(server)

        async def main():
            task = asyncio.create_task(auth.alogin(show=lambda url: None))
            await asyncio.to_thread(shown.wait, 30)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())


class TestThreads:
    def test_not_the_applications_threads(self, server):
        """60 people's logins under way take none of the threads of anyio's pool.

        FastAPI runs its synchronous views there, 40 at a time; with all of them
        waiting for logins the application would stand still.
        """
        auth = web(server)
        people = 60
        server.token_faults.delay(before=0.3, times=None)

        async def main():
            limiter = anyio.to_thread.current_default_thread_limiter()
            limiter.total_tokens = 1
            browsers = anyio.CapacityLimiter(people)
            started = anyio.Event()
            finished = []

            async def log_in_there(name):
                url, pending = await auth.aauthorization_url(login_hint=name)
                there = await anyio.to_thread.run_sync(follow, url, limiter=browsers)
                await auth.afetch_token(
                    authorization_response=there,
                    pending=pending.to_dict(),
                    account=name,
                )
                finished.append(name)

            def occupy():
                anyio.from_thread.run_sync(started.set)
                go_on.wait(60)

            async with anyio.create_task_group() as application:
                # The application's one thread is busy until all have logged in.
                application.start_soon(anyio.to_thread.run_sync, occupy)
                await started.wait()
                async with anyio.create_task_group() as logins:
                    for number in range(people):
                        logins.start_soon(log_in_there, f"person-{number}")
                assert len(finished) == people
                assert limiter.borrowed_tokens == 1, "the application's own"
                go_on.set()

        go_on = threading.Event()
        try:
            anyio.run(main)
        finally:
            go_on.set()
        assert server.counts().codes_redeemed == people


def test_a_grant_can_be_built_for_every_request(server):
    """An object per request finds the same login: nothing has to be global."""

    def fresh():
        grant = AuthorizationCode(
            server.issuer, client_id="public", redirect_uri=CALLBACK
        )
        return OAuthAuth(grant, store=store, account="bob")

    store = web(server)._store
    url, pending = fresh().authorization_url()
    token = fresh().fetch_token(authorization_response=follow(url), pending=pending)
    assert fresh().token() == token
    assert token.expires_at > time.time()
