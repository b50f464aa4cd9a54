"""The redirect to loopback: a listener for one login (RFC 8252 section 7.3)."""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self, final
from urllib.parse import parse_qs, urlsplit, urlunsplit

from oauth_auth.lazy_errors import errors
from oauth_auth.login.page import Page, render
from oauth_auth.secret import Secret
from oauth_auth.server import is_loopback

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from oauth_auth.login.pending import PendingLogin

__all__ = ["Listener"]

#: Seconds for the browser to fetch the page that it was sent on to.
_LAST_PAGE: Final = 3.0
#: Seconds that a connection may take to send its request.
_SLOW: Final = 10.0
_HEADERS: Final = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)


class _Server(ThreadingHTTPServer):
    # A second program on the same port could otherwise catch the code (RFC 8252
    # section 8.3); waiting connections are of this login alone.
    allow_reuse_address = False
    daemon_threads = True

    def __init__(self, family: socket.AddressFamily, address: tuple[str, int]) -> None:
        self.address_family = family
        super().__init__(address, _Handler)
        self.listener: Listener

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Leave a browser that hangs up alone."""

    def server_bind(self) -> None:
        exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)
        if exclusive is not None:  # Windows
            self.socket.setsockopt(socket.SOL_SOCKET, exclusive, 1)
        # Not HTTPServer's, which asks the resolver for this machine's name.
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "localhost", self.server_address[1]


@final
class Listener:
    """Waits on loopback for the answer to one login.

    Args:
        redirect_uris: Where to listen, the first that is free; on loopback, and
            without a port for any. Empty for a path of chance on any port.

    Raises:
        ConfigurationError: None is on loopback.
        LoginFailed: All their ports are taken.
    """

    def __init__(self, redirect_uris: Sequence[str] = ()) -> None:
        uris = redirect_uris or (f"http://127.0.0.1/{secrets.token_urlsafe(16)}",)
        self._servers: list[_Server] = []
        self.redirect_uri: Final = self._bind_first(uris)
        self._path: Final = urlsplit(self.redirect_uri).path or "/"
        self._done_path: Final = f"/{secrets.token_urlsafe(16)}"
        self._pending: PendingLogin | None = None
        self._guard: Final = threading.Lock()  # guards _response
        self._response: Secret | None = None
        self._came: Final = threading.Event()
        self._ended: Final = threading.Event()
        self._fetched: Final = threading.Event()
        self._page = render(Page.FAILED)

    # -- binding --------------------------------------------------------------------

    def _bind_first(self, uris: Sequence[str]) -> str:
        taken = []
        for uri in uris:
            parts = urlsplit(uri)
            host = parts.hostname or ""
            if parts.scheme != "http" or not is_loopback(host):
                raise errors.ConfigurationError(
                    f"a login on this machine needs a redirect_uri on loopback such as "
                    f"http://127.0.0.1/callback, not {uri!r}"
                )
            try:
                port = self._bind(host, parts.port or 0)
            except OSError as error:
                taken.append(f"{host}:{parts.port or 'any port'} ({error.strerror})")
                continue
            netloc = f"[{host}]" if ":" in host else host
            return urlunsplit(("http", f"{netloc}:{port}", parts.path, parts.query, ""))
        raise errors.LoginFailed(
            f"nothing can listen for the browser's answer: {', '.join(taken)}; free "
            "the port, name another one in redirect_uri, or log in without a browser "
            "on this machine (no_browser, DeviceCode)"
        )

    def _bind(self, host: str, port: int) -> int:
        """Listen at a host, on both stacks where it is a name; return the port."""
        if host.startswith("localhost"):
            # The browser chooses one of the two, and not always the same.
            server = _Server(socket.AF_INET, ("127.0.0.1", port))
            self._servers.append(server)
            port = server.server_port
            with contextlib.suppress(OSError):  # no IPv6 on this machine
                self._servers.append(_Server(socket.AF_INET6, ("::1", port)))
            return port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._servers.append(_Server(family, (host, port)))
        return self._servers[-1].server_port

    # -- waiting --------------------------------------------------------------------

    def wait(self, pending: PendingLogin, seconds: float) -> Secret | None:
        """Return the URL that the browser came back to; None if it did not in time."""
        self._pending = pending
        for server in self._servers:
            server.listener = self
            threading.Thread(
                target=server.serve_forever,
                kwargs={"poll_interval": 0.1},
                name="oauth_auth login",
                daemon=True,
            ).start()
        deadline = time.monotonic() + seconds
        # In slices, since on Windows a wait cannot be interrupted.
        while not self._came.wait(min(0.2, max(0.0, deadline - time.monotonic()))):
            if time.monotonic() >= deadline:
                return None
        return self._response

    def end(self, page: Page, detail: str = "") -> None:
        """Show the browser how the login ended, and give it time to fetch that."""
        self._page = render(page, detail)
        self._ended.set()
        if self._came.is_set():
            self._fetched.wait(_LAST_PAGE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        for server in self._servers:
            if self._pending is not None:
                server.shutdown()
            server.server_close()

    # -- for the handler ------------------------------------------------------------

    def _takes(self, path: str, query: str) -> bool:
        """Take a request that answers this login, the first time it comes."""
        assert self._pending is not None  # noqa: S101  # set before serving
        state = parse_qs(query).get("state", [""])[0]
        if path != self._path or Secret(state) != self._pending.state:
            return False
        with self._guard:
            if self._response is None:
                self._response = Secret(f"{self.redirect_uri}?{query}")
        self._came.set()
        return True


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _SLOW
    protocol_version = "HTTP/1.1"
    server_version = "oauth_auth"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer the browser."""
        listener = self.server.listener
        path, _, query = self.path.partition("?")
        if path == listener._done_path and listener._ended.is_set():
            self._reply(200, listener._page)
            listener._fetched.set()
        elif listener._takes(path, query):
            listener._ended.wait()
            # So that neither the address bar nor the history keeps the code.
            self._reply(303, b"", ("Location", listener._done_path))
        elif path == listener._path and query:
            self._reply(400, render(Page.STRANGE))
        else:
            # A favicon, a prefetch, somebody who looks around: the login goes on.
            self._reply(404, render(Page.NOTHING))

    def _reply(self, status: int, body: bytes, *more: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (*_HEADERS, *more):
            self.send_header(name, value)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        """Say nothing: the request line holds the code."""
