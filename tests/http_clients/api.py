"""An API on loopback whose answers a test writes, and which remembers what it saw."""

import contextlib
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

INVALID_TOKEN = ("WWW-Authenticate", 'Bearer error="invalid_token"')


class Seen(NamedTuple):
    """A request as it arrived."""

    method: str
    path: str
    headers: dict
    body: bytes

    @property
    def authorization(self):
        return self.headers.get("authorization")


class Reply(NamedTuple):
    """An answer; a body that is no bytes is iterated and sent in chunks."""

    status: int = 200
    headers: tuple = ()
    body: object = b""


def told(request):
    """Answer 200 and say what arrived."""
    return Reply(
        200,
        (("Content-Type", "application/json"),),
        json.dumps(
            {
                "length": len(request.body),
                "sha256": hashlib.sha256(request.body).hexdigest(),
            }
        ).encode(),
    )


def unauthorized(*headers):
    return Reply(401, headers or (INVALID_TOKEN,))


def redirect(location, status=302):
    return Reply(status, (("Location", location),))


class Api:
    """Answers each request with `answer(request)`, on a thread per connection.

    `script` holds what the next requests get instead: a Reply, or a function.
    """

    def __init__(self, *, tls=None):
        self.seen = []
        self.connections = 0
        self.script = []
        self.answer = told
        self._guard = threading.Lock()
        handler = type("Handler", (_Handler,), {"api": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.port = self._server.server_address[1]
        self.scheme = "https" if tls else "http"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.003,)
        )
        self._thread.start()

    @property
    def origin(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"{self.origin}/things"

    @property
    def authorizations(self):
        return [request.authorization for request in self.seen]

    def reply_to(self, request):
        with self._guard:
            self.seen.append(request)
            step = self.script.pop(0) if self.script else self.answer
        return step(request) if callable(step) else step

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request, client_address):
        """Say nothing: clients that hang up are a part of these tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Otherwise an answer in two writes waits 40 ms for a delayed acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = -1
    api = None

    def setup(self):
        super().setup()
        self.api.connections += 1

    def _any_method(self):
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Seen(self.command, self.path, headers, self._body(headers))
        reply = self.api.reply_to(request)
        with contextlib.suppress(OSError):
            self._send(reply)

    do_GET = do_POST = do_PUT = _any_method  # noqa: N815  # the names are http.server's

    def _body(self, headers):
        if headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(headers.get("content-length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _send(self, reply):
        whole = isinstance(reply.body, bytes)
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        if whole:
            self.send_header("Content-Length", str(len(reply.body)))
        else:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if whole:
            self.wfile.write(reply.body)
            return
        for part in reply.body:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *args):
        """Print nothing."""
