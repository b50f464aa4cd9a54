"""An authorization server to test against, in a process of its own.

`TestingServer` is an authorization server and a protected API on a free port of
127.0.0.1. It rotates refresh tokens, punishes their reuse, fails on demand, and
remembers what it saw, so that a test can say what a program did:

    import requests

    from oauth_auth import MemoryStore, OAuthAuth, RefreshToken
    from oauth_auth.testing import TestingServer

    with TestingServer(rotation="grace", grace=5.0) as server:
        auth = OAuthAuth(
            RefreshToken(
                server.issuer,
                client_id=server.client_id,
                client_secret=server.client_secret,
                refresh_token=server.issue()["refresh_token"],
            ),
            store=MemoryStore(),
        )
        server.token_faults.drop("after")  # the first answer is lost on the way
        assert requests.get(server.api_url, auth=auth).status_code == 200
        counts = server.counts()
        assert counts.replays_in_grace == 1
        assert counts.families_revoked == 0

In pytest the fixtures `oauth_server` and `oauth_server_factory` do the starting and
stopping; they are there as soon as oauth-auth is installed:

    def test_reports(oauth_server):
        oauth_server.revoke_access_tokens()  # the API answers 401 from now on
        ...
        assert oauth_server.counts().api_unauthorized == 1

The server needs h11, which httpx brings along.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oauth_auth.testing.counts import ApiRequest, Counts, TokenRequest, fingerprint
    from oauth_auth.testing.faults import Fault
    from oauth_auth.testing.http_message import HttpResponse
    from oauth_auth.testing.process import TestingServer
    from oauth_auth.testing.settings import ABSENT, ACTUAL
    from oauth_auth.testing.store_contract import StoreContract

__all__ = [
    "ABSENT",
    "ACTUAL",
    "ApiRequest",
    "Counts",
    "Fault",
    "HttpResponse",
    "StoreContract",
    "TestingServer",
    "TokenRequest",
    "fingerprint",
]

#: Where each name lives. Nothing is loaded before it is asked for, since the pytest
#: plugin imports this package in every test run of everybody who has it installed.
_HOMES = {
    "ABSENT": "settings",
    "ACTUAL": "settings",
    "ApiRequest": "counts",
    "Counts": "counts",
    "Fault": "faults",
    "HttpResponse": "http_message",
    "StoreContract": "store_contract",
    "TestingServer": "process",
    "TokenRequest": "counts",
    "fingerprint": "counts",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
