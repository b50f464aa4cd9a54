"""The testing server's endpoints: which request goes where, and what is answered."""

from __future__ import annotations

import time
from functools import partial
from hashlib import sha256
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from oauth_auth.testing.assertions import Assertions
from oauth_auth.testing.authority import AccessToken, Authority
from oauth_auth.testing.authorization import authorize
from oauth_auth.testing.clients import CONFIDENTIAL, PUBLIC, Presented, Refusal
from oauth_auth.testing.codes import Codes
from oauth_auth.testing.counts import Recorder, fingerprint
from oauth_auth.testing.devices import Devices
from oauth_auth.testing.faults import Fault, FaultQueue
from oauth_auth.testing.forms import (
    check_form,
    form_of,
    from_client,
    parameters,
    refusable,
)
from oauth_auth.testing.http_message import HttpResponse, json_response
from oauth_auth.testing.id_tokens import IdTokens
from oauth_auth.testing.introspection import introspect
from oauth_auth.testing.machine_grants import CLIENT_OPTIONAL, MachineGrants
from oauth_auth.testing.metadata import describe
from oauth_auth.testing.verification import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oauth_auth.testing.http_message import HttpRequest
    from oauth_auth.testing.settings import Settings

__all__ = ["CONTROL", "FAULTY", "Exchange", "Site"]

#: Where the handle speaks to the server; nothing there is counted or goes wrong.
CONTROL: Final = "/.control"
#: The endpoints that can be told to fail.
FAULTY: Final = (
    *("token", "api", "revocation", "metadata"),
    *("authorization", "device", "introspection", "jwks"),
)

_METADATA: Final = (
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
)
_INVALID_TOKEN: Final = ("WWW-Authenticate", 'Bearer error="invalid_token"')
_REDIRECTS: Final = ("301", "302", "303", "307", "308")


class Exchange:
    """One request on the way to its answer.

    Args:
        process: Does what the request asks for.
        fault: What is to go wrong.
        settle: Called with the status of the answer once that is known.
        end: Called at the end with whether all of the answer was sent.
    """

    __slots__ = ("_end", "_process", "_settle", "fault")

    def __init__(
        self,
        process: Callable[[], HttpResponse],
        fault: Fault | None = None,
        settle: Callable[[int], None] | None = None,
        end: Callable[[bool], None] | None = None,
    ) -> None:
        self.fault: Final = fault
        self._process: Final = process
        self._settle: Final = settle
        self._end: Final = end

    def answer(self) -> HttpResponse:
        """Process the request, unless the fault knows the answer already."""
        fixed = self.fault.answer if self.fault else None
        response = self._process() if fixed is None else fixed
        if self._settle is not None:
            self._settle(response.status)
        return response

    def end(self, *, sent: bool) -> None:
        """Take note of whether all of the answer was sent."""
        if self._end is not None:
            self._end(sent)


class Site:
    """An authorization server and a protected API.

    Args:
        settings: How it behaves at first, and after `reset`.

    Attributes:
        issuer: Its URL, to be set before the first request.
        control: Answers what the handle asks.
    """

    def __init__(self, settings: Settings) -> None:
        self.issuer = ""
        self.control: Callable[[HttpRequest], HttpResponse]
        self._initial: Final = settings
        self.id_tokens: Final = IdTokens(
            lambda: self.authority.settings, lambda: self.issuer
        )
        self._routes: Final = {
            "/authorize": self._authorization,
            "/token": self._token,
            "/device_authorization": self._device_authorization,
            "/device": self._verification,
            "/revoke": self._revocation,
            "/introspect": self._introspection,
            "/jwks": self._jwks,
            "/api": self._api,
            "/redirect": self._redirects,
            CONTROL: lambda request: Exchange(lambda: self.control(request)),
            **dict.fromkeys(_METADATA, self._metadata),
        }
        self.reset()

    def reset(self) -> None:
        """Forget everything but the issuer and the keys."""
        self.reset_counts()
        self.authority = Authority(self._initial, self.count)
        self.assertions = Assertions(
            lambda: self.authority.settings, lambda: self.issuer
        )
        MachineGrants(self.authority, self.assertions)
        self.codes = Codes(self.authority, self.id_tokens)
        self.devices = Devices(
            self.authority, self.id_tokens, lambda: f"{self.issuer}/device"
        )
        self.faults = {endpoint: FaultQueue() for endpoint in FAULTY}

    def reset_counts(self) -> None:
        """Forget what was seen, and nothing else."""
        self.recorder = Recorder()

    def count(self, name: str) -> None:
        """Count one of the fields of `Counts`."""
        self.recorder.counts[name] += 1

    def accept(self, request: HttpRequest) -> Exchange:
        """Take note of a request, and say how to answer it."""
        path = "/api" if request.path.startswith("/api/") else request.path
        if path in self._routes:
            return self._routes[path](request)
        return Exchange(lambda: json_response(404, {"error": "not_found"}))

    def _metadata(self, _: HttpRequest) -> Exchange:
        self.count("metadata_requests")
        return Exchange(
            lambda: json_response(200, describe(self.issuer, self.authority)),
            self.faults["metadata"].take(),
        )

    def _jwks(self, _: HttpRequest) -> Exchange:
        self.count("jwks_requests")
        return Exchange(
            lambda: json_response(200, self.id_tokens.jwks()),
            self.faults["jwks"].take(),
        )

    def _authorization(self, request: HttpRequest) -> Exchange:
        self.count("authorization_requests")
        return Exchange(
            lambda: authorize(
                request, self.codes, self.authority.settings, self.issuer
            ),
            self.faults["authorization"].take(),
        )

    def _device_authorization(self, request: HttpRequest) -> Exchange:
        self.count("device_requests")

        def process() -> HttpResponse:
            return json_response(
                200, self.devices.start(*from_client(request, self.assertions))
            )

        return Exchange(refusable(process), self.faults["device"].take())

    def _verification(self, request: HttpRequest) -> Exchange:
        return Exchange(lambda: verify(request, self.devices, self.authority.settings))

    def _token(self, request: HttpRequest) -> Exchange:
        sent = parameters(request)
        form = form_of(sent)
        presented = Presented.read(request.headers.get("authorization"), form)
        refresh_token = form.get("refresh_token")
        entry = self.recorder.token_request(
            grant_type=form.get("grant_type"),
            client_id=presented.client_id,
            client_auth=presented.method,
            headers=tuple(request.headers),
            parameters=tuple(name for name, _ in sent),
            refresh_token=refresh_token and fingerprint(refresh_token),
            query=request.query,
        )

        def process() -> HttpResponse:
            check_form(request, sent)
            optional = form.get("grant_type") in CLIENT_OPTIONAL
            client = self.assertions.client_of(presented, optional=optional)
            answer = self.authority.token(client, form)
            issued = answer.get("refresh_token")
            entry["issued"] = issued and fingerprint(str(issued))
            return json_response(200, answer)

        def settle(status: int) -> None:
            entry.update(status=status, settled=time.time())

        fault = self.faults["token"].take()
        end = partial(entry.__setitem__, "answered")
        return Exchange(refusable(process), fault, settle, end)

    def _revocation(self, request: HttpRequest) -> Exchange:
        """RFC 7009 section 2."""
        self.count("revocation_requests")

        def process() -> HttpResponse:
            client, form = from_client(request, self.assertions)
            self.authority.revoke(client, _token_in(form))
            return HttpResponse(200)

        return Exchange(refusable(process), self.faults["revocation"].take())

    def _introspection(self, request: HttpRequest) -> Exchange:
        """RFC 7662 section 2."""
        self.count("introspection_requests")

        def process() -> HttpResponse:
            client, form = from_client(request, self.assertions)
            value = _token_in(form)
            told = introspect(self.authority, client, value, self.issuer)
            return json_response(200, told)

        return Exchange(refusable(process), self.faults["introspection"].take())

    def _api(self, request: HttpRequest) -> Exchange:
        return self._resource(request, _echo)

    def _redirects(self, request: HttpRequest) -> Exchange:
        return self._resource(request, _redirect)

    def _resource(
        self,
        request: HttpRequest,
        respond: Callable[[HttpRequest, AccessToken | None], HttpResponse],
    ) -> Exchange:
        """A protected resource (RFC 6750)."""
        authorization = request.headers.get("authorization", "")
        scheme, _, value = authorization.partition(" ")
        scheme = scheme.lower()
        seen = fingerprint(value) if scheme == "bearer" else None
        recorder = self.recorder
        entry = recorder.api_request(
            method=request.method,
            path=request.path,
            headers=tuple(request.headers),
            authorization=scheme or None,
            access_token=seen,
        )

        def process() -> HttpResponse:
            token = self.authority.check(value) if seen else None
            protected = request.path != "/redirect" or "protected=1" in request.query
            if token is None and protected:
                challenge = _INVALID_TOKEN if seen else ("WWW-Authenticate", "Bearer")
                return json_response(401, {"error": "unauthorized"}, challenge)
            if token is not None:
                recorder.counts["api_ok"] += 1
            return respond(request, token)

        def settle(status: int) -> None:
            entry["status"] = status
            if status == HTTPStatus.UNAUTHORIZED:
                recorder.counts["api_unauthorized"] += 1

        return Exchange(process, self.faults["api"].take(), settle)

    def about(self) -> dict[str, Any]:
        """Return what a handle has to know."""
        return {
            "issuer": self.issuer,
            "client_id": CONFIDENTIAL.client_id,
            "client_secret": CONFIDENTIAL.client_secret,
            "public_client_id": PUBLIC.client_id,
        }


def _token_in(form: Mapping[str, str]) -> str:
    if "token" not in form:
        raise Refusal("invalid_request", "token is missing")
    return form["token"]


def _echo(request: HttpRequest, token: AccessToken | None) -> HttpResponse:
    return json_response(
        200,
        {
            "method": request.method,
            "path": request.path,
            "query": request.query,
            "sub": token and token.family.account,
            "client_id": token and token.family.client_id,
            "scope": token and token.scope,
            "body_length": len(request.body),
            "body_sha256": sha256(request.body).hexdigest(),
        },
    )


def _redirect(request: HttpRequest, _: AccessToken | None) -> HttpResponse:
    query = parse_qs(request.query)
    status = query.get("status", ["302"])[0]
    if "to" not in query or status not in _REDIRECTS:
        return json_response(400, {"error": "usage: /redirect?to=URL&status=302"})
    return json_response(int(status), {}, ("Location", query["to"][0]))
