"""One login in a directory, and the workers that share it."""

import ssl
import threading
import time

from oauth_auth import FileStore, RefreshToken
from oauth_auth.http_clients.requests import RequestsAuth
from oauth_auth.renewal import TokenSource
from oauth_auth.transport import HttpOptions
from tests.faults.scenarios import OwnStore

YEAR = 365 * 86400.0
#: One for all: httpx reads all certificates of the system to make one for a client.
CONTEXT = ssl.create_default_context()


def log_in(server, path, *, kind=RequestsAuth, where=None, life=YEAR, **settings):
    """Return an auth object for a new login whose access token is good.

    Args:
        server: The testing server.
        path: The store's directory.
        kind: The class to build.
        where: Keywords that say where the authorization server is; by default at its
            token endpoint.
        life: Seconds for which the client takes the access token to be good.
        settings: For `kind`.
    """
    tokens = server.issue()
    settings.setdefault("http", HttpOptions(verify=CONTEXT))
    grant = RefreshToken(
        **(where or {"token_endpoint": server.token_endpoint}),
        client_id=server.client_id,
        client_secret=server.client_secret,
        token={**tokens, "expires_at": time.time() + life},
    )
    auth = kind(grant, store=FileStore(path), **settings)
    auth.token()
    return auth


def record_of(auth):
    """Return the record in the store, with its mark."""
    source = auth._resolved()
    return source.store.read(source.record_id)


def record_file(auth):
    """Return the path of the record's own file; mark and journal lie beside it."""
    source = auth._resolved()
    return source.store.path / "records" / source.record_id


def spent(server):
    """Return the fingerprints of the refresh tokens that the server was sent."""
    return [request.refresh_token for request in server.token_log()]


class OtherWorker:
    """A worker that shares nothing with an auth object but the store's directory."""

    def __init__(self, auth):
        source = auth._resolved()
        self.source = TokenSource(OwnStore(source.store.path, None), source.record_id)
        self._terms = auth._terms_for(None)

    def token(self):
        return self.source.obtain(self._terms).token

    def renew(self):
        seen = self.source.held or self.source.look()
        return self.source.obtain(self._terms, seen).token


def over(wire, server, path, **options):
    """Return a login whose token endpoint is at the other end of a wire."""
    return log_in(server, path, where={"token_endpoint": wire.url}, **options)


def settle():
    """Wait for the renewals that are under way."""
    for thread in threading.enumerate():
        if thread.name == "oauth_auth renewal":
            thread.join(20)
            assert not thread.is_alive()
