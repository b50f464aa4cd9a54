"""interactive=True: a request without a usable token has a person log in."""

import logging
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import anyio
import anyio.to_thread
import httpx
import httpx2
import pytest
import requests

from oauth_auth import ClientCredentials, FileStore, MemoryStore, OAuthAuth, errors
from oauth_auth.login import device, interactive
from tests.http_clients.logins import use_up
from tests.login.people import app, device_app, token_requests

GETS = {"requests": requests.get, "httpx": httpx.get, "httpx2": httpx2.get}
LIBRARIES = pytest.mark.parametrize("library", [*GETS])


def asked(server, auth, library="requests"):
    return GETS[library](server.api_url, auth=auth, timeout=30).json()["sub"]


class TestNotAllowed:
    """Without it no request ever opens a browser. M98e."""

    @LIBRARIES
    def test_a_request(self, server, browser, library):
        """A request without a token raises, and says what to call."""
        auth = app(server)
        with pytest.raises(errors.LoginRequired, match=r"auth\.login\(\)"):
            asked(server, auth, library)
        assert browser.opened == []
        assert server.counts().authorization_requests == 0

    @pytest.mark.parametrize("library", ["httpx", "httpx2"])
    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    def test_an_async_request(self, server, browser, library, backend):
        """Nor does a task."""

        async def main():
            module = {"httpx": httpx, "httpx2": httpx2}[library]
            async with module.AsyncClient(auth=app(server)) as client:
                with pytest.raises(errors.LoginRequired):
                    await client.get(server.api_url)

        anyio.run(main, backend=backend)
        assert browser.opened == []

    def test_a_login_that_has_ended(self, server, browser):
        """Nor when the server ends the login."""
        auth = app(server)
        server.revoke_family(auth.login().refresh_token)
        browser.opened.clear()
        for ask in (auth.renew, lambda: asked(server, auth)):
            with pytest.raises(errors.LoginRequired):
                ask()
        assert browser.opened == []

    def test_it_is_said_in_the_log(self, server, caplog):
        """SDKs hide exceptions, so the log has it, once."""
        auth = app(server)
        for _ in range(3):
            with pytest.raises(errors.LoginRequired):
                auth.token()
        (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
        assert "log in again" in record.message


class TestAllowed:
    @LIBRARIES
    def test_a_request(self, server, browser, library):
        """The first request has the person log in, and is then answered."""
        auth = app(server, interactive=True)
        assert asked(server, auth, library) == "alice"
        assert asked(server, auth, library) == "alice"
        assert len(browser.opened) == 1

    @pytest.mark.parametrize("library", ["httpx", "httpx2"])
    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    def test_an_async_request(self, server, browser, library, backend):
        """So does the first of many tasks, for all of them."""
        auth = app(server, interactive=True)
        module = {"httpx": httpx, "httpx2": httpx2}[library]

        async def main():
            async with module.AsyncClient(auth=auth) as client:

                async def get():
                    answers.append(await client.get(server.api_url, timeout=30))

                async with anyio.create_task_group() as group:
                    for _ in range(4):
                        group.start_soon(get)

        answers = []
        anyio.run(main, backend=backend)
        assert [answer.status_code for answer in answers] == [200] * 4
        assert len(browser.opened) == 1

    def test_the_token_methods(self, server, browser):
        """Whatever asks for a token counts as a request."""
        auth = app(server, interactive=True)
        assert auth.access_token() == auth.token().access_token
        auth.logout()
        assert auth.renew().access_token
        auth.logout()
        assert anyio.run(auth.atoken).access_token
        assert len(browser.opened) == 3

    def test_on_token(self, server):
        """on_token tells of what the login brought."""
        told = []
        auth = app(server, interactive=True, on_token=told.append)
        assert told == [auth.token()]

    def test_a_login_that_ends_in_between(self, server, browser):
        """A login that the server has ended is begun anew, behind one 401."""
        auth = app(server, interactive=True)
        asked(server, auth)
        server.revoke_family(auth.token().refresh_token)
        assert asked(server, auth) == "alice"
        assert len(browser.opened) == 2

    def test_no_login_while_there_is_a_token(self, server, browser):
        """An expired token is renewed, and nobody asked."""
        auth = app(server, interactive=True)
        asked(server, auth)
        use_up(auth)
        asked(server, auth)
        assert len(browser.opened) == 1
        assert server.counts().refreshes_granted == 1

    def test_trouble_is_no_reason(self, server, browser):
        """A server that cannot be reached is no reason to log in."""
        auth = app(server, interactive=True)
        asked(server, auth)
        use_up(auth)
        server.token_faults.drop("before", times=None)
        with pytest.raises(errors.EndpointUnreachable):
            auth.token()
        assert len(browser.opened) == 1

    def test_a_machine(self, server, browser):
        """Where no person is needed, none is asked."""
        grant = ClientCredentials(server.issuer, client_id="client", client_secret="x")
        auth = OAuthAuth(grant, store=MemoryStore(), interactive=True)
        with pytest.raises(errors.InvalidClientError):
            auth.token()
        assert browser.opened == []

    def test_by_device(self, server, capsys, monkeypatch):
        """A machine without a browser shows a code instead."""
        server.configure(device_interval=0.0, device_response={"interval": 0.01})
        honest = device.ask_for_device_code

        def ask(*args):
            answer = honest(*args)
            server.approve_device(answer.user_code)
            return answer

        monkeypatch.setattr(device, "ask_for_device_code", ask)
        assert asked(server, device_app(server, interactive=True)) == "alice"
        assert "enter the code" in capsys.readouterr().err


class TestRefusal:
    def test_requests_do_not_ask_again_at_once(self, server, browser, monkeypatch):
        """After the person's no the next requests do not open one window each."""
        server.configure(authorization_error="access_denied")
        auth = app(server, interactive=True)
        for _ in range(5):
            with pytest.raises(errors.AccessDeniedError):
                asked(server, auth)
        assert len(browser.opened) == 1
        server.configure(authorization_error=None)
        name = f"{auth._resolved().record_id}-login"
        with auth._store.lock(name, timeout=5) as transaction:
            mark = transaction.read().mark
            transaction.mark(mark._replace(written_at=mark.written_at - 61))
        assert asked(server, auth) == "alice"

    def test_who_logs_in_by_hand_may(self, server, browser):
        """A login that somebody asks for is not put off."""
        server.configure(authorization_error="access_denied")
        auth = app(server, interactive=True)
        with pytest.raises(errors.AccessDeniedError):
            asked(server, auth)
        server.configure(authorization_error=None)
        auth.login()
        auth.logout()
        assert asked(server, auth) == "alice", "what is past is forgotten"

    def test_a_cancelled_task(self, server, browser, monkeypatch):
        """A request that is cancelled takes its login with it."""
        shown = threading.Event()
        monkeypatch.setattr(browser, "open", lambda url: shown.set() or True)
        auth = app(server, interactive=True)

        async def main():
            async with httpx.AsyncClient(auth=auth) as client:
                async with anyio.create_task_group() as group:
                    group.start_soon(client.get, server.api_url)
                    await anyio.to_thread.run_sync(shown.wait, 30)
                    group.cancel_scope.cancel()

        anyio.run(main)


class TestMany:
    def test_threads(self, server, browser, monkeypatch):
        """Many threads' first requests open one browser. M98e."""
        monkeypatch.setattr(interactive, "_LOOK", 0.005)
        store = MemoryStore()
        auths = [app(server, store=store, interactive=True) for _ in range(8)]
        barrier = threading.Barrier(8)

        def ask(auth):
            barrier.wait(30)
            return asked(server, auth)

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(ask, auths)) == ["alice"] * 8
        assert len(browser.opened) == 1
        assert token_requests(server) == 1

    def test_a_worker_that_comes_late(self, server, browser, monkeypatch):
        """Whoever failed to find a token before the login was finished adopts it."""
        store = MemoryStore()
        late = app(server, store=store, interactive=True)
        honest = type(late)._log_in_for_request

        def held_up(self, *args):
            app(server, store=store).login()  # while this worker was held up
            return honest(self, *args)

        monkeypatch.setattr(type(late), "_log_in_for_request", held_up)
        assert asked(server, late) == "alice"
        assert len(browser.opened) == 1


def test_it_travels(server, tmp_path):
    """The setting goes with copies for other accounts, and into pickles."""
    auth = app(server, store=FileStore(tmp_path), interactive=True)
    assert auth.for_account("7")._interactive
    assert pickle.loads(pickle.dumps(auth))._interactive
    assert not app(server)._interactive
