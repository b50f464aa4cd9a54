"""`oauth-auth token`: the one command that shows a secret."""

import json
import time

import requests

from oauth_auth.cli.standing import record_of
from tests.cli.commands import expire, forget, logged_in, run, saved, told


def test_the_token_alone(work, server):
    """Standard output is the token and a newline, and an API takes it."""
    done = run("token", "work")
    assert done.stderr == ""
    assert done.stdout == f"{record_of(work)[1].token.access_token}\n"
    bearer = {"Authorization": f"Bearer {done.stdout.strip()}"}
    assert requests.get(server.api_url, headers=bearer, timeout=30).status_code == 200


def test_a_header_for_curl(work):
    """--header prints the whole field."""
    token = record_of(work)[1].token.access_token
    assert run("token", "work", "--header").stdout == f"Authorization: Bearer {token}\n"


def test_json_has_expiry_and_scope(work):
    """--json adds what a program wants to know."""
    found = told("token", "work")
    assert found["access_token"] == record_of(work)[1].token.access_token
    assert found["token_type"] == "Bearer"
    assert found["scope"] == "read write"
    assert 3500 < found["expires_in"] <= 3600
    assert abs(found["expires_at"] - time.time() - found["expires_in"]) < 60


def test_header_and_json_exclude_each_other(work):
    """Nobody could say what that should be."""
    run("token", "work", "--header", "--json", code=2)


def test_an_expired_token_is_renewed_first(home, server):
    """What is printed is good."""
    expire(logged_in(server, "work"))
    assert told("token", "work")["expires_in"] > 3500


def test_without_a_login(home, server):
    """Exit code 3, and the command to run; as JSON where JSON is wanted."""
    saved(server, "new")
    done = run("token", "new", code=3)
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith("oauth-auth login new\n")
    error = told("token", "new", code=3)["error"]
    assert (error["code"], error["exit_code"]) == ("login_required", 3)


def test_exit_codes_tell_who_is_to_act(home, server, monkeypatch):
    """4: try again; 5: the server refused; 2: the configuration."""
    monkeypatch.setenv("THE_SECRET", server.client_secret)
    job = {"grant": "client_credentials", "client_id": server.client_id}
    secret = {"client_secret": {"env": "THE_SECRET"}}
    saved(server, "down", **job, **secret, issuer="http://127.0.0.1:1")
    saved(server, "wrong", **job, client_secret={"env": "HOME"})
    saved(server, "unset", **job, client_secret={"env": "NO_SUCH_VARIABLE"})
    assert told("token", "down", code=4)["error"]["code"] == "endpoint_unreachable"
    assert told("token", "wrong", code=5)["error"]["code"] == "invalid_client"
    assert "NO_SUCH_VARIABLE" in run("token", "unset", code=2).stderr


def test_a_damaged_store(work, home):
    """The store's trouble is exit code 6."""
    (home / "records" / record_of(work)[0]).write_bytes(b"nonsense")
    forget(work)
    done = run("token", "work", "--json", code=6)
    assert json.loads(done.stdout)["error"]["code"] == "store_corrupt"


def test_warnings_are_lines(work, home):
    """What the library warns of is one line on standard error, not a log's form."""
    (path,) = [home / "records" / record_of(work)[0]]
    path.chmod(0o644)
    forget(work)
    done = run("token", "work")
    assert done.stdout.count("\n") == 1
    assert done.stderr.startswith(f"oauth-auth: warning: {path} was open to others")
    assert done.stderr.count("\n") == 1
