"""Httpx2Auth: the token in httpx2."""

from __future__ import annotations

from typing import Any, ClassVar

import httpx2

from oauth_auth.http_clients.flow import FlowAuth

__all__ = ["Httpx2Auth"]


class Httpx2Auth(FlowAuth, httpx2.Auth):
    """The token in httpx2: ``auth=`` of a client or call, sync or async.

    See `oauth_auth.token_auth.TokenAuth` for the arguments.
    """

    _library: ClassVar[str | None] = "httpx2"


def __getattr__(name: str) -> Any:
    if name != "EndpointUnreachable":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from oauth_auth.http_clients.unreachable import unreachable_like

    return unreachable_like(httpx2.ConnectError, __name__)
