"""`oauth-auth logout`: the token is gone here, and what the server knows is said."""

from oauth_auth.cli.standing import record_of
from oauth_auth.testing import ABSENT
from tests.cli.commands import logged_in, profile_of, run, saved, told


def test_logout_revokes_and_deletes(work, server):
    """The server revokes the token, it is gone here, and the profile stays."""
    token = record_of(work)[1].token
    assert "has revoked the token" in run("logout", "work").stdout
    assert server.counts().revocation_requests == 1
    assert record_of(work)[1].token is None
    assert told("status", "work", code=3)["state"] == "logged out"
    assert profile_of("work")["issuer"] == server.issuer
    assert token.access_token


def test_a_second_logout_has_nothing_to_do(work, server):
    """It says so, and the server is not asked again."""
    run("logout", "work")
    assert "nobody was logged in" in run("logout", "work").stdout
    assert server.counts().revocation_requests == 1


def test_a_server_that_cannot_be_told(work, server):
    """The token is deleted here, and that it may live on is said plainly."""
    server.revocation_faults.drop("before", times=5)
    done = run("logout", "work", code=4)
    assert "logged out here" in done.stdout
    assert "could not be told" in done.stderr
    assert record_of(work)[1].token is None


def test_a_server_that_refuses(work, server):
    """A refusal is exit code 5, and the token is deleted all the same."""
    server.revocation_faults.answer(400, body={"error": "invalid_request"}, times=5)
    assert "could not be told" in run("logout", "work", code=5).stderr
    assert record_of(work)[1].token is None


def test_a_server_without_revocation(home, server):
    """Nothing failed, but the token lives on, and that is said."""
    server.configure(metadata={"revocation_endpoint": ABSENT})
    logged_in(server, "work")
    assert "has no way to revoke" in run("logout", "work").stdout


def test_all(work, server):
    """--all ends every login, also where one of them is in trouble."""
    logged_in(server, "other", account="me")
    saved(server, "gone", issuer="http://127.0.0.1:1")
    done = run("logout", "--all")
    assert "work: logged out" in done.stdout
    assert "other: logged out" in done.stdout
    assert "gone: nobody was logged in" in done.stdout


def test_all_goes_on_after_a_failure(work, server, home):
    """A profile that cannot work is named, and the others are logged out."""
    with (home / "profiles.toml").open("a", encoding="utf-8") as file:
        file.write('\n[broken]\nclient_id = "x"\nissuer = "nonsense"\n')
    done = run("logout", "--all", code=2)
    assert "oauth-auth: broken:" in done.stderr
    assert record_of(work)[1].token is None


def test_all_of_none(home):
    """Without profiles there is nothing to do."""
    assert "nobody is logged in" in run("logout", "--all").stdout


def test_one_or_all(home):
    """Neither, or both, is not understood."""
    run("logout", code=2)
    run("logout", "x", "--all", code=2)
