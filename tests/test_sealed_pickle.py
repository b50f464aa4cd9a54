"""Pickles and copies of auth objects: they work, and tell no secret."""

import copy
import multiprocessing
import multiprocessing.reduction
import pickle

import pytest
import requests

from oauth_auth import (
    ClientCredentials,
    FileStore,
    FromEnv,
    FromFile,
    HttpOptions,
    MemoryStore,
    OAuthAuth,
    RefreshToken,
    Token,
    errors,
)
from oauth_auth.http_clients.httpx import HttpxAuth
from oauth_auth.http_clients.httpx2 import Httpx2Auth
from oauth_auth.http_clients.requests import RequestsAuth
from oauth_auth.stores.keys import new_key
from oauth_auth.testing import TestingServer

SECRET = "Zq7-client-secret-value"
REFRESH_TOKEN = "Xw9-refresh-token-value"
ACCESS_TOKEN = "Jk3-access-token-value"


@pytest.fixture(autouse=True)
def _no_ambient_key(monkeypatch):
    monkeypatch.delenv("OAUTH_AUTH_KEY", raising=False)
    monkeypatch.delenv("OAUTH_AUTH_KEYRING", raising=False)


def machine(store, secret=SECRET, kind=OAuthAuth, **settings):
    grant = ClientCredentials(
        "https://auth.example.com", client_id="reports", client_secret=secret
    )
    return kind(grant, store=store, **settings)


def person(store):
    token = {"access_token": ACCESS_TOKEN, "refresh_token": REFRESH_TOKEN}
    grant = RefreshToken("https://auth.example.com", client_id="app", token=token)
    return OAuthAuth(grant, store=store)


def on_token(token):
    """Something that pickles by its name."""


def pickled(value):
    """Pickle in every protocol, and as multiprocessing does; return the last."""
    results = [pickle.dumps(value, protocol) for protocol in range(2, 6)]
    results.append(bytes(multiprocessing.reduction.ForkingPickler.dumps(value)))
    for data in results:
        for secret in (SECRET, REFRESH_TOKEN, ACCESS_TOKEN):
            for start in range(len(secret) - 7):
                assert secret[start : start + 8].encode() not in data
    return results[-1]


class TestRoundTrip:
    @pytest.mark.parametrize("kind", [OAuthAuth, RequestsAuth, HttpxAuth, Httpx2Auth])
    def test_a_literal_secret_is_sealed(self, tmp_path, kind):
        """The secret comes back, and no piece of it is in the pickle. M75."""
        auth = machine(FileStore(tmp_path), kind=kind)
        again = pickle.loads(pickled(auth))
        assert type(again) is kind
        assert again._grant.client_secret.reveal() == SECRET
        assert again._store == auth._store
        assert again._resolved() is auth._resolved()

    def test_a_seed_is_sealed(self, tmp_path):
        """Both its tokens come back, and no piece of them is in the pickle. M75."""
        auth = person(FileStore(tmp_path))
        again = pickle.loads(pickled(auth))
        assert again._grant.seed == auth._grant.seed
        assert again._grant.seed.access_token == ACCESS_TOKEN
        assert again._resolved() is auth._resolved()

    def test_all_settings_come_back(self, tmp_path):
        """Whatever an object was given, its copy elsewhere has."""
        auth = machine(
            FileStore(tmp_path),
            account="42",
            allowed_origins=["https://api.example.com"],
            leeway=5.0,
            background=False,
            timeout=3.0,
            http=HttpOptions(proxy="http://me:Zq7-client-secret-value@proxy"),
            on_token=on_token,
        )
        again = pickle.loads(pickled(auth))
        assert again._settings() == auth._settings()
        assert again._origins.decide("https://other.example/x") is None

    @pytest.mark.parametrize("kind", [FromEnv, FromFile])
    def test_a_reference_stays_a_reference(self, tmp_path, monkeypatch, kind):
        """What it leads to is read where the pickle is, not where it was made. M75."""
        path = tmp_path / "secret"
        reference = FromEnv("REPORTS_SECRET") if kind is FromEnv else FromFile(path)
        data = pickled(machine(FileStore(tmp_path / "store"), reference))
        path.write_text("rotated")
        monkeypatch.setenv("REPORTS_SECRET", "rotated")
        secret = pickle.loads(data)._grant.client_secret
        assert secret == reference
        assert secret.reveal() == "rotated"

    def test_a_session_takes_its_auth_along(self, tmp_path):
        """requests pickles a session's auth object. M75."""
        session = requests.Session()
        session.auth = machine(FileStore(tmp_path))
        again = pickle.loads(pickled(session)).auth
        assert again._grant.client_secret.reveal() == SECRET

    def test_the_key_may_be_a_reference_too(self, tmp_path, monkeypatch):
        """A store with FromEnv keys pickles by the name of the variable."""
        monkeypatch.setenv("SEALING_KEY", new_key().reveal())
        auth = machine(FileStore(tmp_path, keys=FromEnv("SEALING_KEY")))
        data = pickled(auth)
        assert b"SEALING_KEY" in data
        assert pickle.loads(data)._store == auth._store

    def test_it_works_in_another_process(self, tmp_path):
        """A spawned worker finds the token that this process has got. M75."""
        with TestingServer() as server:
            grant = RefreshToken(
                server.issuer,
                client_id=server.client_id,
                client_secret=server.client_secret,
                refresh_token=server.issue()["refresh_token"],
            )
            auth = OAuthAuth(grant, store=FileStore(tmp_path))
            token = auth.access_token()
            context = multiprocessing.get_context("spawn")
            with context.Pool(1) as pool:
                assert pool.apply(use, (auth, server.api_url)) == (200, token)
                server.revoke_access_tokens()
                status, newer = pool.apply(use, (auth, server.api_url))
                pool.close()
                pool.join()
            assert (status, newer) == (200, auth._resolved().look().token.access_token)
            assert auth.access_token() == newer != token
            counts = server.counts()
            assert (counts.token_requests, counts.families_revoked) == (2, 0)


def use(auth, url):
    """Do what a worker does with an object that it was sent."""
    status = requests.get(url, auth=auth, timeout=20).status_code
    return status, auth.access_token()


class TestRefusals:
    def test_without_a_key_there_is_no_pickle(self):
        """A MemoryStore has no key to seal with, and the error says what to do."""
        with pytest.raises(
            errors.ConfigurationError, match=r"OAuthAuth with a MemoryStore.*FileStore"
        ):
            pickle.dumps(machine(MemoryStore()))

    def test_a_key_is_never_pickled(self, tmp_path):
        """Keys that were given literally would lie beside what they seal."""
        store = FileStore(tmp_path, keys=new_key().reveal())
        with pytest.raises(errors.ConfigurationError, match="FromEnv"):
            pickle.dumps(machine(store))

    def test_a_grant_or_token_alone_does_not_pickle(self, tmp_path):
        """Only the auth object can seal, so a part with a secret is refused."""
        for part in (machine(FileStore(tmp_path))._grant, Token(ACCESS_TOKEN)):
            with pytest.raises(TypeError) as caught:
                pickle.dumps(part)
            assert SECRET not in str(caught.value)
            assert ACCESS_TOKEN not in str(caught.value)

    def test_another_stores_key_opens_nothing(self, tmp_path, monkeypatch):
        """Who has not the key gets an error, not the settings."""
        monkeypatch.setenv("OAUTH_AUTH_KEY", new_key().reveal())
        data = pickle.dumps(machine(FileStore(tmp_path)))
        monkeypatch.setenv("OAUTH_AUTH_KEY", new_key().reveal())
        with pytest.raises(errors.KeyMismatch, match="pickled"):
            pickle.loads(data)

    def test_a_changed_pickle_opens_nothing(self, tmp_path):
        """Sealing authenticates: what was changed is not unpickled any further."""
        store = FileStore(tmp_path)
        restore, (kind, store, sealed) = machine(store).__reduce__()
        for position in range(0, len(sealed), 7):
            changed = bytearray(sealed)
            changed[position] ^= 1
            with pytest.raises((errors.StoreCorrupt, errors.KeyMismatch)):
                restore(kind, store, bytes(changed))


class TestCopies:
    @pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
    @pytest.mark.parametrize("store", [MemoryStore, FileStore])
    def test_a_copy_shares_everything(self, tmp_path, copied, store):
        """A copy within the process uses the same tokens, whatever the store."""
        auth = machine(store(tmp_path) if store is FileStore else store())
        again = copied(auth)
        assert again._resolved() is auth._resolved()

    def test_a_deep_copy_of_a_session_works(self, tmp_path):
        """As programs do that hand each thread a session. M75."""
        session = requests.Session()
        session.auth = machine(MemoryStore())
        again = copy.deepcopy(session)
        assert again.auth._store is session.auth._store
