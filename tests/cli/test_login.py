"""`oauth-auth login`: in this process, with a browser that does what it should."""

import json

import pytest
import requests

from oauth_auth import OAuthAuth
from oauth_auth.cli.standing import record_of
from oauth_auth.profiles import Profiles, load_client_secret
from oauth_auth.stores.file import default_store
from oauth_auth.testing import ABSENT
from tests.cli.commands import logged_in, profile_of, run, saved
from tests.login.people import params_of


def options_of(server):
    """Return the options that say which server and client it is."""
    return ["--issuer", server.issuer, "--client-id", server.public_client_id]


def test_a_login_makes_a_profile_that_programs_use(home, server, browser):
    """After one login a program says OAuthAuth(name), and the token is there."""
    done = run("login", "work", *options_of(server), "--scope", "read openid")
    assert done.stdout.startswith(f"Logged in to {server.issuer} as alice.\n")
    assert f"work ({home}/profiles.toml)" in done.stdout
    assert browser.opened[0] in done.stderr
    answer = requests.get(server.api_url, auth=OAuthAuth("work"), timeout=30)
    assert answer.json()["sub"] == "alice"
    assert answer.json()["scope"] == "read openid"


def test_the_name_is_enough_the_second_time(home, server, browser):
    """A second login needs no option, and changes nothing in the file."""
    run("login", "work", *options_of(server), "--scope", "read")
    before = (home / "profiles.toml").read_bytes()
    run("login", "work")
    assert (home / "profiles.toml").read_bytes() == before
    assert len(browser.opened) == 2
    assert params_of(browser.opened[1])["scope"] == "read"


def test_options_change_a_profile_that_is_there(home, server, browser):
    """What is given with a later login is kept, and the rest stays."""
    run("login", "work", *options_of(server), "--scope", "read")
    run("login", "work", "--scope", "write", "--account", "me")
    assert profile_of("work") == {
        "grant": "authorization_code",
        "issuer": server.issuer,
        "client_id": server.public_client_id,
        "scope": "write",
        "account": "me",
    }


def test_other_settings_leave_nothing_behind(home, server, browser):
    """The login with the settings before is deleted: nothing leads to it any more."""
    run("login", "work", *options_of(server), "--scope", "read")
    before = OAuthAuth("work")
    again = run("login", "work")
    changed = run("login", "work", "--scope", "write")
    assert "deleted here" not in again.stdout
    assert "deleted here; the server was not told" in changed.stdout
    record = record_of(before)[1]
    assert (record.token, record.logged_out) == (None, True)
    assert OAuthAuth("work").token().scope == "write"
    assert server.counts().revocation_requests == 0


def test_another_accounts_login_goes_on(home, server, browser):
    """It is another person's, and programs may ask for it by the account's name."""
    run("login", "work", *options_of(server), "--account", "me")
    before = OAuthAuth("work").token()
    assert "deleted" not in run("login", "work", "--account", "you").stdout
    assert OAuthAuth("work", account="me").token() == before


def test_two_profiles_are_two_peoples(home, server, browser):
    """The same settings under another name are a login of their own."""
    for name in ("one", "other"):
        run("login", name, *options_of(server))
    tokens = {OAuthAuth(name).token().refresh_token for name in ("one", "other")}
    assert len(tokens) == 2
    run("logout", "other")
    assert requests.get(server.api_url, auth=OAuthAuth("one"), timeout=30).ok


def test_parameters_of_the_login_page(home, server, browser):
    """They are sent, kept, and added to by later logins; others are refused."""
    run("login", "work", *options_of(server), "--param", "prompt=consent")
    run("login", "work", "--param", "login_hint=me")
    assert params_of(browser.opened[1])["prompt"] == "consent"
    assert params_of(browser.opened[1])["login_hint"] == "me"
    for wrong in ("prompt", "=consent"):
        assert "NAME=VALUE" in run("login", "work", "--param", wrong, code=2).stderr


@pytest.mark.parametrize(
    ("options", "setting", "value"),
    [
        (["--scope", "read", "--scope", "write"], "scope", "read write"),
        (["--audience", "api"], "audience", "api"),
        (
            ["--param", "prompt=consent", "--param", "login_hint=me=you"],
            "authorization_extra",
            {"prompt": "consent", "login_hint": "me=you"},
        ),
        (["--account", "me"], "account", "me"),
        (
            [
                "--allow-origin",
                "https://a.example",
                "--allow-origin",
                "https://b.example",
            ],
            "allowed_origins",
            ["https://a.example", "https://b.example"],
        ),
        (["--client-auth", "none"], "client_auth", "none"),
        (["--allow-http"], "allow_http", True),
        (
            ["--redirect-uri", "http://127.0.0.1/cb"],
            "redirect_uris",
            ["http://127.0.0.1/cb"],
        ),
        (["--browser"], "grant", "authorization_code"),
    ],
    ids=lambda each: each[0] if isinstance(each, list) else "",
)
def test_an_option_becomes_a_setting(home, server, browser, options, setting, value):
    """Each option is found in the profile, and the login works with it."""
    run("login", "work", *options_of(server), *options)
    assert profile_of("work")[setting] == value


def test_ports_are_where_the_browser_comes_back_to(home, server, browser):
    """Of several ports the first free one is used, at a path that can be registered."""
    from tests.login.stacks import a_free_port

    ports = [a_free_port(), a_free_port()]
    flags = [word for port in ports for word in ("--port", str(port))]
    run("login", "work", *options_of(server), *flags)
    uris = [f"http://127.0.0.1:{port}/callback" for port in ports]
    assert profile_of("work")["redirect_uris"] == uris
    assert params_of(browser.opened[0])["redirect_uri"] == uris[0]


def test_endpoints_in_place_of_an_issuer(home, server, browser):
    """A server without metadata is named by its endpoints."""
    server.configure(authorization_response={"iss": ABSENT})
    run(
        "login",
        "work",
        "--client-id",
        server.public_client_id,
        "--token-endpoint",
        server.token_endpoint,
        "--authorization-endpoint",
        server.authorization_endpoint,
        "--device-endpoint",
        server.device_authorization_endpoint,
    )
    found = profile_of("work")
    assert found["token_endpoint"] == server.token_endpoint
    assert (
        found["device_authorization_endpoint"] == server.device_authorization_endpoint
    )
    assert run("token", "work").stdout.startswith("at_")


@pytest.mark.parametrize("place", ["env", "file"])
def test_a_client_secret_by_reference(
    home, server, browser, tmp_path, monkeypatch, place
):
    """The secret stays where it is; the profile says where that is."""
    monkeypatch.setenv("THE_SECRET", server.client_secret)
    (tmp_path / "secret").write_text(f"{server.client_secret}\n")
    named = {"env": "THE_SECRET", "file": str(tmp_path / "secret")}[place]
    options = ["--issuer", server.issuer, "--client-id", server.client_id]
    run("login", "work", *options, f"--client-secret-{place}", named)
    assert profile_of("work")["client_secret"] == {place: named}
    assert server.client_secret not in (home / "profiles.toml").read_text()


def test_a_client_secret_in_the_keyring(home, server, browser, monkeypatch):
    """The keyring's entry is named by service and user."""
    import keyring

    asked = []

    def get_password(*place):
        asked.append(place)
        return server.client_secret

    monkeypatch.setattr(keyring, "get_password", get_password)
    options = ["--issuer", server.issuer, "--client-id", server.client_id]
    run("login", "work", *options, "--client-secret-keyring", "example:me")
    assert ("example", "me") in asked


@pytest.mark.parametrize("how", [["--client-secret", "-"], ["--client-secret"]])
def test_a_client_secret_that_is_typed_in(home, server, browser, how):
    """It is asked for, or read from the input, kept sealed, and shown nowhere."""
    options = ["--issuer", server.issuer, "--client-id", server.client_id]
    done = run("login", "work", *options, *how, input=f"{server.client_secret}\n")
    assert profile_of("work")["client_secret"] == {"store": True}
    assert server.client_secret not in done.output
    kept = load_client_secret(default_store(), "work")
    assert kept.reveal() == server.client_secret
    run("login", "work")
    assert server.client_secret not in (home / "profiles.toml").read_text()


def test_a_client_secret_on_the_command_line_is_refused(home, server):
    """It could be seen by everybody, so it is not taken, and not repeated."""
    done = run(
        "login",
        "work",
        *options_of(server),
        "--client-secret",
        "hunter2hunter2",
        code=2,
    )
    assert "can be seen by everybody" in done.stderr
    assert "hunter2" not in done.output


def test_two_places_for_a_secret_are_refused(home, server):
    """Nobody could tell which of them counts."""
    both = ["--client-secret-env", "A", "--client-secret-file", "/b"]
    assert "one place" in run("login", "x", *options_of(server), *both, code=2).stderr


def test_an_empty_secret_is_refused(home, server, browser):
    """An empty line is no secret, and no login begins."""
    options = [*options_of(server), "--client-secret", "-"]
    assert "empty" in run("login", "work", *options, input="\n", code=2).stderr
    assert browser.opened == []


def test_a_secret_is_forgotten_if_the_login_fails(home, server, browser):
    """What was typed in for a login that came to nothing is not kept."""
    server.configure(authorization_error="access_denied")
    options = [*options_of(server), "--client-secret", "-"]
    run("login", "work", *options, input="s3cret-of-mine\n", code=5)
    assert load_client_secret(default_store(), "work") is None


def test_a_failed_login_puts_the_earlier_secret_back(home, server, browser):
    """A profile that worked goes on working after a login with a wrong secret."""
    options = ["--issuer", server.issuer, "--client-id", server.client_id]
    options += ["--client-secret", "-"]
    run("login", "work", *options, input=f"{server.client_secret}\n")
    run("login", "work", "--client-secret", "-", input="wrong-secret\n", code=5)
    kept = load_client_secret(default_store(), "work")
    assert kept.reveal() == server.client_secret


@pytest.mark.parametrize("secret", [True, False])
def test_a_machine_logs_in_without_a_person(home, server, monkeypatch, secret):
    """--machine asks for a token as the client itself; without a secret it cannot."""
    monkeypatch.setenv("THE_SECRET", server.client_secret)
    options = ["--issuer", server.issuer, "--client-id", server.client_id, "--machine"]
    if secret:
        run("login", "job", *options, "--client-secret-env", "THE_SECRET")
        assert profile_of("job")["grant"] == "client_credentials"
        assert run("token", "job").stdout.startswith("at_")
    else:
        assert "--client-secret-env" in run("login", "job", *options, code=2).stderr


def test_no_browser_asks_for_the_address(home, server, browser):
    """--no-browser prints the URL, opens nothing, and reads where the browser ended."""
    done = run("login", "x", *options_of(server), "--no-browser", input="\n", code=5)
    assert server.authorization_endpoint in done.stderr
    assert browser.opened == []


def test_a_failed_login_leaves_no_profile(home, server, browser):
    """Who says no, or is told no, has made no profile."""
    server.configure(authorization_error="access_denied")
    done = run("login", "work", *options_of(server), code=5)
    assert done.stderr.splitlines()[-1].startswith("oauth-auth: ")
    assert "access_denied" in done.stderr
    assert Profiles().names() == []


def test_a_failed_login_changes_no_profile(home, server, browser):
    """A profile that was there stays as it was."""
    saved(server, "work", scope="read")
    server.configure(authorization_error="access_denied")
    run("login", "work", "--scope", "write", code=5)
    assert profile_of("work")["scope"] == "read"


def test_nobody_comes(home, server, browser):
    """--timeout ends the wait for a person who does not come."""
    browser.answer = lambda url: "http://127.0.0.1:1/"
    done = run("login", "work", *options_of(server), "--timeout", "1", code=5)
    assert "Waiting for you, for 1 s at most." in done.stderr
    assert "within 1 s" in done.stderr
    assert Profiles().names() == []


def test_a_server_that_is_down_is_for_later(home, server):
    """No answer means exit code 4: it may work later."""
    options = ["--issuer", "http://127.0.0.1:1", "--client-id", "x"]
    assert "127.0.0.1:1" in run("login", "work", *options, code=4).stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "--issuer URL"),
        (["--issuer", "https://auth.example.com"], "--client-id is missing"),
        (["--preset", "nosuch", "--client-id", "x"], "nosuch"),
        (["--device", "--machine", "--client-id", "x"], "exclude each other"),
        (["--issuer", "http://auth.example.com", "--client-id", "x"], "plain http"),
        (["--preset", "github", "--tenant", "t", "--client-id", "x"], "tenant"),
        (["--port", "70000"], "70000"),
    ],
)
def test_what_cannot_work_is_exit_code_2(home, options, said):
    """What is missing or wrong is said before anybody is asked to log in."""
    assert said in run("login", "new", *options, code=2).stderr
    assert Profiles().names() == []


def test_a_name_may_be_a_presets(home):
    """ "login github" needs no --preset; the page to open is GitHub's."""
    options = ["--client-id", "cli", "--no-browser"]
    done = run("login", "github", *options, input="\n", code=5)
    assert "https://github.com/login/oauth/authorize?" in done.stderr


@pytest.mark.parametrize(
    ("preset", "parameter", "value", "place"),
    [
        ("microsoft", "tenant", "contoso", "contoso"),
        ("okta", "domain", "dev-1.okta.com", "dev-1.okta.com"),
        ("keycloak", "realm", "staff", "/staff"),
        ("github-enterprise", "host", "git.example.com", "git.example.com"),
    ],
)
def test_a_presets_parameters(home, monkeypatch, preset, parameter, value, place):
    """Parameters of a preset are options, and end up in its endpoints."""
    seen = []

    def log_in(auth, **_wishes):
        from oauth_auth.errors import LoginFailed

        seen.append(auth._grant.server)
        raise LoginFailed("not today")

    monkeypatch.setattr(OAuthAuth, "login", log_in)
    options = ["--preset", preset, "--client-id", "x", f"--{parameter}", value]
    if preset == "keycloak":
        options += ["--host", "sso.example.com"]
    run("login", "new", *options, code=5)
    assert place in seen[0].name


def test_a_preset_takes_the_place_of_another_server(home, server, browser):
    """--preset for a profile that had an issuer means the preset's server."""
    logged_in(server, "work")
    options = ["--preset", "github", "--no-browser"]
    done = run("login", "work", *options, input="\n", code=5)
    assert "https://github.com/login/oauth/authorize?" in done.stderr


def test_a_seed_has_no_login(home, server, monkeypatch):
    """A profile that starts from a refresh token says how to log in instead."""
    monkeypatch.setenv("THE_SEED", "rt_of_mine")
    saved(server, "seeded", grant="refresh_token", refresh_token={"env": "THE_SEED"})
    assert "--browser or --device" in run("login", "seeded", code=2).stderr


def test_help_of_login_is_json_free(home):
    """Errors in the command line itself have click's form, with the usage."""
    done = run("login", code=2)
    assert done.stderr.startswith("Usage: oauth-auth login")
    with pytest.raises(json.JSONDecodeError):
        json.loads(done.stdout)
