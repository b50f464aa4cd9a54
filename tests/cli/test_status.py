"""`oauth-auth status`: what it says of each state, and that it renews nothing."""

import json
import re
import time

import pytest

from oauth_auth.cli.standing import record_of
from oauth_auth.errors import OAuthAuthError
from oauth_auth.profiles import Profiles
from oauth_auth.testing import ABSENT
from tests.cli.commands import expire, logged_in, run, saved, told
from tests.login.people import token_requests


def test_logged_in(work, server):
    """Who, at which server, with which scope, until when; exit code 0."""
    text = run("status", "work").stdout
    assert text.startswith("work: logged in\n")
    for part in (server.issuer, "public (authorization_code)", "read write"):
        assert part in text
    assert re.search(r"expires in 5\d min", text)
    assert "yes: before the token expires" in text


def test_json_is_data(work, server, home):
    """--json gives the same as data, for one profile as an object."""
    found = told("status", "work")
    assert found["profile"] == "work"
    assert found["logged_in"] is True
    assert found["server"] == server.issuer
    assert found["scope"] == "read write"
    assert 3500 < found["expires_at"] - time.time() <= 3600
    assert found["expires_at_iso"].endswith("+00:00")
    assert found["renewable"] is True
    assert found["store"] == str(home)
    assert found["mark"] is None


def test_who_is_read_from_the_id_token(home, server):
    """With openid the ID token tells who logged in."""
    server.configure(id_token_claims={"email": "alice@example.com"})
    logged_in(server, "work", scope="openid")
    assert told("status", "work")["who"] == "alice@example.com"
    assert "alice@example.com" in run("status").stdout


def test_what_a_server_says_does_not_repaint_the_terminal(home, server):
    """A name with control characters in it is shown without them."""
    server.configure(id_token_claims={"email": "al\x1b[2Jice\n\u202e"})
    logged_in(server, "work", scope="openid")
    assert told("status", "work")["who"] == "al [2Jice"


def test_no_secret_is_shown(work):
    """Neither output has a token in it."""
    token = record_of(work)[1].token
    for arguments in (["status"], ["status", "work"], ["status", "work", "--json"]):
        output = run(*arguments).output
        assert token.access_token not in output
        assert token.refresh_token not in output


def test_an_expired_token_is_not_renewed_by_looking(home, server):
    """Looking sends no token request, and says that the next use renews."""
    expire(logged_in(server, "work"))
    found = told("status", "work")
    assert found["logged_in"] is True
    assert found["state"] == "renews at next use"
    assert token_requests(server, "refresh_token") == 0
    assert "expired" in run("status", "work").stdout


def test_without_a_refresh_token_the_end_is_the_end(home, server):
    """An expired token that cannot be renewed means that a person has to log in."""
    server.configure(extra={"refresh_token": ABSENT})
    expire(logged_in(server, "work"))
    found = told("status", "work", code=3)
    assert (found["logged_in"], found["state"]) == (False, "expired")
    assert "gave no refresh token" in found["renewal"]
    assert "To log in: oauth-auth login work" in run("status", "work", code=3).stdout


def test_logged_out_and_never_logged_in(work, server):
    """Both are exit code 3, and told apart."""
    work.logout()
    saved(server, "new", account="me")
    assert told("status", "work", code=3)["state"] == "logged out"
    assert told("status", "new", code=3)["state"] == "not logged in"


def test_a_machine_needs_no_login(home, server, monkeypatch):
    """A client that asks for itself counts as logged in before its first token."""
    monkeypatch.setenv("THE_SECRET", server.client_secret)
    saved(
        server,
        "job",
        grant="client_credentials",
        client_id=server.client_id,
        client_secret={"env": "THE_SECRET"},
    )
    assert told("status", "job")["state"] == "no token yet"


def test_a_login_that_the_server_ended(work, server):
    """The refused mark is shown with the server's words."""
    server.revoke_family(record_of(work)[1].token.refresh_token)
    with pytest.raises(OAuthAuthError):
        work.renew()
    found = told("status", "work", code=3)
    assert (found["state"], found["mark"]) == ("ended by the server", "refused")
    assert "invalid_grant" in found["failure"]
    assert "refused" in run("status", "work", code=3).stdout


def test_a_hold_is_shown_with_its_end(work, server):
    """While renewals are held off, the failure and the next try are shown."""
    server.token_faults.answer(503, headers={"Retry-After": "600"}, times=3)
    with pytest.raises(OAuthAuthError):
        work.renew()
    found = told("status", "work")
    assert found["mark"] == "hold"
    assert found["renewable"] is False
    assert found["held_until"] > time.time()
    assert re.search(r"tried again in \d min", run("status", "work").stdout)


def test_all_profiles_in_a_table(work, server):
    """Without a name every profile has a line; one that is out makes it code 3."""
    assert run("status").stdout.splitlines()[1].startswith("work")
    saved(server, "other", account="me")
    lines = run("status", code=3).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["profile", "other", "work"]
    found = told("status", code=3)
    assert [each["profile"] for each in found] == ["other", "work"]


def test_a_broken_profile_hides_no_other(work, home):
    """It is named on standard error, with its line, and the others are shown."""
    with (home / "profiles.toml").open("a", encoding="utf-8") as file:
        file.write('\n[broken]\nclient_id = "x"\nissuer = "nonsense"\n')
    done = run("status", code=2)
    assert "work" in done.stdout
    assert "unusable" in done.stdout
    assert "oauth-auth: broken:" in done.stderr
    broken = told("status", code=2)[0]
    assert broken["profile"] == "broken"
    assert broken["error"]["exit_code"] == 2


def test_no_profile_at_all(home):
    """Nobody is logged in then, and how to begin is said."""
    assert "oauth-auth login NAME" in run("status", code=3).stdout
    assert told("status", code=3) == []


def test_an_unknown_profile_as_json(home):
    """An error is JSON on standard output, and a line on standard error."""
    done = run("status", "nosuch", "--json", code=2)
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "configuration_error"
    assert error["exit_code"] == 2
    assert "nosuch" in error["message"]
    assert done.stderr.count("\n") == 1


def test_a_store_that_cannot_be_read(work, home):
    """A damaged record is exit code 6."""
    (path,) = (home / "records").glob(record_of(work)[0])
    path.write_bytes(b"nonsense")
    assert "damaged" in run("status", "work", code=6).stderr


class TestRemote:
    """--remote asks the server (RFC 7662)."""

    def test_active(self, work, server):
        """The server honours the token, and says whose it is."""
        found = told("status", "work", "--remote")["remote"]
        assert found["state"] == "active"
        assert found["asked"] == "access_token"
        assert found["sub"] == "alice"
        assert "the access token is active" in run("status", "work", "--remote").stdout
        assert "active" in run("status", "--remote").stdout

    def test_inactive(self, work, server):
        """A login that the server has ended is exit code 3, whatever is kept here."""
        server.revoke_family(record_of(work)[1].token.refresh_token)
        assert (
            told("status", "work", "--remote", code=3)["remote"]["state"] == "inactive"
        )
        assert told("status", "work")["logged_in"] is True

    def test_of_an_expired_token_the_refresh_token_is_asked_about(self, home, server):
        """It is what keeps the login then."""
        expire(logged_in(server, "work"))
        found = told("status", "work", "--remote")["remote"]
        assert (found["asked"], found["state"]) == ("refresh_token", "active")
        assert token_requests(server, "refresh_token") == 0

    def test_unsupported(self, home, server):
        """A server without the endpoint is told from one that refuses."""
        server.configure(metadata={"introspection_endpoint": ABSENT})
        logged_in(server, "work")
        assert told("status", "work", "--remote")["remote"] == {"state": "unsupported"}
        assert "RFC 7662" in run("status", "work", "--remote").stdout

    def test_refused(self, work, server):
        """A server that does not tell this client is told from one that is down."""
        server.introspection_faults.answer(403, times=2)
        assert told("status", "work", "--remote")["remote"]["state"] == "refused"
        assert "refused: " in run("status", "work", "--remote").stdout

    def test_unreachable(self, work, server):
        """No answer says nothing about the login."""
        server.introspection_faults.drop("before", times=2)
        assert told("status", "work", "--remote")["remote"]["state"] == "unreachable"

    def test_nobody_is_logged_in(self, home, server):
        """Without a token the server is not asked."""
        saved(server, "new")
        found = told("status", "new", "--remote", code=3)["remote"]
        assert found == {"state": "nothing to ask about"}


def test_looking_makes_no_profile(home):
    """A command that only looks writes no file of profiles."""
    run("status", code=3)
    assert not Profiles().path.exists()
