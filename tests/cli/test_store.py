"""`oauth-auth store`: the table, and the way from a directory to a server."""

from oauth_auth import FileStore, OAuthAuth, PostgresStore, RedisStore
from oauth_auth.cli.codes import Exit
from oauth_auth.stores.keys import new_key
from tests.cli.commands import run, told
from tests.servers.machines import free_port


def test_init_makes_the_table(postgres_backend, monkeypatch):
    """At a URL, at one in a variable, and at the store's own; once more is no error."""
    monkeypatch.setenv("ADMIN", postgres_backend.url)
    monkeypatch.setenv("OAUTH_AUTH_STORE", postgres_backend.url)
    for where in ([postgres_backend.url], ["env:ADMIN"], []):
        assert run("store", "init", *where).stdout.endswith(" is ready.\n")
        assert PostgresStore(postgres_backend.url)._rows._server.ask(
            "SELECT count(*) FROM oauth_auth_records", {}
        ) == [(0,)]


def test_init_at_redis_sees_that_it_answers(redis_backend):
    """It needs nothing; where nobody answers, that is told."""
    assert "is ready" in run("store", "init", redis_backend.url).stdout
    away = f"redis://127.0.0.1:{free_port()}/0"
    result = run("store", "init", away, code=Exit.LATER)
    assert f"{away} does not answer" in result.output


def test_init_of_a_directory_is_a_mistake(tmp_path):
    """There is nothing to prepare."""
    result = run("store", "init", str(tmp_path), code=Exit.USAGE)
    assert "is a directory" in " ".join(result.output.split())


def test_copy_moves_logins_sealed_with_another_key(
    work, home, redis_backend, monkeypatch
):
    """The directory has a key file, and the server's workers OAUTH_AUTH_KEY."""
    token = work.token()
    monkeypatch.setenv("OAUTH_AUTH_KEY", new_key().reveal())
    monkeypatch.setenv("NEW", redis_backend.url)
    found = told("store", "copy", str(home), "env:NEW")
    assert found["to"] == redis_backend.url
    assert found["moved"] == 1
    assert found["failures"] == []
    moved = OAuthAuth("work", store=RedisStore(redis_backend.url))
    assert moved.token() == token
    again = run("store", "copy", str(home), "env:NEW").stdout
    assert "Everything is moved." in again
    assert "OAUTH_AUTH_STORE" in again
    # Those who have no such key still read what became of it.
    monkeypatch.delenv("OAUTH_AUTH_KEY")
    record_id = work._resolved().record_id
    assert FileStore(home).read(record_id).document == {"moved_to": redis_backend.url}


def test_copy_tells_what_it_cannot_move(work, home, redis_backend, monkeypatch):
    """The rest is moved, and the exit code says that something is left."""
    monkeypatch.setenv("OAUTH_AUTH_KEY", new_key().reveal())
    (home / "records" / "bad").write_bytes(b"damaged")
    result = run("store", "copy", str(home), redis_backend.url, code=Exit.STORE)
    assert "1 records could not be moved." in result.stdout
    assert "bad is damaged" in " ".join(result.output.split())
