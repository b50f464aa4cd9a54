"""Logging in with the browser of this machine, from login() to the last page."""

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import webbrowser
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from oauth_auth import FileStore, MemoryStore, OAuthAuth, RefreshToken, errors
from oauth_auth.login import loopback
from tests.login.people import (
    app,
    follow,
    params_of,
    token_requests,
    visit,
    with_params,
)
from tests.testing.talk import until

ROOT = Path(__file__).parents[2]
BROWSE = Path(__file__).with_name("browse.py")


class TestLogin:
    def test_from_nothing_to_a_token(self, server, browser, tmp_path):
        """A person logs in, and every request and worker has a token from then on."""
        auth = app(server, store=FileStore(tmp_path), scope="read")
        token = auth.login()
        assert token.scope == "read"
        assert "You are logged in" in browser.page.text
        other = app(server, store=FileStore(tmp_path), scope="read")
        answer = requests.get(server.api_url, auth=other, timeout=30)
        assert answer.json()["sub"] == "alice"
        assert token_requests(server) == 1

    def test_the_url_is_always_shown(self, server, browser, capsys):
        """The URL is printed even where a browser opens, since it may lie. M99a."""
        app(server).login()
        said = capsys.readouterr()
        assert said.out == ""
        assert browser.opened[0] in said.err.split()

    def test_shown_by_the_program(self, server, browser, capsys):
        """A program may show the URL its own way."""
        shown = []
        app(server).login(show=shown.append)
        assert shown == browser.opened
        assert capsys.readouterr().err == ""

    def test_a_program_without_a_console(self, server, monkeypatch):
        """Where nothing can be printed, the browser opens all the same."""
        monkeypatch.setattr(sys, "stderr", None)
        assert app(server).login().access_token

    @pytest.mark.parametrize("trouble", ["raises", "lies", "hangs"])
    def test_browsers_that_do_not_open(self, server, browser, monkeypatch, trouble):
        """Whatever the launch does, the person can open the URL by hand. M99a."""
        go_on = threading.Event()
        honest = browser.open

        def launched(url):
            if trouble == "raises":
                raise OSError("no display")
            return go_on.wait(30) if trouble == "hangs" else True

        monkeypatch.setattr(browser, "open", launched)
        token = app(server).login(show=honest)
        go_on.set()
        assert token.access_token

    def test_denial(self, server, browser):
        """The person's no is an error, and the page says so."""
        server.configure(authorization_error="access_denied")
        with pytest.raises(errors.AccessDeniedError):
            app(server).login()
        assert "Access was refused" in browser.page.text
        assert "as the settings want it" in browser.page.text

    def test_failure(self, server, browser):
        """What goes wrong after the person's yes is on the page, too."""
        server.token_faults.answer(400, {"error": "invalid_client"})
        with pytest.raises(errors.InvalidClientError):
            app(server).login()
        assert "The login failed" in browser.page.text
        assert "invalid_client" in browser.page.text

    def test_an_accident(self, server, browser, monkeypatch):
        """Even an error of our own ends on a page."""

        def fail(*args, **kwargs):
            raise ZeroDivisionError

        monkeypatch.setattr("oauth_auth.login.browser_login.finish", fail)
        with pytest.raises(ZeroDivisionError):
            app(server).login()
        assert "The login failed" in browser.page.text

    def test_nobody_comes(self, server, monkeypatch, browser):
        """After the timeout the login fails, and says what else can be done."""
        monkeypatch.setattr(browser, "open", lambda url: True)
        with pytest.raises(errors.LoginFailed, match=r"within 0\.05 s.*DeviceCode"):
            app(server).login(timeout=0.05)

    @pytest.mark.parametrize("timeout", [0, -1, 600.5, float("nan"), float("inf")])
    @pytest.mark.parametrize("ask", [None, str])
    def test_a_time_that_nobody_has(self, server, browser, timeout, ask):
        """Longer than an answer is taken, the browser is not waited for."""
        with pytest.raises(errors.ConfigurationError, match="at most 600 s"):
            app(server).login(timeout=timeout, ask=ask)
        assert browser.opened == []

    @pytest.mark.skipif(sys.platform == "win32", reason="names a program of POSIX")
    def test_a_browser_that_is_waited_for(self, server, browser, monkeypatch, tmp_path):
        """A program that BROWSER names loads the page while its launch waits. M99a."""
        (tmp_path / "go").touch()
        command = [sys.executable, BROWSE, tmp_path / "log", tmp_path / "go", "%s"]
        waits = webbrowser.GenericBrowser(list(map(str, command)))
        waiting = []

        def opened(url):
            waiting.append(url)
            waits.open(url)
            waiting.remove(url)

        monkeypatch.setattr(browser, "open", opened)
        assert app(server).login(show=lambda url: None).access_token
        until(lambda: waiting == [])

    def test_a_login_replaces_another(self, server):
        """A second login is somebody else's if somebody else logs in."""
        auth = app(server)
        auth.login()
        other = app(
            server,
            store=auth._store,
            authorization_extra={"login_hint": "bob"},
        )
        assert other.login().access_token != auth.access_token()
        answer = requests.get(server.api_url, auth=other, timeout=30)
        assert answer.json()["sub"] == "bob"

    def test_a_confidential_client(self, server):
        """A client with a secret proves itself when it redeems the code."""
        app(
            server, client_id=server.client_id, client_secret=server.client_secret
        ).login()
        (request,) = server.token_log()
        assert request.client_auth == "client_secret_basic"


class TestWrongAnswers:
    """The listener goes by the state; everything else is judged before the code."""

    def test_a_mix_up(self, server, browser):
        """Another server's answer to this login is refused. M98b."""
        server.configure(authorization_response={"iss": "https://evil.example"})
        with pytest.raises(errors.LoginFailed, match="comes from"):
            app(server).login()
        assert token_requests(server) == 0
        assert "The login failed" in browser.page.text

    def test_a_forged_answer_does_not_end_the_wait(self, server, browser):
        """Whoever guesses the port but not the state changes nothing. M98a."""

        def forged_first(url):
            forged = with_params(url, code="evil", state="guessed")
            assert visit(forged).status_code == 400
            return url

        browser.answer = forged_first
        assert app(server).login().access_token
        assert token_requests(server) == 1

    def test_noise_before_the_answer(self, server, browser):
        """Favicons, wrong paths and half-open connections are no answers."""

        def noise_first(url):
            place = url.partition("?")[0]
            assert visit(f"{place}/favicon.ico").status_code == 404
            assert visit(url, method="HEAD").status_code == 404
            parts = urlsplit(url)
            for _ in range(3):
                silent.enter_context(
                    socket.create_connection((parts.hostname, parts.port), 30)
                )
            return url

        browser.answer = noise_first
        with contextlib.ExitStack() as silent:
            assert app(server).login().access_token


class TestTwoAtOnce:
    def test_logins_do_not_swap_codes(self, server, browser):
        """Two logins at once wait at their own ports and paths. M98e."""
        both = threading.Barrier(2)

        def together(url):
            both.wait(30)
            return url

        browser.answer = together
        got = {}

        def log_in(name):
            auth = app(server, authorization_extra={"login_hint": name})
            auth.login(show=lambda url: None)
            answer = requests.get(server.api_url, auth=auth, timeout=30)
            got[name] = answer.json()["sub"]

        threads = [threading.Thread(target=log_in, args=(n,)) for n in ("bob", "eve")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert got == {"bob": "bob", "eve": "eve"}

    def test_a_swapped_code_is_refused(self, server, browser):
        """An answer that reaches the wrong login does not end its wait. M98e."""
        urls = {}
        both = threading.Barrier(2)

        def swap_first(url):
            urls[params_of(url)["state"]] = url
            both.wait(30)
            (other,) = (u for u in urls.values() if u != url)
            place, query = other.partition("?")[0], url.partition("?")[2]
            assert visit(f"{place}?{query}").status_code == 400
            both.wait(30)
            return url

        browser.answer = swap_first
        threads = [threading.Thread(target=app(server).login) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert server.counts().codes_redeemed == 2


class TestByHand:
    def test_a_pasted_url(self, server, browser):
        """Where no browser runs, the person pastes the URL that theirs came to."""
        asked = []

        def ask(url):
            asked.append(url)
            return f"  {follow(url)}\n"

        assert app(server).login(ask=ask).access_token
        assert params_of(asked[0])["redirect_uri"] == "http://127.0.0.1/callback"
        assert browser.opened == []

    def test_a_registered_uri(self, server):
        """The person comes back to the first redirect URI that is registered."""
        server.configure(redirect_uris=["https://app.example/shown"])

        auth = app(server, redirect_uri="https://app.example/shown")
        assert auth.login(ask=follow).access_token

    def test_the_wrong_url(self, server):
        """A URL that was pasted from elsewhere is refused, and says why."""
        with pytest.raises(errors.MismatchingStateError, match="log in again"):
            app(server).login(ask=lambda url: "https://app.example/?code=x")
        assert token_requests(server) == 0

    @pytest.mark.parametrize("pasted", [None, ""])
    def test_an_empty_line(self, server, pasted):
        """So is an answer that is none."""
        with pytest.raises(errors.MismatchingStateError):
            app(server).login(ask=lambda url: pasted)

    def test_an_interrupt(self, server):
        """Ctrl-C at the prompt is the person's own."""

        def interrupted(url):
            raise KeyboardInterrupt

        auth = app(server)
        with pytest.raises(KeyboardInterrupt):
            auth.login(ask=interrupted)
        assert auth.login().access_token, "no lock is left behind"


class TestPorts:
    def test_a_port_that_is_taken(self, server, browser):
        """A fixed port that is taken is named before a browser opens. M98e."""
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            auth = app(server, redirect_uri=f"http://127.0.0.1:{port}/cb")
            with pytest.raises(errors.LoginFailed, match=f"127.0.0.1:{port}"):
                auth.login()
        assert browser.opened == []

    def test_twice_at_a_fixed_port(self, server, free_port):
        """A second login right after the first gets the same fixed port. M98e."""
        uri = f"http://127.0.0.1:{free_port}/cb"
        server.configure(redirect_uris=[uri])
        auth = app(server, redirect_uri=uri)
        for _ in range(2):
            assert auth.login().access_token

    def test_another_port_of_a_list(self, server, free_port):
        """Of several registered ports a free one is used. M98e."""
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            taken = f"http://127.0.0.1:{other.getsockname()[1]}/cb"
            free = f"http://127.0.0.1:{free_port}/cb"
            assert app(server, redirect_uri=[taken, free]).login().access_token

    def test_a_seed_is_no_login(self, server, browser):
        """Who has only a refresh token is told what to do instead."""
        grant = RefreshToken(server.issuer, client_id="app", refresh_token="rt-1")
        auth = OAuthAuth(grant, store=MemoryStore())
        with pytest.raises(errors.ConfigurationError, match="cannot log in"):
            auth.login()
        assert browser.opened == []

    def test_no_loopback(self, server, browser):
        """A web application's registration cannot log in on this machine."""
        auth = app(server, redirect_uri="https://app.example/cb")
        with pytest.raises(errors.ConfigurationError, match="on loopback"):
            auth.login()
        assert browser.opened == []


class TestInterrupt:
    @pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
    def test_ctrl_c(self, server):
        """Ctrl-C ends a login at once, and the process with it. M98e."""
        source = (
            "from tests.login.people import app\n"
            "from oauth_auth.testing import TestingServer\n"
            "import signal, sys, webbrowser\n"
            # Shells have those whom they start in the background ignore it.
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            "webbrowser.get = lambda: None\n"
            f"app(TestingServer.connect({server.issuer!r})).login()\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", source], cwd=ROOT, stderr=subprocess.PIPE, text=True
        ) as child:
            url = next(line for line in child.stderr if "http" in line).strip()
            uri = urlsplit(params_of(url)["redirect_uri"])
            with socket.create_connection((uri.hostname, uri.port), 30):
                child.send_signal(signal.SIGINT)
                assert child.wait(30) == -signal.SIGINT
            assert "KeyboardInterrupt" in child.stderr.read()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((uri.hostname, uri.port), 30)


def test_the_last_page_is_not_waited_for(server, browser, monkeypatch):
    """A browser that never fetches the last page costs a moment, not the login."""
    monkeypatch.setattr(loopback, "_LAST_PAGE", 0.05)

    def gone(url):
        answer = visit(url, stay=True)
        assert answer.status_code == 303
        return "http://127.0.0.1:1/"

    browser.answer = gone
    assert app(server).login().access_token


def test_pages_of_an_earlier_login_are_gone(server, browser):
    """What an old tab asks for is refused, since nobody listens any more."""
    app(server).login()
    url = browser.page.url
    until(lambda: not _listens(url))
    with pytest.raises(urllib.error.URLError):
        visit(url)


def _listens(url):
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname, parts.port), 30).close()
    except ConnectionRefusedError:
        return False
    time.sleep(0.005)
    return True
