"""Call: how one call of the caller's wants a renewal to be done, should one be due."""

from __future__ import annotations

import contextlib
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any, Final, final

from urllib3.util import Timeout

from oauth_auth.oauth2_session.asking import basic
from oauth_auth.oauth2_session.hidden import Hidden

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from oauth_auth.oauth2_session.asking import Sent
    from oauth_auth.secret import Secret

__all__ = ["Call", "call_under_way", "calling", "of_request"]

#: Seconds for a renewal where the call names no timeout: the others wait for it.
_TIMEOUT: Final = 10.0
#: What of a request's arguments also holds for the renewal before it.
_SHARED: Final = ("timeout", "verify", "proxies", "cert")


@final
class Call:
    """The settings of one call, and what came of them.

    Args:
        url: The token endpoint.
        given: ``auth``, ``timeout``, ``verify``, ``proxies``, ``cert``, ``headers``,
            ``body`` and further parameters of the refresh, as ``kwargs``.
        quiet: Whether the caller gets the token anyway, and nobody need be told.
    """

    __slots__ = ("context", "failure", "given", "quiet", "sent", "url")

    def __init__(
        self, url: str, given: Mapping[str, Any], *, quiet: bool = False
    ) -> None:
        self.url: Final = url
        self.quiet: Final = quiet
        self.given: Final = Hidden({"timeout": None, **given})
        self.context: Final = copy_context()
        #: The request, once it is built.
        self.sent: Sent | None = None
        #: What the caller's own code raised.
        self.failure: Exception | None = None

    @property
    def wait(self) -> Any:
        """What requests is to wait, which is never for ever."""
        wanted = self.given.value["timeout"]
        if isinstance(wanted, tuple):
            return tuple(_TIMEOUT if part is None else part for part in wanted)
        return _TIMEOUT if wanted is None else wanted

    @property
    def timeout(self) -> float:
        """Seconds for all of it: those to connect, and those to answer."""
        wanted = self.given.value["timeout"]
        if wanted is None:
            return _TIMEOUT
        if isinstance(wanted, Timeout):
            wanted = (
                (wanted.connect_timeout, wanted.read_timeout)
                if wanted.total is None
                else (wanted.total,)
            )
        parts = wanted if isinstance(wanted, tuple) else (wanted, wanted)
        return sum(
            float(part) if isinstance(part, int | float) else _TIMEOUT for part in parts
        )


def of_request(
    url: str,
    client_id: str | None,
    client_secret: Secret | None,
    kwargs: Hidden[dict[str, Any]],
) -> Call:
    """Return what a protected request says of the renewal before it.

    requests-oauthlib puts all that is left of the request's arguments into the form of
    the refresh (``allow_redirects=True``, say); they are not meant for it.

    Args:
        url: The token endpoint.
        client_id: Who authenticates with it, if the caller says so.
        client_secret: The secret that belongs to it.
        kwargs: The other arguments of the request.
    """
    auth = Hidden(kwargs.value.get("auth"))
    if auth.value is None and client_id and client_secret:
        auth = Hidden(basic(client_id, client_secret))
    return Call(
        url,
        {
            "auth": auth.value,
            "headers": None,
            "body": "",
            "kwargs": {},
            **{name: kwargs.value.get(name) for name in _SHARED},
        },
    )


#: The call of this thread or task.
_under_way: ContextVar[Call | None] = ContextVar(
    "oauth_auth_session_call", default=None
)


@contextlib.contextmanager
def calling(call: Call) -> Iterator[None]:
    """Have renewals that become necessary inside be done as a call wants it."""
    before = _under_way.set(call)
    try:
        yield
    finally:
        _under_way.reset(before)


def call_under_way() -> Call | None:
    """Return the call inside which this runs."""
    return _under_way.get()
