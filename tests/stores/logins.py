"""A login whose store lies where writing may fail, and what it says meanwhile."""

import logging

import pytest

from oauth_auth import (
    ClientCredentials,
    FileStore,
    OAuthAuth,
    RefreshToken,
    errors,
    sources,
)
from tests.fake_server import TOKEN_ENDPOINT, FakeServer


class Login:
    """A login at the strictest server.

    Args:
        path: Where its store shall be.
        machine: Whether it needs no person.
    """

    def __init__(self, path, *, machine=False):
        self.server = FakeServer()
        self.store = FileStore(path)
        self.grant = (
            ClientCredentials(
                token_endpoint=TOKEN_ENDPOINT, client_id="m", client_secret="s3cr3t"
            )
            if machine
            else RefreshToken(
                token_endpoint=TOKEN_ENDPOINT,
                client_id="a",
                refresh_token=self.server.seed(),
            )
        )
        self.auth = self.worker()

    def worker(self):
        """Return what a process that starts now builds."""
        sources._sources.clear()
        sources._identifiers.clear()
        return OAuthAuth(self.grant, store=self.store, http=self.server.http)

    def stored(self):
        """Return the token in the store."""
        return FileStore(self.store.path).read(self.auth._resolved().record_id).token

    def refused(self, words):
        """Nothing is spent, and the error says why; the token in use goes on."""
        before, token = self.server.token_requests, self.auth.token()
        with pytest.raises(errors.StoreNotWritable) as caught:
            self.auth.renew()
        assert str(self.store.path) in str(caught.value)
        assert words in str(caught.value)
        assert self.server.token_requests == before
        assert self.auth.token() == self.worker().token() == token == self.stored()

    def goes_on(self):
        """The login is renewed and saved, and another worker goes on from it."""
        for auth in (self.auth, self.worker()):
            before = self.server.token_requests
            assert auth.renew() == self.stored()
            assert self.server.token_requests == before + 1
        assert self.server.families_revoked == 0


def warnings_of(act):
    """Return what is said in the log meanwhile."""
    said = []

    class Handler(logging.Handler):
        def emit(self, record):
            said.append(record.getMessage())

    handler = Handler(logging.WARNING)
    logging.getLogger("oauth_auth").addHandler(handler)
    try:
        act()
    finally:
        logging.getLogger("oauth_auth").removeHandler(handler)
    return said
