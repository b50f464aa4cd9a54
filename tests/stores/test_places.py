"""Where a store is, by URL: in a variable, in a profile, and in what is printed."""

import pickle
import subprocess
import sys

import pytest

from oauth_auth import FileStore, FromEnv, OAuthAuth, PostgresStore, RedisStore, errors
from oauth_auth.profiles import Profile
from oauth_auth.stores.keys import new_key
from oauth_auth.stores.places import own_store, store_at

URLS = {
    "redis://cache.example.com": RedisStore,
    "rediss://user:pass-word@cache.example.com:7000/3": RedisStore,
    "unix:///run/redis.sock?db=2": RedisStore,
    "postgresql://me:pass-word@db.example.com/tokens": PostgresStore,
    "postgres://db.example.com": PostgresStore,
}


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OAUTH_AUTH_KEY", new_key().reveal())


@pytest.mark.parametrize("url", URLS)
def test_a_url_means_a_store_on_a_server(url, monkeypatch):
    """Its scheme says which; equal URLs mean equal stores, and no password is shown."""
    store = store_at(url)
    assert type(store) is URLS[url]
    assert store == store_at(url)
    assert store != store_at("redis://elsewhere.example.com")
    assert "pass-word" not in repr(store)
    monkeypatch.setenv("OAUTH_AUTH_STORE", url)
    assert type(own_store()) is URLS[url]
    assert own_store() is own_store()
    assert own_store() == URLS[url](FromEnv("OAUTH_AUTH_STORE"))
    assert pickle.loads(pickle.dumps(own_store())) == own_store()


def test_what_is_no_url_is_a_directory(tmp_path):
    """As it was before there were others."""
    assert store_at(str(tmp_path)) == FileStore(tmp_path)


def test_the_variable_is_for_all_that_name_no_store(monkeypatch, tmp_path):
    """Objects of all kinds use it, unless they are told another one."""
    monkeypatch.setenv("OAUTH_AUTH_STORE", "redis://:pass-word@cache.example.com")
    monkeypatch.setenv("OAUTH_AUTH_ISSUER", "https://auth.example.com")
    monkeypatch.setenv("OAUTH_AUTH_CLIENT_ID", "app")
    monkeypatch.setenv("OAUTH_AUTH_CLIENT_SECRET", "s3cret")
    auth = OAuthAuth.from_env()
    assert auth._store == own_store()
    assert OAuthAuth(auth._grant)._store == own_store()
    assert "pass-word" not in repr(auth)
    other = OAuthAuth(auth._grant, store=FileStore(tmp_path))
    assert other._store == FileStore(tmp_path)


def test_a_profile_names_a_store_without_a_password():
    """With one it is refused, for a profile may be read by many."""
    profile = Profile(
        name="p",
        token_endpoint="https://a.example/t",
        client_id="app",
        grant="client_credentials",
        store="postgresql://db.example.com/tokens",
        client_secret={"env": "SECRET"},
    )
    assert profile.settings()["store"] == PostgresStore(profile.store)
    for url in ("redis://:pass-word@h", "postgresql://h/d?password=pass-word"):
        with pytest.raises(errors.ConfigurationError) as caught:
            Profile.from_dict("p", {**profile.to_dict(), "store": url})
        assert "OAUTH_AUTH_STORE" in str(caught.value)
        assert "pass-word" not in str(caught.value)


@pytest.mark.parametrize("kind", [RedisStore, PostgresStore])
def test_a_password_stays_in_its_process(kind, monkeypatch):
    """A pickle is readable by anyone: it holds a reference, or is refused."""
    scheme = "redis" if kind is RedisStore else "postgresql"
    monkeypatch.setenv("WHERE", f"{scheme}://u:pass-word@h/1")
    with pytest.raises(
        errors.ConfigurationError, match=r'FromEnv\("\.\.\."\)'
    ) as caught:
        pickle.dumps(kind(f"{scheme}://u:pass-word@h/1"))
    assert "pass-word" not in str(caught.value)
    store = kind(FromEnv("WHERE"))
    assert pickle.loads(pickle.dumps(store)) == store
    with pytest.raises(errors.ConfigurationError, match="OAUTH_AUTH_KEY"):
        pickle.dumps(kind(FromEnv("WHERE"), keys=new_key().reveal()))


@pytest.mark.parametrize("kind", [RedisStore, PostgresStore])
def test_no_key_is_made_for_a_shared_store(kind, monkeypatch):
    """Each machine would make another one; the error says how to make one for all."""
    monkeypatch.delenv("OAUTH_AUTH_KEY")
    scheme = "redis" if kind is RedisStore else "postgresql"
    with pytest.raises(errors.ConfigurationError, match="oauth-auth keys new"):
        kind(f"{scheme}://h/1").sealer.chain.all()


def test_what_is_no_address_is_refused(monkeypatch):
    """At once where it can be told, and without repeating what may hold a password."""
    for wrong in ("http://u:pass-word@h", "pass-word"):
        with pytest.raises(errors.ConfigurationError) as caught:
            RedisStore(wrong)
        assert "pass-word" not in str(caught.value)
        with pytest.raises(errors.ConfigurationError) as caught:
            repr(PostgresStore(wrong))
        assert "pass-word" not in str(caught.value)
    for wrong in (object(), 3):
        with pytest.raises(errors.ConfigurationError):
            RedisStore(wrong)
        with pytest.raises(errors.ConfigurationError):
            PostgresStore(wrong)
    import redis.asyncio

    with pytest.raises(errors.ConfigurationError, match=r"not redis\.asyncio"):
        RedisStore(redis.asyncio.Redis())


@pytest.mark.parametrize("name", ["RedisStore", "PostgresStore"])
def test_the_drivers_load_when_they_are_used(name):
    """Whoever has another store needs them not; without them an error says so."""
    code = f"""
import sys
sys.modules["redis"] = sys.modules["psycopg"] = None  # as if not installed
import oauth_auth
store = oauth_auth.{name}("{"redis" if name == "RedisStore" else "postgresql"}://h/1")
try:
    store.read("r")
except oauth_auth.errors.ConfigurationError as error:
    assert "pip install" in str(error), error
else:
    raise AssertionError
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
