"""A browser for an ASGI application in this process, which logs no URL."""

from http.cookies import SimpleCookie
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import anyio


class Answer(NamedTuple):
    """What the application answers."""

    status_code: int
    headers: Any
    text: str


class AsgiBrowser:
    """Keeps cookies, and follows no redirect by itself."""

    def __init__(self, app):
        self._app = app
        self._cookies = SimpleCookie()

    def get(self, url):
        return anyio.run(self._ask, "GET", url)

    def post(self, url):
        return anyio.run(self._ask, "POST", url)

    async def _ask(self, method, url):
        parts = urlsplit(url)
        cookies = "; ".join(f"{c.key}={c.value}" for c in self._cookies.values())
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "root_path": "",
            "query_string": parts.query.encode(),
            "headers": [(b"host", b"localhost"), (b"cookie", cookies.encode())],
            "server": ("localhost", 80),
            "client": ("127.0.0.1", 1),
        }
        sent = []

        async def receive():
            return {"type": "http.request", "body": b""}

        async def send(message):
            sent.append(message)

        await self._app(scope, receive, send)
        start, *bodies = sent
        headers = {}
        for name, value in start["headers"]:
            headers[name.decode()] = value.decode()
            if name == b"set-cookie":
                self._take(value.decode())
        text = b"".join(body.get("body", b"") for body in bodies).decode()
        return Answer(start["status"], headers, text)

    def _take(self, header):
        for name, cookie in SimpleCookie(header).items():
            if cookie["max-age"] == "0":
                self._cookies.pop(name, None)
            else:
                self._cookies[name] = cookie.value
