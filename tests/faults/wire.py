"""The wire between a client and an authorization server, on which things go wrong."""

import contextlib
import socket
import struct
import threading
from unittest import mock
from urllib.parse import urlsplit

from tests.transport.servers import FOREVER, Server, read_request

#: An answer is not sent in one piece: its head ends here.
END_OF_HEAD = b"\r\n\r\n"


class Wire:
    """Passes each request on to a server, unless its script says otherwise.

    `script` holds what happens to the next requests: functions of an `Exchange`.

    Args:
        upstream: The server's URL; None for one that is never asked.
        tls: The SSLContext to speak TLS with; may be replaced at any time.
        up: False to refuse connections until `connect`.
    """

    def __init__(self, upstream, *, tls=None, up=True):
        self.upstream = upstream
        self.tls = tls
        self.script = []
        self.otherwise = relay
        #: The requests that were read, as `tests.transport.servers.Seen`.
        self.seen = []
        #: Connections that were accepted.
        self.connections = 0
        #: Set when a request has been read.
        self.met = threading.Event()
        self._socket = socket.socket()
        # Bound and not listening, the port is ours and refuses connections.
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._server = None
        if up:
            self.connect()

    @property
    def url(self):
        scheme = "https" if self.tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}/token"

    def connect(self):
        """Accept connections from now on."""
        self._socket.listen(64)
        with mock.patch.object(socket, "create_server", return_value=self._socket):
            self._server = Server(self._serve, tls=None, reading=False)

    def _serve(self, server, connection, _):
        self.connections += 1
        step = self.script.pop(0) if self.script else self.otherwise
        with contextlib.ExitStack() as stack:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
                stack.callback(connection.close)
            step(Exchange(self, server, connection))

    def close(self):
        self._socket.close() if self._server is None else self._server.close()


class Exchange:
    """One request on its way."""

    def __init__(self, wire, server, connection):
        self._wire = wire
        self._server = server
        self._request = None
        self.connection = connection
        #: Set when the test is over.
        self.stop = server.stop

    @property
    def request(self):
        """The request, read when it is first asked for."""
        if self._request is None:
            self._request = read_request(self.connection)
            self._wire.seen.append(self._request)
            self._wire.met.set()
        return self._request

    def processed(self):
        """Have the server process the request; return the answer's head and body."""
        request = self.request
        host = urlsplit(self._wire.upstream)
        headers = {**request.headers, "Connection": "close"}
        head = [f"{request.method} {request.target} HTTP/1.1"]
        head += [f"{name}: {value}" for name, value in headers.items()]
        with socket.create_connection((host.hostname, host.port), FOREVER) as upstream:
            upstream.sendall("\r\n".join([*head, "", ""]).encode() + request.body)
            answer = b"".join(iter(lambda: upstream.recv(65536), b""))
        head, _, body = answer.partition(END_OF_HEAD)
        return head + END_OF_HEAD, body

    def send(self, data):
        self.connection.sendall(data)

    def reset(self):
        """End the connection by RST, so that what was sent may be lost as well."""
        self.connection.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        self.connection.close()

    def dribble(self):
        """Send a byte now and then for ever, or until the client has gone."""
        self._server.dribble(self.connection)

    def wait_until_left(self):
        self._server.wait_until_left(self.connection)


def relay(exchange):
    """Nothing goes wrong."""
    exchange.send(b"".join(exchange.processed()))


def lost_before(exchange):
    """The request does not reach the server."""
    assert exchange.request


def lost_after(exchange):
    """The server's answer does not reach the client."""
    exchange.processed()


def held_until(event):
    """Return a step in which the request takes as long as the test wants."""

    def step(exchange):
        assert exchange.request
        event.wait(FOREVER)
        relay(exchange)

    return step
