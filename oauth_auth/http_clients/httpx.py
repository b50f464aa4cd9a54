"""HttpxAuth: the token in httpx."""

from __future__ import annotations

from typing import Any, ClassVar

import httpx

from oauth_auth.http_clients.flow import FlowAuth

__all__ = ["HttpxAuth"]


class HttpxAuth(FlowAuth, httpx.Auth):
    """The token in httpx: ``auth=`` of a client or call, sync or async.

    See `oauth_auth.token_auth.TokenAuth` for the arguments.
    """

    _library: ClassVar[str | None] = "httpx"


def __getattr__(name: str) -> Any:
    if name != "EndpointUnreachable":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from oauth_auth.http_clients.unreachable import unreachable_like

    return unreachable_like(httpx.ConnectError, __name__)
