"""FlowAuth: the token in httpx and httpx2, whose auth is a generator.

A flow yields a request and gets the response. It holds no lock and no other state
while it waits at a yield: the client may close it from another task, or never resume
it. The token request is never yielded, since it would end up in the response's history
and in the user's event hooks; a flight sends it.
"""

from __future__ import annotations

import importlib
import time
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn, final

from oauth_auth.http_clients.base import UNAUTHORIZED, RequestAuth
from oauth_auth.lazy_errors import errors
from oauth_auth.origins import origin_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from oauth_auth.held import Held
    from oauth_auth.protocol import Verdict

__all__ = ["FlowAuth"]


@final
class _Ready:
    """What one request got, for the next one to the same origin."""

    __slots__ = ("held", "host", "origin", "port", "scheme")

    def __init__(self, url: Any, origin: str, held: Held) -> None:
        self.scheme: Final[str] = url.scheme
        self.host: Final[bytes] = url.raw_host
        self.port: Final[int | None] = url.port
        self.origin: Final = origin
        self.held: Final = held


@final
class _Sent:
    """One request as it was sent: what is needed to judge its 401."""

    __slots__ = ("file", "position", "ready")

    def __init__(self, ready: _Ready, file: Any, position: int) -> None:
        self.ready: Final = ready
        #: The file that is the body, and where it stood before; None if it cannot seek.
        self.file: Final = file
        self.position: Final = position


class FlowAuth(RequestAuth):
    """What httpx and httpx2 share; their requests and responses have one shape."""

    # The flow reads neither, so that streams stay streams.
    requires_request_body: ClassVar[bool] = False
    requires_response_body: ClassVar[bool] = False
    # Not the name of what RequestsAuth has: OAuthAuth is both.
    _flow_ready: _Ready | None = None

    def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:
        """Attach the token, and answer a 401; for the library's sync client.

        Raises:
            LoginRequired: A person has to log in.
            EndpointUnreachable: The token could not be renewed; also the library's
                ``ConnectError``.
            OAuthAuthError: No token is to be had.
        """
        ready = self._flow_ready_for(request)
        if ready is None:
            origin = self._origins.decide(str(request.url))
            if origin is None:
                yield request
                return
            try:
                held = self._attachable(_library_of(request))
            except errors.EndpointUnreachable as error:
                _raise_for_library(error, request)
            ready = self._flow_made_ready(request, origin, held)
        request.headers["Authorization"] = ready.held.authorization
        file, position = _file_of(request)
        response = yield request
        if response.status_code != UNAUTHORIZED:
            _accepted(ready, response)
            return
        sent = _Sent(ready, file, position)
        verdict = self._judged(sent, response)
        if not verdict.helps:
            return
        try:
            newer = self._held(ready.held, _library_of(request))
        except errors.EndpointUnreachable as error:
            _raise_for_library(error, request)
        if verdict.repeats:
            again = self._prepared_again(sent, response, newer)
            response = yield again
            if response.status_code != UNAUTHORIZED:
                newer.accepted.add(ready.origin)

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
        """Do what `sync_auth_flow` does, for the library's async client."""
        ready = self._flow_ready_for(request)
        if ready is None:
            origin = self._origins.decide(str(request.url))
            if origin is None:
                yield request
                return
            try:
                held = await self._aattachable(_library_of(request))
            except errors.EndpointUnreachable as error:
                _raise_for_library(error, request)
            ready = self._flow_made_ready(request, origin, held)
        request.headers["Authorization"] = ready.held.authorization
        file, position = _file_of(request)
        response = yield request
        if response.status_code != UNAUTHORIZED:
            _accepted(ready, response)
            return
        sent = _Sent(ready, file, position)
        verdict = await self._ajudged(sent, response)
        if not verdict.helps:
            return
        try:
            newer = await self._aheld(ready.held, _library_of(request))
        except errors.EndpointUnreachable as error:
            _raise_for_library(error, request)
        if verdict.repeats:
            again = self._prepared_again(sent, response, newer)
            response = yield again
            if response.status_code != UNAUTHORIZED:
                newer.accepted.add(ready.origin)

    def _flow_ready_for(self, request: Any) -> _Ready | None:
        """Return what the last request got, if that will do; nearly always it does."""
        ready = self._flow_ready
        if ready is None:
            return None
        url, held = request.url, ready.held
        if (
            held is self._source.held  # type: ignore[union-attr] # has been set
            and not held.rejected
            and time.time() < held.fresh_until
            and url.raw_host == ready.host
            and url.port == ready.port
            and url.scheme == ready.scheme
        ):
            return ready
        return None

    def _flow_made_ready(self, request: Any, origin: str, held: Held) -> _Ready:
        self._flow_ready = ready = _Ready(request.url, origin, held)
        return ready

    def _judged(self, sent: _Sent, response: Any) -> Verdict:
        facts = _facts(sent, response)
        return self._verdict(sent.ready.held, sent.ready.origin, **facts)

    async def _ajudged(self, sent: _Sent, response: Any) -> Verdict:
        facts = _facts(sent, response)
        return await self._averdict(sent.ready.held, sent.ready.origin, **facts)

    def _prepared_again(self, sent: _Sent, response: Any, held: Held) -> Any:
        """Return the request that got the 401, with a newer token.

        After redirects within the origin that is the last one: sending the first one
        again could repeat what a POST has done.
        """
        request = response.request
        request.headers["Authorization"] = self._authorization(held)
        if sent.file is not None:
            sent.file.seek(sent.position)
        if response.cookies:
            _add_cookies(request, response.cookies)
        return request


def _library_of(request: Any) -> str:
    return "httpx2" if type(request).__module__.startswith("httpx2") else "httpx"


def _raise_for_library(error: Any, request: Any) -> NoReturn:
    module = importlib.import_module(f"oauth_auth.http_clients.{_library_of(request)}")
    raise module.EndpointUnreachable(
        error.message, request, **error._facts
    ) from error.__cause__


def _facts(sent: _Sent, response: Any) -> dict[str, Any]:
    # The client may have followed redirects: this is the last one's request.
    request = response.request
    return {
        "challenges": response.headers.get_list("WWW-Authenticate"),
        "carries_our_token": _carries(request, sent.ready.held),
        "same_origin": origin_of(str(request.url)) == sent.ready.origin,
        "replayable": _replayable(sent, request),
    }


def _accepted(ready: _Ready, response: Any) -> None:
    accepted = ready.held.accepted
    if ready.origin not in accepted and _carries(response.request, ready.held):
        accepted.add(ready.origin)


def _carries(request: Any, held: Held) -> bool:
    return bool(request.headers.get("Authorization") == held.authorization)


def _add_cookies(request: Any, cookies: Any) -> None:
    """Add what the 401 has set to the cookies that were sent before."""
    before = request.headers.pop("Cookie", "")
    # It would not touch a Cookie header that is there already.
    cookies.set_cookie_header(request)
    after = request.headers.get("Cookie", "")
    names = {pair.partition("=")[0] for pair in after.split("; ")}
    pairs = [p for p in before.split("; ") if p.partition("=")[0] not in names]
    if pairs:
        request.headers["Cookie"] = "; ".join(filter(None, [*pairs, after]))


def _file_of(request: Any) -> tuple[Any, int]:
    """Return the file that is the body, if it can seek, and where it stands."""
    file: Any = getattr(request.stream, "_stream", None)
    if isinstance(file, bytes):  # nearly always
        return None, 0
    # An async file's methods have to be awaited, and an async stream tells them apart.
    if not hasattr(file, "seek") or not hasattr(request.stream, "__iter__"):
        return None, 0
    try:
        return (file, int(file.tell())) if file.seekable() else (None, 0)
    except (AttributeError, OSError, ValueError):
        return None, 0


def _replayable(sent: _Sent, request: Any) -> bool:
    """Whether the body can be sent again as it was.

    What is read once (a generator, a socket) would be empty the second time, and the
    server would take that for the whole.
    """
    # A redirected request has the stream of the first one, without its `_content`.
    in_memory = isinstance(getattr(request.stream, "_stream", None), bytes)
    if in_memory or sent.file is not None:
        return True
    fields = getattr(request.stream, "fields", None)
    if fields is None:
        return False
    # Multipart rewinds its files itself, those that can be rewound.
    return all(_rewindable(getattr(field, "file", b"")) for field in fields)


def _rewindable(file: Any) -> bool:
    if isinstance(file, str | bytes):
        return True
    seekable = getattr(file, "seekable", None)
    return bool(seekable is not None and seekable())
