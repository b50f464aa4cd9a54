"""A token endpoint in front of a testing server's that can be held up, or speak TLS."""

import contextlib
import http.client
import threading
from urllib.parse import urlsplit

from tests.transport.servers import FOREVER, Server, response


class Relay(Server):
    """Passes requests on to a testing server.

    Args:
        server: The testing server.
        tls: The SSLContext to speak TLS with.
    """

    def __init__(self, server, *, tls=None):
        self._upstream = urlsplit(server.issuer).netloc
        #: Requests are passed on, and answers sent back, while these are set.
        self.there, self.back = threading.Event(), threading.Event()
        self.there.set()
        self.back.set()
        #: Set when a request waits, and when an answer has come that may have to wait.
        self.held, self.answered = threading.Event(), threading.Event()
        self._dropped = 0
        super().__init__(_relayed, tls=tls)

    def passed_on(self, request):
        """Return the answer of the testing server, as bytes to send."""
        connection = http.client.HTTPConnection(self._upstream, timeout=FOREVER)
        with contextlib.closing(connection):
            connection.request(
                request.method, request.target, request.body, request.headers
            )
            answer = connection.getresponse()
            return response(
                answer.read(),
                status=f"{answer.status} {answer.reason}",
                headers=["Content-Type: application/json"],
            )

    def hold_up(self):
        """Let the requests that come next wait; `held` is set when one does."""
        self.there.clear()
        self.held.clear()

    def hold_back(self):
        """Let the answers that come next wait; `answered` is set when one does."""
        self.back.clear()
        self.answered.clear()

    def drop(self):
        """Lose all that waits, and let pass what comes next."""
        self._dropped += 1
        self.there.set()
        self.back.set()

    def close(self):
        """Let everything through, and stop."""
        self.there.set()
        self.back.set()
        super().close()


def _relayed(relay, connection, request):
    dropped = relay._dropped
    relay.held.set()
    if not relay.there.wait(FOREVER) or dropped != relay._dropped:
        return
    answer = relay.passed_on(request)
    relay.answered.set()
    if relay.back.wait(FOREVER) and dropped == relay._dropped:
        connection.sendall(answer)
        relay.wait_until_left(connection)
