"""What becomes of exchanges with servers that take for ever."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

from tests.transport.asking import SHORT, refused_amid, without_threads
from tests.transport.contract import TransportContract
from tests.transport.servers import FOREVER, answering, silent

HEADERS = b"HTTP/1.1 200 OK\r\nX-Long: "
BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"


def dribbling(start):
    """Return a function for `Server` that goes on byte by byte after a start."""

    def answer(server, connection, _):
        connection.sendall(start)
        server.dribble(connection)

    return answer


class StallContract(TransportContract):
    """Subclassed for each HTTP library by itself; a factory changes nothing here."""

    def test_m77_stalls_end_at_the_deadline(self, serve, certificate):
        """Whatever a server stalls with, the deadline ends it and the connection.

        M77.
        """
        tls = certificate.server_context()
        private = {"verify": certificate.path}
        mute = serve(silent, reading=False)
        between = serve(silent)
        through = {"proxy": f"http://127.0.0.1:{between.port}"}
        unknown, certain = True, False
        cases = {
            "no answer": (serve(silent), None, {}, unknown),
            "headers": (serve(dribbling(HEADERS)), None, {}, unknown),
            "body": (serve(dribbling(BODY)), None, {}, unknown),
            "TLS headers": (serve(dribbling(HEADERS), tls=tls), None, private, unknown),
            "TLS body": (serve(dribbling(BODY), tls=tls), None, private, unknown),
            "handshake": (mute, f"https://127.0.0.1:{mute.port}/", {}, certain),
            "proxy": (between, "https://auth.invalid/token", through, certain),
        }
        # Together, so that they take the time of one.
        with ThreadPoolExecutor(len(cases)) as pool:
            waiting = {
                name: pool.submit(self.stalled, server, url or server.url, options)
                for name, (server, url, options, _) in cases.items()
            }
        for name, (server, _, _, outcome_unknown) in cases.items():
            error = waiting[name].result()
            assert error.outcome_unknown is outcome_unknown, name
            assert server.left.wait(FOREVER), name

    def stalled(self, server, url, options):
        return refused_amid(
            server.met.is_set,
            lambda timeout: self.refused(url, timeout=timeout, **options),
        )

    def test_hanging_lookup_ends_at_the_deadline(self, serve, monkeypatch):
        """A name lookup that hangs is left behind, and nothing is sent afterwards.

        M77.
        """
        server = serve(silent)
        proceed = threading.Event()
        lookup = socket.getaddrinfo

        def hang(_host, *args, **kwargs):
            proceed.wait(FOREVER)
            return lookup("127.0.0.1", *args, **kwargs)

        monkeypatch.setattr(socket, "getaddrinfo", hang)
        try:
            error = self.refused(f"http://localhost:{server.port}/token", timeout=SHORT)
        finally:
            proceed.set()
        for thread in threading.enumerate():
            if thread.name == "oauth_auth exchange":
                thread.join(FOREVER)
        assert error.outcome_unknown is False
        assert f"within {SHORT:g} s" in str(error)
        server.close()
        assert server.seen == []

    def test_without_threads_it_runs_inline(self, serve, monkeypatch):
        """Where no thread can be started the exchange happens all the same."""
        server, mute = serve(answering()), serve(silent)
        denied = without_threads(monkeypatch)
        assert self.post(server.url).status == 200
        assert self.stalled(mute, mute.url, {}).outcome_unknown is True
        assert len(denied) >= 2
