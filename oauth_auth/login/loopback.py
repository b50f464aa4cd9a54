"""The redirect to loopback: a listener for one login (RFC 8252 section 7.3)."""

from __future__ import annotations

import contextlib
import secrets
import selectors
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Final, Self, final
from urllib.parse import parse_qs, urlsplit

from oauth_auth.login.page import Page, render
from oauth_auth.login.ports import listen
from oauth_auth.login.waiting import Waiting
from oauth_auth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from oauth_auth.login.pending import PendingLogin

__all__ = ["Listener"]

#: Seconds for the browser to fetch the page that it was sent on to.
_LAST_PAGE: Final = 3.0
#: Seconds that a connection may take to send its request.
_SLOW: Final = 10.0
#: Seconds for a page that is being sent when the login ends.
_FAREWELL: Final = 1.0
#: Connections at a time; of more the oldest one that has said nothing is closed.
_VISITS: Final = 32
#: On Windows nothing interrupts a select, so that Ctrl-C has to wait for its end.
_SLICE: Final = 0.2
_HEADERS: Final = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
    ("Content-Type", "text/html; charset=utf-8"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("Connection", "close"),
)
#: By which browsers say that nobody has asked for the page yet.
_PREFETCH: Final = ("Sec-Purpose", "Purpose", "X-Moz")


@final
class Listener:
    """Waits on loopback for the answer to one login.

    Connections are accepted in the thread that waits, so that Ctrl-C there ends
    everything, and each is served in a thread of its own, so that one that says
    nothing keeps nobody waiting.

    Args:
        redirect_uris: Where to listen, the first that is free; see `ports.listen`.

    Raises:
        ConfigurationError: None is on loopback.
        LoginFailed: All their ports are taken.
    """

    def __init__(self, redirect_uris: Sequence[str] = ()) -> None:
        uri, self._sockets = listen(redirect_uris)
        #: With the port that was taken.
        self.redirect_uri: Final = uri
        self._path: Final = urlsplit(uri).path or "/"
        self._done_path: Final = f"/{secrets.token_urlsafe(16)}"
        self._pending: PendingLogin | None = None
        self._guard: Final = threading.Lock()  # guards _response
        self._response: Secret | None = None
        self._ended: Final = threading.Event()
        self._fetched: Final = threading.Event()
        self._page = render(Page.FAILED)
        self._visits: list[_Visit] = []
        #: A byte here wakes the thread that accepts connections.
        self._woken, self._waker = socket.socketpair()

    # -- waiting --------------------------------------------------------------------

    def wait(
        self, pending: PendingLogin, seconds: float, waiting: Waiting | None = None
    ) -> Secret | None:
        """Return the URL that the browser came back to; None if it did not in time.

        Args:
            pending: The login that is to be answered.
            seconds: For the person.
            waiting: Ends this, too.
        """
        self._pending = pending
        self._accept(seconds, lambda: self._response is not None, waiting or Waiting())
        return self._response

    def end(self, page: Page, detail: str = "") -> None:
        """Show the browser how the login ended, and give it time to fetch that.

        Args:
            page: How.
            detail: What else to say; holds no secret.
        """
        self._page = render(page, detail)
        self._ended.set()
        if self._response is not None:
            self._accept(_LAST_PAGE, self._fetched.is_set, Waiting())

    def _accept(self, seconds: float, done: Any, waiting: Waiting) -> None:
        """Accept connections until it is done, or the time is over."""
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            for source in (*self._sockets, self._woken):
                selector.register(source, selectors.EVENT_READ)
            while not done() and (left := deadline - time.monotonic()) > 0:
                waiting.check()
                for key, _ in selector.select(min(_SLICE, left)):
                    if key.fileobj is self._woken:
                        self._woken.recv(64)
                    else:
                        self._welcome(key.fileobj)

    def _welcome(self, listener: Any) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # it has left again
        self._visits = [visit for visit in self._visits if visit.is_alive()]
        if len(self._visits) >= _VISITS:
            next((v for v in self._visits if v.silent), self._visits[0]).hang_up()
        visit = _Visit(self, connection)
        try:
            visit.start()
        except RuntimeError:  # no thread can be had: the browser may come again
            connection.close()
        else:
            self._visits.append(visit)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for listener in self._sockets:
            listener.close()
        self._ended.set()
        for visit in self._visits:
            if not visit.silent:
                visit.join(_FAREWELL)
            visit.hang_up()
        for visit in self._visits:
            visit.join(_FAREWELL)
        self._waker.close()
        self._woken.close()

    # -- for the visits -------------------------------------------------------------

    def _takes(self, path: str, query: Secret) -> bool:
        """Take a request that answers this login, the first time it comes."""
        states = parse_qs(query.reveal(), errors="surrogateescape").get("state", [])
        pending = self._pending
        if path != self._path or pending is None or len(states) != 1:
            return False
        if not pending.is_answered_by(Secret(states[0])):
            return False
        with self._guard:
            if self._response is None:
                place = self.redirect_uri.partition("?")[0]
                self._response = Secret(f"{place}?{query.reveal()}")
        self._wake()
        return True

    def _seen_off(self) -> None:
        self._fetched.set()
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # the login has ended meanwhile
            self._waker.send(b"!")


@final
class _Visit(threading.Thread):
    """One connection, and the thread that serves it."""

    def __init__(self, listener: Listener, connection: socket.socket) -> None:
        super().__init__(name="oauth_auth login", daemon=True)
        self._listener: Final = listener
        self._connection: Final = connection
        #: Whether no request has come yet.
        self.silent = True

    def run(self) -> None:
        """Serve it; whatever goes wrong with it, the login goes on."""
        with self._connection, contextlib.suppress(Exception):
            _Handler(self._connection, self._listener, self)
            # The browser's end comes first, so that the page arrives whole.
            self._connection.shutdown(socket.SHUT_WR)

    def hang_up(self) -> None:
        """End it, even while its thread waits for what it has to say."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    timeout = _SLOW
    protocol_version = "HTTP/1.1"

    def __init__(
        self, connection: socket.socket, listener: Listener, visit: _Visit
    ) -> None:
        self._listener: Final = listener
        self._visit: Final = visit
        super().__init__(connection, ("loopback", 0), None)  # type: ignore[arg-type] # kept, never used

    def do_GET(self) -> None:
        """Answer the browser."""
        listener = self._listener
        self._visit.silent = False
        path = self.path.partition("?")[0]
        query = Secret(self.path.partition("?")[2])
        if any("prefetch" in self.headers.get(n, "").lower() for n in _PREFETCH):
            # It comes again once somebody wants to see it.
            self._reply(503, render(Page.NOTHING))
        elif path == listener._done_path and listener._ended.is_set():
            self._reply(200, listener._page)
            listener._seen_off()
        elif listener._takes(path, query):
            listener._ended.wait()
            # So that neither the address bar nor the history keeps the code.
            self._reply(303, b"", ("Location", listener._done_path))
        elif path == listener._path and query:
            self._reply(400, render(Page.STRANGE))
        else:
            # A favicon, or somebody who looks around: the login goes on.
            self._reply(404, render(Page.NOTHING))

    def do_HEAD(self) -> None:
        """Tell nothing: who follows links to check them is not the browser."""
        self._visit.silent = False
        self._reply(404, b"")

    def send_error(
        self,
        code: int,
        message: str | None = None,  # noqa: ARG002  # as in the library
        explain: str | None = None,  # noqa: ARG002
    ) -> None:
        """Answer what is no request for a page."""
        self._visit.silent = False
        if code == 501:  # noqa: PLR2004  # the library's, for other methods
            self._reply(405, render(Page.NOTHING), ("Allow", "GET, HEAD"))
        else:
            self._reply(code, render(Page.NOTHING))

    def _reply(self, status: int, body: bytes, *more: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (*_HEADERS, *more, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def version_string(self) -> str:
        """Name ourselves, and not Python's version."""
        return "oauth_auth"

    def log_message(self, *args: object) -> None:
        """Say nothing: the request line holds the code."""
