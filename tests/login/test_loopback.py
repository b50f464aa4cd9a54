"""The listener on loopback: what ends the wait, and what does not."""

import contextlib
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from oauth_auth.login import loopback
from oauth_auth.login.loopback import Listener
from oauth_auth.login.page import Page
from oauth_auth.login.pending import PendingLogin
from oauth_auth.login.waiting import GivenUp, Waiting
from tests.login.people import visit
from tests.login.stacks import ipv6
from tests.testing.talk import until

CODE = "the-code-of-this-login"


class Wait:
    """A listener that waits in a thread of its own, as a login does."""

    def __init__(self, *uris):
        self.listener = Listener(uris)
        self.login = PendingLogin(self.listener.redirect_uri)
        self.waiting = Waiting()
        joint = "&" if "?" in self.listener.redirect_uri else "?"
        query = f"code={CODE}&state={self.login.state.reveal()}"
        #: The URL that ends the wait.
        self.right = f"{self.listener.redirect_uri}{joint}{query}"
        self._pool = ThreadPoolExecutor(1)
        self._result = self._pool.submit(
            self.listener.wait, self.login, 30.0, self.waiting
        )

    @property
    def place(self):
        """The listener's scheme, host and port."""
        parts = urlsplit(self.listener.redirect_uri)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def still_waits(self):
        return not self._result.done()

    def result(self):
        return self._result.result(30)

    def connect(self):
        parts = urlsplit(self.listener.redirect_uri)
        return socket.create_connection((parts.hostname, parts.port), 30)

    def finish(self, page=Page.DONE, detail="", url=None):
        """Come back with the right answer; return the last page."""
        with ThreadPoolExecutor(1) as browser:
            shown = browser.submit(visit, url or self.right)
            response = self.result()
            self.listener.end(page, detail)
            assert response.reveal() == (url or self.right)
            return shown.result(30)

    def close(self):
        self.waiting.give_up()
        with contextlib.suppress(GivenUp):
            self.result()
        self._pool.shutdown()
        self.listener.__exit__(None, None, None)


@pytest.fixture
def start():
    """Return a function that starts waiting; all ends with the test."""
    waits = []

    def wait(*uris):
        waits.append(Wait(*uris))
        return waits[-1]

    yield wait
    for each in waits:
        each.close()


@pytest.fixture
def wait(start):
    return start()


class TestAnswer:
    def test_the_right_answer(self, wait):
        """The URL that the browser came to ends the wait, and is what it gives."""
        assert wait.still_waits
        page = wait.finish()
        assert page.status_code == 200
        assert "You are logged in" in page.text

    @pytest.mark.parametrize("path", ["", "/", "/a/b", "/cb?tenant=7", "/a%20b"])
    def test_registered_paths(self, start, path):
        """The path and query are those that are registered."""
        wait = start(f"http://127.0.0.1{path}")
        assert wait.finish().status_code == 200

    @pytest.mark.parametrize(
        ("page", "words"),
        [
            (Page.DONE, "You are logged in"),
            (Page.DENIED, "Access was refused"),
            (Page.FAILED, "The login failed"),
        ],
    )
    def test_how_it_ended(self, wait, page, words):
        """The browser ends on a page that says how it went, and why."""
        shown = wait.finish(page, detail='<script>"because"</script>')
        assert words in shown.text
        assert "&lt;script&gt;" in shown.text
        assert "<script" not in shown.text

    def test_the_code_is_not_kept_by_the_browser(self, wait):
        """The last page's URL has no query, and neither it nor its page the code."""
        page = wait.finish()
        assert urlsplit(page.url).query == ""
        seen = f"{page.url} {page.text} {page.headers}"
        assert CODE not in seen
        assert wait.login.state.reveal() not in seen

    def test_headers(self, wait):
        """Nothing is stored, sent on as referrer, or loaded from anywhere."""
        page = wait.finish()
        (redirect,) = page.redirects
        assert redirect.status_code == 303
        for response in (page, redirect):
            headers = response.headers
            assert headers["Cache-Control"] == "no-store"
            assert headers["Referrer-Policy"] == "no-referrer"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert "default-src 'none'" in headers["Content-Security-Policy"]
            assert headers["Server"] == "oauth_auth"

    def test_a_page_needs_nothing_else(self, wait):
        """The page has no script, image, font or link that a browser would fetch."""
        text = wait.finish().text
        assert text.startswith("<!doctype html>")
        for word in ("<script", "<img", "<link", "url(", "@import", "http:", "https:"):
            assert word not in text

    def test_a_second_hit(self, wait, monkeypatch):
        """A browser that comes twice with the right URL is sent on both times."""
        monkeypatch.setattr(loopback, "_LAST_PAGE", 0.05)
        target = wait.right.removeprefix(wait.place)
        with wait.connect() as one, wait.connect() as two:
            until(lambda: len(wait.listener._visits) == 2)
            for hit in (one, two):
                hit.sendall(f"GET {target} HTTP/1.1\r\n\r\n".encode())
            wait.result()
            wait.listener.end(Page.DONE)
            for hit in (one, two):
                with hit.makefile("rb") as answer:
                    assert answer.read().startswith(b"HTTP/1.1 303 ")

    def test_a_browser_that_does_not_follow(self, wait, monkeypatch):
        """The login does not wait for ever for the last page to be fetched."""
        monkeypatch.setattr(loopback, "_LAST_PAGE", 0.05)
        with ThreadPoolExecutor(1) as browser:
            shown = browser.submit(visit, wait.right, stay=True)
            wait.result()
            wait.listener.end(Page.DONE)
            assert shown.result(30).status_code == 303


class TestWrongHits:
    """What does not end the wait; the right answer still does."""

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("/favicon.ico", 404),
            ("/", 404),
            ("/robots.txt?state={state}&code=x", 404),
            ("{path}/", 404),
            ("{path}/x?state={state}&code=x", 404),
            ("{path}", 404),
            ("{path}?", 404),
            ("{path}?code=x", 400),
            ("{path}?code=x&state=", 400),
            ("{path}?code=x&state=wrong", 400),
            ("{path}?code=x&state={state}x", 400),
            ("{path}?code=x&state=%FF", 400),
            ("{path}?code=x&state={state}&state=wrong", 400),
            ("{path}?error=access_denied", 400),
        ],
    )
    def test_other_requests(self, wait, path, status):
        """A favicon, a wrong path, a missing or wrong state."""
        own = urlsplit(wait.listener.redirect_uri).path
        url = wait.place + path.format(path=own, state=wait.login.state.reveal())
        answer = visit(url)
        assert answer.status_code == status
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert wait.login.state.reveal() not in answer.text
        assert wait.still_waits
        assert wait.finish().status_code == 200

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("Sec-Purpose", "prefetch;prerender"),
            ("Purpose", "prefetch"),
            ("X-Moz", "Prefetch"),
        ],
    )
    def test_a_prefetch(self, wait, name, value):
        """A page that nobody has asked for yet is not the answer."""
        answer = visit(wait.right, headers={name: value})
        assert answer.status_code == 503
        assert wait.still_waits
        assert wait.finish().status_code == 200

    @pytest.mark.parametrize(
        ("method", "status"),
        [("HEAD", 404), ("POST", 405), ("OPTIONS", 405), ("PUT", 405), ("X", 405)],
    )
    def test_other_methods(self, wait, method, status):
        """A login is answered by GET; a link checker's HEAD takes nothing away."""
        answer = visit(wait.right, method=method)
        assert answer.status_code == status
        assert ("Allow" in answer.headers) == (status == 405)
        assert answer.headers["Cache-Control"] == "no-store"
        assert bool(answer.text) == (method != "HEAD")
        assert CODE not in answer.text
        assert wait.still_waits
        assert wait.finish().status_code == 200

    @pytest.mark.parametrize(
        "data", [b"", b"\0\0\r\n\r\n", b"GET\r\n\r\n", b"GET /x HTTP/9.9\r\n\r\n"]
    )
    def test_what_is_no_http(self, wait, data):
        """Garbage is answered, if at all, and forgotten."""
        with wait.connect() as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
        assert wait.still_waits
        assert wait.finish().status_code == 200

    def test_the_last_page_comes_last(self, wait):
        """Before the login has ended there is no page that says that it has."""
        done = f"{wait.place}{wait.listener._done_path}"
        assert visit(done).status_code == 404
        assert wait.still_waits


class TestConnections:
    def test_connections_that_say_nothing(self, wait):
        """Browsers open connections in advance, which keep nobody waiting."""
        with contextlib.ExitStack() as silent:
            for _ in range(5):
                silent.enter_context(wait.connect())
            half = silent.enter_context(wait.connect())
            half.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
            assert wait.finish().status_code == 200

    def test_more_connections_than_there_is_room_for(self, wait, monkeypatch):
        """Of too many connections the oldest that have said nothing are closed."""
        monkeypatch.setattr(loopback, "_VISITS", 4)
        monkeypatch.setattr(loopback._Handler, "timeout", 300.0)
        with contextlib.ExitStack() as silent:
            opened = [silent.enter_context(wait.connect()) for _ in range(8)]
            assert opened[0].recv(1) == b""
            assert wait.finish().status_code == 200

    def test_a_browser_that_hangs_up(self, wait):
        """A connection that breaks is no end of the login."""
        for _ in range(3):
            with wait.connect() as connection:
                connection.sendall(b"GET /favicon.ico HTTP/1.1\r\n\r\n")
                linger = b"\1\0\0\0\0\0\0\0"
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        assert wait.finish().status_code == 200

    def test_no_thread_to_be_had(self, wait, monkeypatch):
        """Where no thread can be started the browser may try again."""

        def refuse(self):
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as patch:
            patch.setattr(loopback._Visit, "start", refuse)
            with wait.connect() as connection:
                assert connection.recv(1) == b""
        assert wait.still_waits
        assert wait.finish().status_code == 200

    @ipv6
    def test_at_ipv6(self, start):
        """A redirect URI on [::1] is as good."""
        wait = start("http://[::1]/cb")
        assert wait.listener.redirect_uri.startswith("http://[::1]:")
        assert wait.finish().status_code == 200

    def test_at_localhost(self, start):
        """Both of "localhost"'s addresses lead to the login."""
        wait = start("http://localhost/cb")
        for listener in wait.listener._sockets:
            with socket.create_connection(listener.getsockname()[:2], 30) as visitor:
                visitor.sendall(b"GET / HTTP/1.0\r\n\r\n")
                assert b" 404 " in visitor.recv(4096)
        assert wait.finish().status_code == 200


class TestEnd:
    def test_nobody_comes(self):
        """After the given time the wait ends with nothing."""
        with Listener() as listener:
            assert listener.wait(PendingLogin(listener.redirect_uri), 0.01) is None

    def test_given_up(self, wait):
        """Another thread can end the wait."""
        wait.waiting.give_up()
        with pytest.raises(GivenUp):
            wait.result()

    def test_nothing_is_left(self):
        """At the end the port is free and no thread goes on, whoever is connected."""
        before = set(threading.enumerate())
        with contextlib.ExitStack() as visitors:
            with Listener() as listener:
                parts = urlsplit(listener.redirect_uri)
                address = parts.hostname, parts.port
                for data in (b"", b"GET /", b"GET / HTTP/1.1\r\n\r\n"):
                    visitor = socket.create_connection(address, 30)
                    visitors.enter_context(visitor).sendall(data)
                listener.wait(PendingLogin(listener.redirect_uri), 0.2)
                assert set(threading.enumerate()) > before
            assert set(threading.enumerate()) == before
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(address, 30)

    def test_an_interrupt(self, monkeypatch):
        """Ctrl-C during the wait leaves no port and no thread behind. M98e."""
        before = set(threading.enumerate())
        listener = Listener()
        parts = urlsplit(listener.redirect_uri)
        address = parts.hostname, parts.port

        def interrupt():
            raise KeyboardInterrupt

        with socket.create_connection(address, 30):
            waiting = Waiting()
            monkeypatch.setattr(waiting, "check", interrupt)
            with pytest.raises(KeyboardInterrupt):
                with listener:
                    listener.wait(PendingLogin(listener.redirect_uri), 30, waiting)
        assert set(threading.enumerate()) == before
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, 30)

    def test_a_login_that_ends_before_it_waits(self):
        """Whatever goes wrong in between, the listener closes."""
        with Listener() as listener:
            address = listener._sockets[0].getsockname()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, 30)


class TestWaiting:
    def test_it_wakes(self):
        """A sleep ends as soon as the login is given up."""
        waiting = Waiting()
        threading.Timer(0.01, waiting.give_up).start()
        with pytest.raises(GivenUp):
            waiting.sleep(3600)
        with pytest.raises(GivenUp):
            waiting.check()
