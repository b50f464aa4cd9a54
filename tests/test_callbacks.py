"""Auth objects that are used inside one another's callbacks: nothing waits for ever."""

import logging
import threading

import pytest

from oauth_auth import (
    ClientCredentials,
    FileStore,
    MemoryStore,
    OAuthAuth,
    RefreshToken,
    errors,
)
from oauth_auth.testing import TestingServer
from tests.fake_server import TOKEN_ENDPOINT, FakeServer

FOREVER = 10.0


@pytest.fixture
def server():
    return FakeServer()


@pytest.fixture(params=["memory", "file"])
def store(request, tmp_path):
    return MemoryStore() if request.param == "memory" else FileStore(tmp_path / "store")


def machine(server, store, account, **settings):
    """Return an object of its own, with a store object of its own where that can be."""
    if isinstance(store, FileStore):
        store = FileStore(store.path)
    grant = ClientCredentials(
        token_endpoint=TOKEN_ENDPOINT, client_id="machine", client_secret="s3cr3t-value"
    )
    settings.setdefault("http", server.http)
    return OAuthAuth(grant, store=store, account=account, **settings)


def ended(work):
    """Run something that must not hang; return what it returns."""
    results = []
    thread = threading.Thread(target=lambda: results.append(work()), daemon=True)
    thread.start()
    thread.join(FOREVER)
    assert results, "it hangs"
    return results[0]


@pytest.mark.parametrize("account", ["same", "another"])
def test_on_token_may_use_another_object(server, store, account):
    """No lock is held any more when the new token is announced. M71."""
    inner = machine(server, store, account)
    seen = []
    outer = machine(
        server, store, "same", on_token=lambda _: seen.append(inner.renew())
    )
    token = ended(outer.token)
    assert len(seen) == 1
    assert seen[0].access_token != token.access_token
    assert server.token_requests == 2


@pytest.mark.parametrize("account", ["same", "another"])
@pytest.mark.parametrize("where", ["http factory", "log handler"])
def test_what_runs_amid_a_renewal_need_not_wait_for_it(server, store, account, where):
    """Another login's token is had there; of its own it is said that it is not. M71."""
    inner = machine(server, store, account)
    said = []

    def ask(*_args):
        try:
            said.append(inner.access_token())
        except errors.OAuthAuthError as error:
            said.append(str(error))
        return server.http()

    handler = logging.Handler()
    handler.emit = ask
    inside = logging.getLogger("somewhere")
    if where == "log handler":
        server.script.append(lambda _form: inside.warning("inside"))
        outer = machine(server, store, "same")
    else:
        outer = machine(server, store, "same", http=ask)
    inside.addHandler(handler)
    try:
        assert ended(outer.access_token)
    finally:
        inside.removeHandler(handler)
    assert ("its own renewal asked for it" in said[0]) is (account == "same")
    assert ended(inner.access_token)
    assert server.token_requests == (1 if account == "same" else 2)


def test_on_token_hears_of_a_server_that_does_not_rotate(store):
    """Its refresh token stays the seed's, and the access token is new."""
    with TestingServer(rotation="none") as testing:
        seed = {**testing.issue(), "expires_at": 1.0}
        heard = []
        auth = OAuthAuth(
            RefreshToken(
                testing.issuer,
                client_id=testing.client_id,
                client_secret=testing.client_secret,
                token=seed,
            ),
            store=store,
            on_token=heard.append,
        )
        token = auth.token()
    assert token.refresh_token == seed["refresh_token"]
    assert heard == [token]
