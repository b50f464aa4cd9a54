"""Stand-ins of other people's APIs, which take the testing server's tokens."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx


def is_good(server, authorization):
    """Whether the testing server takes a token."""
    headers = {"Authorization": authorization or "Bearer none"}
    return httpx.get(server.api_url, headers=headers).status_code == 200


class Api:
    """Answers by path, and with 401 whoever brings no good token.

    Args:
        server: The testing server.
        answers: What to answer at each path.
    """

    def __init__(self, server, answers):
        #: How each request was answered.
        self.statuses = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                size = int(self.headers.get("Content-Length", 0))
                self.rfile.read(size)
                good = is_good(server, self.headers.get("Authorization"))
                body = answers.get(self.path) if good else {"error": "invalid_token"}
                api.statuses.append((200 if body else 404) if good else 401)
                self.send_response(api.statuses[-1])
                if not good:
                    self.send_header("WWW-Authenticate", 'Bearer error="invalid_token"')
                data = json.dumps(body).encode()
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc_info):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
