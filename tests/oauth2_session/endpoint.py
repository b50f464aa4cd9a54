"""A token endpoint and an API in this process, whose answers a test can change."""

import base64
import json
import random
import threading
import time
from urllib.parse import parse_qs, parse_qsl, urlsplit

from tests.http_clients.api import Reply

JSON = ("Content-Type", "application/json")


class Endpoint:
    """Issues tokens at ``/token``, rotates refresh tokens strictly, protects the rest.

    `answers` holds what the next token requests get in place of a token: a Reply, or a
    function of the request. `extra` are further members of token answers, those that
    are None are left out. `asked` are the forms of the token requests. Two endpoints
    with the same seed issue the same tokens.
    """

    def __init__(self, api, *, seed=None):
        self.api = api
        self._random = random.Random(seed)
        api.answer = self._answer
        self.life = 3600
        self.extra = {}
        self.answers = []
        self.asked = []
        self.valid = set()
        self.refresh_token = None
        self._guard = threading.Lock()

    @property
    def url(self):
        return self.api.url

    @property
    def token_url(self):
        return f"{self.api.origin}/token"

    @property
    def token_requests(self):
        return [r for r in self.api.seen if urlsplit(r.path).path == "/token"]

    def issue(self, *, expired=False, **changes):
        """Return a token as a script has saved it."""
        with self._guard:
            token = self._issued()
        token["expires_at"] = time.time() + (-10 if expired else self.life)
        return {**token, **changes}

    def _new(self):
        return base64.urlsafe_b64encode(self._random.randbytes(24)).decode()

    def _issued(self):
        access = self._new()
        self.valid.add(access)
        self.refresh_token = self._new()
        members = {
            "access_token": access,
            "refresh_token": self.refresh_token,
            "token_type": "Bearer",
            "expires_in": self.life,
            **self.extra,
        }
        return {name: value for name, value in members.items() if value is not None}

    def _answer(self, request):
        path = urlsplit(request.path).path
        if path == "/token":
            with self._guard:
                return self._token_reply(request)
        sent = (request.authorization or "").removeprefix("Bearer ")
        query = parse_qs(urlsplit(request.path).query).get("access_token", [""])
        status = 200 if {sent, *query} & self.valid else 401
        return Reply(status, (JSON,), json.dumps({"path": path}).encode())

    def _token_reply(self, request):
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        self.asked.append(form)
        if self.answers:
            answer = self.answers.pop(0)
            return answer(request) if callable(answer) else answer
        if form.get("grant_type") == "refresh_token" and (
            form.get("refresh_token") != self.refresh_token
        ):
            return refusal("invalid_grant", error_description="spent")
        return json_reply(self._issued())

    def refuse_tokens(self):
        """Have the API refuse all tokens issued until now."""
        self.valid.clear()


def json_reply(members, status=200):
    return Reply(status, (JSON,), json.dumps(members).encode())


def refusal(code, status=400, **members):
    return json_reply({"error": code, **members}, status)
