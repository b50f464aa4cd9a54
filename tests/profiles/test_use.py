"""`OAuthAuth("name")`: a profile in use."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from oauth_auth import FileStore, MemoryStore, OAuthAuth, errors
from oauth_auth.http_clients.httpx import HttpxAuth
from oauth_auth.http_clients.httpx2 import Httpx2Auth
from oauth_auth.http_clients.requests import RequestsAuth
from oauth_auth.profiles import Profile, Profiles, keep_client_secret, source
from oauth_auth.secret import Secret
from tests.fake_server import TOKEN_ENDPOINT, FakeServer

VALUE = "Zq7-client-secret-value"
ROOT = Path(__file__).parents[2]
each_kind = pytest.mark.parametrize(
    "kind", [OAuthAuth, RequestsAuth, HttpxAuth, Httpx2Auth]
)


@pytest.fixture
def server():
    return FakeServer()


@pytest.fixture
def machine():
    """A profile that needs no person, with settings of its own."""
    profile = Profile(
        name="machine",
        grant="client_credentials",
        token_endpoint=TOKEN_ENDPOINT,
        client_id="reports",
        client_secret={"store": True},
        allowed_origins=["https://api.example.com"],
        account="tenant-1",
        leeway=7,
        timeout=3,
        background=False,
    )
    keep_client_secret(FileStore(), "machine", Secret(VALUE))
    Profiles().save(profile)
    return profile


@pytest.fixture
def person():
    """A profile that a person has to log in to."""
    profile = Profile(name="person", preset="spotify", client_id="app")
    Profiles().save(profile)
    return profile


class TestByName:
    @each_kind
    def test_a_name_is_enough(self, server, machine, kind):
        """Each library's class takes it, and gets a token with the kept secret."""
        auth = kind("machine", http=server.http)
        assert auth.access_token() == "access-token-0001"
        assert kind("machine", http=server.http).access_token() == "access-token-0001"
        assert (
            auth._settings()
            == OAuthAuth(
                machine.build_grant(), http=server.http, **machine.settings()
            )._settings()
        )
        assert repr(auth).startswith(f"{kind.__name__}('machine', store=FileStore(")

    def test_it_is_the_same_login_as_the_grants(self, server, machine):
        """A profile names a configuration; the record is the configuration's."""
        token = OAuthAuth("machine", http=server.http).token()
        plain = OAuthAuth(machine.build_grant(), account="tenant-1", http=server.http)
        assert plain.token() == token

    def test_what_the_call_says_wins(self, machine, tmp_path):
        """The rest stays the profile's."""
        auth = OAuthAuth(
            "machine",
            store=FileStore(tmp_path / "other"),
            account="tenant-2",
            allowed_origins="https://other.example.com",
            leeway=0,
            background=True,
        )
        assert auth._settings() == {
            "store": FileStore(tmp_path / "other"),
            "account": "tenant-2",
            "allowed_origins": ["https://other.example.com"],
            "leeway": 0,
            "background": True,
            "timeout": 3,
            "http": None,
            "on_token": None,
            "interactive": False,
        }
        assert OAuthAuth("machine", allowed_origins=[])._allowed_origins == []

    def test_without_a_profile_the_defaults_hold(self, machine):
        """They did not change by becoming a profile's to say."""
        auth = OAuthAuth(machine.build_grant(), store=MemoryStore())
        assert (auth._leeway, auth._timeout, auth._background) == (30.0, 10.0, True)
        assert auth._allowed_origins is None

    @pytest.mark.parametrize("settings", [{"timeout": 0}, {"leeway": -1}])
    def test_what_the_call_says_is_checked(self, machine, settings):
        """As without a profile."""
        with pytest.raises(errors.ConfigurationError, match="more than 0 seconds"):
            OAuthAuth("machine", **settings)

    def test_an_unknown_name_says_how_to_make_it(self, home):
        """The file, and the command."""
        with pytest.raises(errors.ConfigurationError) as caught:
            OAuthAuth("github")
        assert str(home / "profiles.toml") in str(caught.value)
        assert "oauth-auth login github ..." in str(caught.value)

    def test_the_file_is_parsed_once(self, machine, home, monkeypatch):
        """An object for every request is normal use."""
        os.utime(home / "profiles.toml", (1e9, 1e9))
        first = OAuthAuth("machine")
        monkeypatch.setattr(source.tomllib, "loads", None)
        assert OAuthAuth("machine")._grant is first._grant


class TestRemedy:
    def test_the_error_ends_with_the_command(self, person):
        """Whoever reads the log knows what to run."""
        with pytest.raises(errors.LoginRequired) as caught:
            OAuthAuth("person").token()
        assert str(caught.value).endswith("; run: oauth-auth login person")

    @pytest.mark.parametrize("settings", [{"account": "42"}, {"store": MemoryStore()}])
    def test_another_login_is_not_the_commands(self, person, settings):
        """It logs the profile's own account in, in the profile's own store."""
        with pytest.raises(errors.LoginRequired) as caught:
            OAuthAuth("person", **settings).token()
        assert "oauth-auth" not in str(caught.value)

    def test_other_accounts_are_not_the_commands_either(self, person):
        """A web application's user goes through its own page."""
        auth = OAuthAuth("person")
        with pytest.raises(errors.LoginRequired) as caught:
            auth.for_account("42").token()
        assert "oauth-auth" not in str(caught.value)
        with pytest.raises(errors.LoginRequired, match="oauth-auth login person"):
            auth.token()


def test_two_profiles_are_two_logins(person):
    """Of two people, where the settings do not tell them apart. M97."""
    Profiles().save(Profile.from_dict("other", person.to_dict()))
    ids = {
        OAuthAuth(name, **settings)._resolved().record_id
        for name in ("person", "other")
        for settings in ({}, {"account": "42"})
    }
    assert len(ids) == 4
    again = OAuthAuth("other").for_account("42")._resolved().record_id
    assert again == OAuthAuth("other", account="42")._resolved().record_id


class TestCopies:
    @each_kind
    def test_accounts_go_on_with_the_same_settings(self, machine, kind):
        """Even when the profile has been removed since."""
        auth = kind("machine", leeway=1)
        Profiles().remove("machine")
        other = auth.for_account("tenant-2")
        assert type(other) is kind
        assert other._settings() == {**auth._settings(), "account": "tenant-2"}
        assert "'machine'" in repr(other)

    @each_kind
    def test_a_pickle_has_the_name(self, machine, kind):
        """What it means is looked up where the pickle is read."""
        auth = kind("machine", leeway=1).for_account("tenant-2")
        data = pickle.dumps(auth)
        assert VALUE.encode() not in data
        other = pickle.loads(data)
        assert type(other) is kind
        assert repr(other) == repr(auth)
        assert other._settings() == auth._settings()
        changed = Profile.from_dict("machine", machine.to_dict() | {"timeout": 9})
        Profiles().save(changed, replace=True)
        assert pickle.loads(data)._timeout == 9
        assert pickle.loads(data)._leeway == 1
        assert pickle.loads(pickle.dumps(other))._account == "tenant-2"

    def test_a_pickle_of_a_profile_that_is_gone(self, machine):
        """The reader's error is that of an unknown name."""
        data = pickle.dumps(OAuthAuth("machine"))
        Profiles().remove("machine")
        with pytest.raises(errors.ConfigurationError, match="no profile machine"):
            pickle.loads(data)

    def test_settings_in_a_pickle_are_sealed(self, person):
        """What the call said beside the name may hold a secret."""
        from oauth_auth import HttpOptions

        proxy = "http://me:Jk3-proxy-password@proxy.example:3128"
        data = pickle.dumps(OAuthAuth("person", http=HttpOptions(proxy=proxy)))
        assert b"proxy-password" not in data
        assert pickle.loads(data)._http == HttpOptions(proxy=proxy)


def test_the_window_loads_nothing_of_it():
    """Programs without profiles do not pay for them."""
    program = (
        "import sys, oauth_auth; oauth_auth.OAuthAuth(oauth_auth.ClientCredentials("
        "'https://a.example', client_id='x', client_secret='y'))\n"
        "print([m for m in sys.modules if m.startswith(('oauth_auth.profiles', "
        "'oauth_auth.presets', 'toml'))])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.strip() == "[]"


def test_reading_profiles_loads_no_writer(machine):
    """Only who writes profiles needs the command line's extra."""
    program = (
        "import sys; from oauth_auth.http_clients.requests import RequestsAuth\n"
        "RequestsAuth('machine'); print('tomlkit' in sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.strip() == "False"
