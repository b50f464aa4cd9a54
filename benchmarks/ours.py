"""oauth_auth, with each of the three libraries."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from benchmarks.candidate import HttpxCandidate, RequestsCandidate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import requests

    from benchmarks.login import Place
    from oauth_auth import FileStore, RefreshToken
    from oauth_auth.token_auth import TokenAuth

__all__ = ["OURS", "OursHttpx", "OursHttpx2", "OursRequests", "grant_of", "store_at"]

_SHARES = (
    "everything is the default: one `FileStore` for all workers, one auth object for "
    "all threads of a process"
)
_RENEWAL = (
    *("oauth_auth.errors", "oauth_auth.stores.file", "filelock", "anyio"),
    *("anyio.to_thread", "cryptography.hazmat.primitives.ciphers.aead"),
)
_LIFE = 3600.0


def store_at(directory: Path) -> FileStore:
    """Return the store of a place."""
    from oauth_auth import FileStore

    return FileStore(directory / "store")


def grant_of(place: Place) -> RefreshToken:
    """Return a grant that goes on with the login."""
    from oauth_auth import AuthorizationServer, RefreshToken

    login = place.login
    return RefreshToken(
        AuthorizationServer(token_endpoint=login.token_endpoint),
        client_id=login.client_id,
        client_secret=login.client_secret,
        refresh_token=login.refresh_token,
    )


def save(place: Place) -> None:
    """Keep the login in the store, as it would be after a while."""
    from oauth_auth.token import Token
    from oauth_auth.token_auth import TokenAuth

    login, grant = place.login, grant_of(place)
    store = store_at(place.directory)
    source = TokenAuth(grant, store=store, background=False)._resolved()
    obtained_at = min(time.time(), login.expires_at - _LIFE)
    if not login.expired:
        obtained_at = time.time()
    token = Token(
        login.access_token,
        expires_at=login.expires_at,
        obtained_at=obtained_at,
        refresh_token=login.refresh_token,
        scope="read write",
    )
    with store.lock(source.record_id, timeout=5.0) as transaction:
        transaction.save(transaction.read().succeed(token=token))


class OursRequests(RequestsCandidate):
    """RequestsAuth."""

    name = "oauth_auth"
    modules = (
        *_RENEWAL,
        *("oauth_auth.http_clients.requests", "oauth_auth.transport.requests"),
    )
    shares = _SHARES

    def save(self, place: Place) -> None:
        """Leave what a login leaves, for all workers."""
        save(place)

    def auth(self, place: Place, **settings: Any) -> TokenAuth:
        """Return an auth object."""
        from oauth_auth.http_clients.requests import RequestsAuth

        store = store_at(place.directory)
        return RequestsAuth(grant_of(place), store=store, **settings)

    def attach(self, place: Place) -> Callable[[requests.PreparedRequest], object]:
        """Return what puts the token into a request."""
        auth: Any = self.auth(place)
        return auth

    def session(self, place: Place, **settings: Any) -> Any:
        """Return a session whose auth object has read the token."""
        import requests

        session = requests.Session()
        auth: Any = self.auth(place, **settings)
        auth._resolved().look()
        session.auth = auth
        return session


class OursHttpx(HttpxCandidate):
    """HttpxAuth."""

    name = "oauth_auth"
    library = "httpx"
    modules = (
        *_RENEWAL,
        *("oauth_auth.http_clients.httpx", "oauth_auth.transport.httpx"),
    )
    shares = _SHARES

    def save(self, place: Place) -> None:
        """Leave what a login leaves, for all workers."""
        save(place)

    def auth(self, place: Place) -> Any:
        """Return an `Auth` object."""
        from oauth_auth.http_clients.httpx import HttpxAuth

        return HttpxAuth(grant_of(place), store=store_at(place.directory))


class OursHttpx2(OursHttpx):
    """Httpx2Auth."""

    library = "httpx2"
    modules = (
        *_RENEWAL,
        *("oauth_auth.http_clients.httpx2", "oauth_auth.transport.httpx"),
    )

    def auth(self, place: Place) -> Any:
        """Return an `Auth` object."""
        from oauth_auth.http_clients.httpx2 import Httpx2Auth

        return Httpx2Auth(grant_of(place), store=store_at(place.directory))


OURS = (OursRequests(), OursHttpx(), OursHttpx2())
