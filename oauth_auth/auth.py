"""OAuthAuth: the one object for requests, httpx and httpx2.

The flow of one request, and where each step is:

    attach   http_clients/   the library asks its auth object; `TokenSource` hands out
                             the token in memory (renewal.py)
    send                     the library sends the request; no lock is held
    401      protocol.py     `judge_401` decides whether renewing can help
    renew    renewal.py      one flight per process and login: lock, read again,
             turn.py         journal, ask once, save
    retry    http_clients/   once; whatever comes back is the answer

The settings and token methods are in token_auth.py. This module imports every HTTP
library that is installed; a program that wants just one imports, say,
`oauth_auth.http_clients.requests.RequestsAuth`, which is the same without the others.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar

from oauth_auth.http_clients.httpx import HttpxAuth
from oauth_auth.http_clients.requests import RequestsAuth

if TYPE_CHECKING or find_spec("httpx2") is not None:
    from oauth_auth.http_clients.httpx2 import Httpx2Auth

    # Both libraries' Auth have an `auth_flow`, each for its own requests; neither is
    # used, since the sync and async flows above it are overridden.
    class _AllClients(RequestsAuth, HttpxAuth, Httpx2Auth):  # type: ignore[misc]
        pass

else:

    class _AllClients(RequestsAuth, HttpxAuth):
        pass


__all__ = ["OAuthAuth"]


class OAuthAuth(_AllClients):
    """OAuth 2 as ``auth=`` of requests, httpx and httpx2, sync and async, all at once.

    It attaches the access token, renews it before it expires and when the API answers
    401, and retries once. Tokens are shared with every thread, task and process that
    uses the same store; a rotating refresh token is spent by one of them at a time.

    Where ``httpx2.alias_httpx()`` is used, it must be called before this class is
    imported, since importing it imports httpx.

    See `oauth_auth.token_auth.TokenAuth` for the arguments.

    Example:
        >>> from oauth_auth import ClientCredentials, MemoryStore, OAuthAuth
        >>> OAuthAuth(
        ...     ClientCredentials(
        ...         "https://auth.example.com", client_id="reports", client_secret="x"
        ...     ),
        ...     store=MemoryStore(),
        ...     account="tenant-1",
        ... )
        OAuthAuth(ClientCredentials('https://auth.example.com', client_id='reports'), \
store=MemoryStore(), account='tenant-1')
    """

    # Outside a request, whichever library is loaded reaches the authorization server.
    _library: ClassVar[str | None] = None
