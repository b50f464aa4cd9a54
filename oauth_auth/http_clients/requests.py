"""RequestsAuth: the token in requests."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn, final

import requests
from requests.auth import AuthBase
from requests.cookies import extract_cookies_to_jar, get_cookie_header
from requests.utils import get_netrc_auth, rewind_body

from oauth_auth.http_clients.base import UNAUTHORIZED, RequestAuth
from oauth_auth.lazy_errors import errors
from oauth_auth.origins import origin_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_auth.held import Held

__all__ = ["RequestsAuth"]

#: Where a prepared request keeps the token that its header was mended with; redirects
#: and retries, which are copies, have none.
_HELD = "_oauth_auth_held"


@final
class _Ready:
    """What one request got, for the next one to the same origin."""

    __slots__ = ("held", "hook", "start")

    def __init__(
        self, start: str, held: Held, hook: Callable[..., requests.Response]
    ) -> None:
        #: How the URLs of the origin begin, with the slash that ends it.
        self.start: Final = start
        self.held: Final = held
        self.hook: Final = hook


class RequestsAuth(RequestAuth, AuthBase):
    """The token in requests: ``auth=`` of a call, or ``Session.auth``.

    See `oauth_auth.token_auth.TokenAuth` for the arguments.
    """

    _library: ClassVar[str | None] = "requests"
    _ready: _Ready | None = None
    _used = False

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        """Attach the token; requests calls this while it prepares a request.

        Raises:
            LoginRequired: A person has to log in.
            EndpointUnreachable: The token could not be renewed; also a
                `requests.ConnectionError`.
            OAuthAuthError: No token is to be had.
        """
        ready = self._ready
        if (
            ready is None
            or not (r.url or "").startswith(ready.start)
            or ready.held is not self._source.held  # type: ignore[union-attr] # has been set
            or ready.held.rejected
            or time.time() >= ready.held.fresh_until
        ):
            ready = self._get_ready(r)
            if ready is None:
                return r
        r.headers["Authorization"] = ready.held.authorization  # type: ignore[assignment]
        r.hooks["response"].append(ready.hook)
        return r

    def _get_ready(self, request: requests.PreparedRequest) -> _Ready | None:
        """Return what the request needs; None if its origin gets no token."""
        origin = self._origins.decide(request.url or "")
        if origin is None:
            return None
        try:
            held = self._attachable("requests")
        except errors.EndpointUnreachable as error:
            _raise_for_requests(error, request)
        # State of one request travels in the hook: this object serves many at once.
        ready = _Ready(f"{origin}/", held, partial(self._answered, held, origin))
        if self._used:
            self._ready = ready
        # Not for an object that is made for one request: the hook has the object, so
        # it would live until the garbage collector comes.
        self._used = True
        return ready

    def _answered(
        self, held: Held, origin: str, response: requests.Response, **kwargs: Any
    ) -> requests.Response:
        """Judge a response; requests calls this for every hop of a redirect too."""
        request = response.request
        # A prepared request may be sent many times, the next time with a newer token.
        held = getattr(request, _HELD, held)
        ours = request.headers.get("Authorization") == held.authorization
        if response.status_code != UNAUTHORIZED:
            if ours and origin not in held.accepted:
                held.accepted.add(origin)
            return response
        try:
            return self._unauthorized(held, origin, response, ours=ours, **kwargs)
        except BaseException:
            # Nobody will read it, and its connection would stay open.
            response.close()
            raise

    def _unauthorized(
        self,
        held: Held,
        origin: str,
        response: requests.Response,
        *,
        ours: bool,
        **kwargs: Any,
    ) -> requests.Response:
        request = response.request
        same_origin = origin_of(request.url or "") == origin
        replayable = _replayable(request)
        if same_origin and not ours and replayable and _replaced_by_netrc(request):
            # On redirects requests puts a netrc entry's password over our header.
            return self._sent_again(response, held, **kwargs)
        verdict = self._verdict(
            held,
            origin,
            challenges=[response.headers.get("WWW-Authenticate", "")],
            carries_our_token=ours,
            same_origin=same_origin,
            replayable=replayable,
        )
        if not verdict.helps:
            return response
        try:
            newer = self._held(held, "requests")
        except errors.EndpointUnreachable as error:
            _raise_for_requests(error, request)
        # Redirects start from the request as it is here, so it gets the newer token.
        request.headers["Authorization"] = self._authorization(newer)
        setattr(request, _HELD, newer)
        if not verdict.repeats:
            return response
        return self._sent_again(response, newer, **kwargs)

    def _sent_again(
        self, response: requests.Response, held: Held, **kwargs: Any
    ) -> requests.Response:
        _ = response.content  # to its end, so that the connection can be used again
        response.close()
        request = response.request.copy()
        _add_cookies(request, response)
        if not isinstance(request.body, str | bytes | None):
            rewind_body(request)
        request.headers["Authorization"] = self._authorization(held)
        start = time.perf_counter()
        connection: Any = response.connection
        again: requests.Response = connection.send(request, **kwargs)
        again.elapsed = timedelta(seconds=time.perf_counter() - start)
        again.history.append(response)
        if again.status_code != UNAUTHORIZED:
            held.accepted.add(origin_of(request.url or ""))
        return again


def _replayable(request: requests.PreparedRequest) -> bool:
    """Whether the body can be sent again from where it was.

    requests notes where a file stood before the first sending. Without that note a
    second sending would be empty, and the server would take it for the whole.
    """
    body: Any = request.body
    if body is None or isinstance(body, str | bytes):
        return True
    if not isinstance(getattr(request, "_body_position", None), int):
        return False
    seekable = getattr(body, "seekable", None)
    return bool(seekable()) if seekable is not None else hasattr(body, "seek")


def _replaced_by_netrc(request: requests.PreparedRequest) -> bool:
    return request.headers.get("Authorization", "").startswith("Basic ") and (
        get_netrc_auth(request.url or "") is not None
    )


def _add_cookies(
    request: requests.PreparedRequest, response: requests.Response
) -> None:
    """Add what the 401 has set to the cookies that were sent before."""
    jar: Any = request._cookies  # type: ignore[attr-defined] # as in requests.auth
    before = request.headers.pop("Cookie", None)
    if before != get_cookie_header(jar, request):  # type: ignore[no-untyped-call] # has no types
        # The caller wrote the header, and requests lets that stand above all cookies.
        if before is not None:
            request.headers["Cookie"] = before
        return
    extract_cookies_to_jar(jar, response.request, response.raw)  # type: ignore[no-untyped-call] # has no types
    request.prepare_cookies(jar)


def _raise_for_requests(error: Any, request: requests.PreparedRequest) -> NoReturn:
    raise __getattr__("EndpointUnreachable")(
        error.message, request, **error._facts
    ) from error.__cause__


def __getattr__(name: str) -> Any:
    if name != "EndpointUnreachable":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from oauth_auth.http_clients.unreachable import unreachable_like

    return unreachable_like(requests.ConnectionError, __name__)
