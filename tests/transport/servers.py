"""Servers on loopback that answer, or misbehave, as a test wants it."""

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

#: Longer than anything takes; waiting so long means that the test fails.
FOREVER = 20.0


class Seen(NamedTuple):
    """A request as it arrived."""

    method: str
    target: str
    headers: dict
    body: bytes


class Server:
    """Accepts connections on 127.0.0.1 and hands each to a function on a thread.

    Args:
        answer: Called with this server, the connection and the request seen on it.
        tls: The SSLContext to speak TLS with.
        reading: False to call `answer` at once, with None for the request.
    """

    def __init__(self, answer, *, tls=None, reading=True):
        self._answer = answer
        self._tls = tls
        self._reading = reading
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = []
        self.port = self._listener.getsockname()[1]
        self.scheme = "https" if tls else "http"
        self.seen = []
        #: Set when a connection was made, and its request seen.
        self.met = threading.Event()
        #: Set when a client has closed its connection.
        self.left = threading.Event()
        #: Set when the test is over.
        self.stop = threading.Event()
        self._start(self._accept)

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}/token"

    def _start(self, target, *args):
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if self.stop.is_set():
                connection.close()
                return
            self._start(self._serve, connection)

    def _serve(self, connection):
        connection.settimeout(FOREVER)
        with contextlib.suppress(OSError, EOFError), contextlib.ExitStack() as stack:
            stack.callback(connection.close)
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
                stack.callback(connection.close)
            request = read_request(connection) if self._reading else None
            if request:
                self.seen.append(request)
            self.met.set()
            self._answer(self, connection, request)

    def wait_until_left(self, connection):
        """Read until the client closes, or the test is over."""
        connection.settimeout(0.02)
        while not self.stop.is_set():
            try:
                if not connection.recv(65536):
                    self.left.set()
                    return
            except TimeoutError:
                continue
            except OSError:
                self.left.set()
                return

    def dribble(self, connection):
        """Send a byte now and then for ever, or until the client has gone."""
        while not self.stop.wait(0.02):
            try:
                connection.sendall(b"x")
            except OSError:
                self.left.set()
                return

    def close(self):
        """Stop, and wait until every connection has been served to its end."""
        self.stop.set()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port)).close()
        self._listener.close()
        for thread in self._threads:
            thread.join(FOREVER)
            assert not thread.is_alive()


def read_request(connection):
    """Read one request with a Content-Length or no body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _received(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    method, target, _ = first.split(" ")
    headers = dict(line.split(": ", 1) for line in lines)
    length = int({k.lower(): v for k, v in headers.items()}.get("content-length", 0))
    while len(body) < length:
        body += _received(connection)
    return Seen(method, target, headers, body)


def _received(connection):
    data = connection.recv(65536)
    if not data:
        raise EOFError
    return data


def response(body=b'{"access_token": "at"}', *, status="200 OK", headers=()):
    """Return the bytes of an answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def answering(*args, **kwargs):
    """Return a function for `Server` that sends one response."""

    def answer(server, connection, _):
        connection.sendall(response(*args, **kwargs))
        server.wait_until_left(connection)

    return answer


def sending(data):
    """Return a function for `Server` that sends these bytes and hangs up."""
    return lambda _server, connection, _request: connection.sendall(data)


def endless(server, connection, _):
    """Send a body without end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
    try:
        while not server.stop.is_set():
            connection.sendall(b"x" * 65536)
    except OSError:
        server.left.set()


def silent(server, connection, _):
    """Never answer."""
    server.wait_until_left(connection)


def proxy(server, connection, request):
    """Answer absolute-form requests with a page of its own, tunnel CONNECT."""
    if request.method != "CONNECT":
        connection.sendall(response(b"from the proxy"))
        return
    host, _, port = request.target.rpartition(":")
    with socket.create_connection((host, int(port))) as upstream:
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        back = threading.Thread(target=_copy, args=(upstream, connection))
        back.start()
        _copy(connection, upstream)
        back.join(FOREVER)


def _copy(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


class Certificate(NamedTuple):
    """A self-signed certificate for 127.0.0.1 that is its own CA."""

    #: The path of the certificate (PEM).
    path: str
    #: The path of its key (PEM).
    key: str

    def server_context(self, *, clients=None):
        """Return a server's SSLContext; `clients` is the CA of client certificates."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path, self.key)
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(clients)
        return context


def make_certificate(folder):
    """Write a new self-signed certificate and its key into a folder."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path, key_path = folder / "cert.pem", folder / "key.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return Certificate(str(path), str(key_path))
