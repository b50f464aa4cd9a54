"""`oauth-auth profiles`: list, show, remove."""

import json

from oauth_auth.cli.standing import record_of
from oauth_auth.profiles import Profiles, keep_client_secret, load_client_secret
from oauth_auth.secret import Secret
from oauth_auth.stores.file import default_store
from tests.cli.commands import run, saved, told


def test_list(home, server):
    """Every profile has a line, in order of names."""
    saved(server, "work")
    saved(server, "tv", grant="device_code")
    lines = run("profiles", "list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["profile", "tv", "work"]
    found = told("profiles", "list")
    assert [each["name"] for each in found] == ["tv", "work"]
    assert found[0]["grant"] == "device_code"
    assert found[1]["server"] == server.issuer


def test_list_of_none(home):
    """How to make one is said."""
    assert "oauth-auth login NAME" in run("profiles", "list").stdout
    assert told("profiles", "list") == []


def test_list_with_a_broken_one(home, server):
    """It is shown as unusable, its error on standard error; exit code 2."""
    saved(server, "work")
    with (home / "profiles.toml").open("a", encoding="utf-8") as file:
        file.write('\n[broken]\nclient_id = "x"\nissuer = "nonsense"\n')
    done = run("profiles", "list", code=2)
    assert "unusable" in done.stdout
    assert "broken" in done.stderr
    assert "error" in told("profiles", "list", code=2)[0]


def test_show_tells_what_is_set_and_what_a_preset_adds(home):
    """Both are shown, and of a secret its place alone."""
    options = {"client_id": "Iv1", "client_secret": {"env": "GH_SECRET"}}
    from oauth_auth.profiles import Profile

    Profiles().save(Profile(name="gh", preset="github", **options))
    text = run("profiles", "show", "gh").stdout
    assert "in the variable GH_SECRET" in text
    assert "and from the preset:" in text
    assert "https://github.com/login/oauth/authorize" in text
    found = told("profiles", "show", "gh")
    assert found["settings"]["client_secret"] == {"env": "GH_SECRET"}
    assert "https://api.github.com" in found["effective"]["allowed_origins"]
    assert found["file"] == str(home / "profiles.toml")


def test_show_never_prints_a_secret(home, server, monkeypatch):
    """Neither a kept secret, nor that in a variable."""
    monkeypatch.setenv("THE_SECRET", "s3cret-in-variable")
    saved(server, "a", client_secret={"env": "THE_SECRET"})
    saved(server, "b", client_secret={"store": True})
    keep_client_secret(default_store(), "b", Secret("s3cret-in-store"))
    for name in "ab":
        for more in ([], ["--json"]):
            assert "s3cret" not in run("profiles", "show", name, *more).output


def test_show_of_an_unknown_one(home, server):
    """A near miss is named."""
    saved(server, "work")
    assert "work" in run("profiles", "show", "wrok", code=2).stderr
    done = run("profiles", "show", "wrok", "--json", code=2)
    assert json.loads(done.stdout)["error"]["exit_code"] == 2


def test_remove_logs_out(work, server):
    """The token is revoked and deleted, then the profile goes."""
    done = run("profiles", "remove", "work")
    assert "has revoked the token" in done.stdout
    assert Profiles().names() == []
    assert record_of(work)[1].token is None


def test_remove_forgets_the_kept_secrets(home, server):
    """Secrets that were kept for the profile go with it."""
    kept = {"store": True}
    settings = {"grant": "refresh_token", "refresh_token": kept}
    saved(server, "b", client_secret=kept, **settings)
    for key in ("client_secret", "refresh_token"):
        keep_client_secret(default_store(), "b", Secret("s3cret-in-store"), key=key)
    # The server does not know such a refresh token, and says of it what it likes.
    run("profiles", "remove", "b", code=5)
    for key in ("client_secret", "refresh_token"):
        assert load_client_secret(default_store(), "b", key=key) is None


def test_remove_and_keep_the_login(work, server):
    """--keep-login leaves the record, for a new profile of that name."""
    assert "stays" in run("profiles", "remove", "work", "--keep-login").stdout
    assert Profiles().names() == []
    token = record_of(work)[1].token
    saved(server, "work")
    assert run("token", "work").stdout.strip() == token.access_token
    assert server.counts().revocation_requests == 0


def test_remove_while_the_server_is_down(work, server):
    """The profile goes all the same, and the exit code tells."""
    server.revocation_faults.drop("before", times=5)
    done = run("profiles", "remove", "work", code=4)
    assert "could not be told" in done.stderr
    assert Profiles().names() == []


def test_remove_a_broken_one(home):
    """A profile that cannot work can be removed."""
    home.mkdir()
    text = '[broken]\nclient_id = "x"\nissuer = "nonsense"\n'
    (home / "profiles.toml").write_text(text)
    assert "nobody is logged out" in run("profiles", "remove", "broken").stderr
    assert Profiles().names() == []


def test_remove_an_unknown_one(home):
    """There is nothing to remove."""
    run("profiles", "remove", "nosuch", code=2)
    run("profiles", "remove", "nosuch", "--keep-login", code=2)
