"""`OAuthAuth.from_env`: what environment variables say."""

import os

import pytest

from oauth_auth import (
    AuthorizationCode,
    ClientCredentials,
    DeviceCode,
    FileStore,
    FromEnv,
    FromFile,
    JWTBearer,
    OAuthAuth,
    Password,
    RefreshToken,
    TokenExchange,
    errors,
)
from oauth_auth.http_clients.httpx import HttpxAuth
from oauth_auth.http_clients.httpx2 import Httpx2Auth
from oauth_auth.http_clients.requests import RequestsAuth
from oauth_auth.profiles import Profile, Profiles
from oauth_auth.profiles.environment import _BESIDE_PROFILE, VARIABLES
from tests.fake_server import TOKEN_ENDPOINT, FakeServer

VALUE = "Zq7-client-secret-value"
ISSUER = "https://auth.example.com"


@pytest.fixture
def say(monkeypatch):
    """Set variables; the prefix is the usual one unless another is given."""

    def say(prefix="OAUTH_AUTH_", **variables):
        for name, value in variables.items():
            monkeypatch.setenv(prefix + name, value)

    return say


def refused(prefix="OAUTH_AUTH_"):
    with pytest.raises(errors.ConfigurationError) as caught:
        OAuthAuth.from_env(prefix)
    return str(caught.value)


class TestWhatTheySay:
    @pytest.mark.parametrize("kind", [OAuthAuth, RequestsAuth, HttpxAuth, Httpx2Auth])
    def test_a_container_gets_a_token(self, say, kind):
        """What is usually set is enough, for each library's class."""
        server = FakeServer()
        say(TOKEN_ENDPOINT=TOKEN_ENDPOINT, CLIENT_ID="reports", CLIENT_SECRET=VALUE)
        auth = kind.from_env(http=server.http)
        assert type(auth) is kind
        assert auth.access_token() == "access-token-0001"

    def test_every_variable_arrives(self, say, tmp_path):
        """Texts, lists, numbers and flags."""
        say(
            GRANT="authorization_code",
            ISSUER=ISSUER,
            **{
                f"{name}_ENDPOINT": f"{ISSUER}/{name.lower()}"
                for name in (
                    "TOKEN",
                    "AUTHORIZATION",
                    "DEVICE_AUTHORIZATION",
                    "REVOCATION",
                    "INTROSPECTION",
                )
            },
            JWKS_URI=f"{ISSUER}/keys",
            CLIENT_ID="reports",
            CLIENT_SECRET_FILE="/run/secrets/reports",
            CLIENT_AUTH="client_secret_post",
            SCOPE="read write",
            AUDIENCE="reports",
            RESOURCE="https://a.example/ https://b.example/",
            REDIRECT_URIS="http://127.0.0.1:1/,http://127.0.0.1:2/",
            ALLOWED_ORIGINS="https://a.example, https://*.b.example",
            ACCOUNT="me",
            STORE=str(tmp_path),
            LEEWAY="5",
            TIMEOUT="2.5",
            BACKGROUND="no",
        )
        auth = OAuthAuth.from_env()
        grant = auth._grant
        assert isinstance(grant, AuthorizationCode)
        assert grant.server.introspection_endpoint == f"{ISSUER}/introspection"
        assert grant.server.jwks_uri == f"{ISSUER}/keys"
        assert grant.client_secret == FromFile("/run/secrets/reports")
        assert grant.client_auth == "client_secret_post"
        assert (grant.scope, grant.audience) == ("read write", "reports")
        assert grant.resource == ["https://a.example/", "https://b.example/"]
        assert grant.redirect_uris == ("http://127.0.0.1:1/", "http://127.0.0.1:2/")
        assert auth._settings() == {
            "store": FileStore(tmp_path),
            "account": "me",
            "allowed_origins": ["https://a.example", "https://*.b.example"],
            "leeway": 5.0,
            "background": False,
            "timeout": 2.5,
            "http": None,
            "on_token": None,
            "interactive": False,
        }

    @pytest.mark.parametrize(
        ("variables", "kind"),
        [
            ({"CLIENT_SECRET": VALUE}, ClientCredentials),
            ({"CLIENT_SECRET_FILE": "/run/secret"}, ClientCredentials),
            ({"REFRESH_TOKEN": VALUE}, RefreshToken),
            ({"REFRESH_TOKEN_FILE": "/run/rt", "CLIENT_SECRET": VALUE}, RefreshToken),
            ({"SUBJECT_TOKEN_FILE": "/run/token"}, TokenExchange),
            ({"ASSERTION": VALUE}, JWTBearer),
            ({"USERNAME": "al", "PASSWORD": VALUE}, Password),
            ({"PRIVATE_KEY": VALUE}, ClientCredentials),
            ({"CERTIFICATE": "/run/c.pem"}, ClientCredentials),
            (
                {"GRANT": "jwt_bearer", "PRIVATE_KEY_FILE": "/k", "KEY_ID": "1"},
                JWTBearer,
            ),
            ({}, AuthorizationCode),
            ({"GRANT": "device_code"}, DeviceCode),
            (
                {"GRANT": "authorization_code", "CLIENT_SECRET": VALUE},
                AuthorizationCode,
            ),
        ],
    )
    def test_the_grant_follows_from_what_is_there(self, say, variables, kind):
        """GRANT says it otherwise."""
        say(ISSUER=ISSUER, CLIENT_ID="reports", **variables)
        assert type(OAuthAuth.from_env()._grant) is kind

    def test_secrets_stay_where_they_are(self, say, monkeypatch):
        """A rotated one counts at the next request for a token."""
        say(ISSUER=ISSUER, CLIENT_ID="r", CLIENT_SECRET=VALUE, REFRESH_TOKEN=VALUE)
        grant = OAuthAuth.from_env()._grant
        assert grant.client_secret == FromEnv("OAUTH_AUTH_CLIENT_SECRET")
        monkeypatch.setenv("OAUTH_AUTH_REFRESH_TOKEN", "the-next-refresh-token")
        assert grant.seed.refresh_token == "the-next-refresh-token"

    def test_a_preset(self, say):
        """With its parameters."""
        say(PRESET="keycloak", HOST="id.example", REALM="main", CLIENT_ID="reports")
        grant = OAuthAuth.from_env()._grant
        assert grant.server.issuer == "https://id.example/realms/main"

    def test_a_profile(self, say, tmp_path):
        """And what a call may say beside its name."""
        Profiles().save(Profile(name="gh", preset="github", client_id="x", leeway=3))
        say(PROFILE="gh", ACCOUNT="42", TIMEOUT="1", STORE=str(tmp_path / "other"))
        auth = OAuthAuth.from_env()
        assert repr(auth).startswith("OAuthAuth('gh', ")
        assert (auth._account, auth._timeout, auth._leeway) == ("42", 1.0, 3)
        assert auth._store == FileStore(tmp_path / "other")

    def test_what_the_call_says_wins(self, say):
        """As everywhere."""
        say(ISSUER=ISSUER, CLIENT_ID="reports", ACCOUNT="a", LEEWAY="5")
        auth = OAuthAuth.from_env(account="b", interactive=True)
        assert (auth._account, auth._leeway, auth._interactive) == ("b", 5.0, True)

    def test_another_prefix(self, say):
        """Two clients in one program."""
        say("BILLING_", ISSUER=ISSUER, CLIENT_ID="billing", CLIENT_SECRET=VALUE)
        grant = OAuthAuth.from_env("BILLING_")._grant
        assert grant.client_secret == FromEnv("BILLING_CLIENT_SECRET")
        assert "BILLING_PROFILE" not in os.environ

    def test_the_stores_variables_keep_their_meaning(self, say, home):
        """They are about the token store, whatever else is configured."""
        say(ISSUER=ISSUER, CLIENT_ID="reports", KEYRING="0", KEY="")
        assert OAuthAuth.from_env()._store == FileStore(home)

    def test_an_empty_variable_is_none(self, say):
        """Compose files and CI systems set what they cannot leave out."""
        say(ISSUER=ISSUER, CLIENT_ID="reports", CLIENT_SECRET="", SCOPE=" ", PROFILE="")
        grant = OAuthAuth.from_env()._grant
        assert (grant.client_secret, grant.scope) == (None, None)

    def test_no_command_is_advised_for_them(self, say):
        """`oauth-auth login` knows profiles, not this environment."""
        say(ISSUER=ISSUER, CLIENT_ID="reports")
        assert "oauth-auth" not in OAuthAuth.from_env()._grant.remedy


class TestWhatIsRefused:
    def test_nothing_set(self):
        """The error says what to begin with."""
        said = refused()
        assert "OAUTH_AUTH_PROFILE" in said
        assert "OAUTH_AUTH_ISSUER" in said

    @pytest.mark.parametrize(
        ("variables", "named"),
        [
            ({"CLIENT_SECRET_FILE": "/run/x"}, "CLIENT_SECRET_FILE"),
            ({"REFRESH_TOKEN": VALUE, "REFRESH_TOKEN_FILE": "/x"}, "REFRESH_TOKEN"),
            ({"PROFILE": "p"}, "PROFILE"),
            ({"GRANT": VALUE}, "GRANT"),
            ({"PRESET": VALUE}, "PRESET"),
            ({"CLIENT_AUTH": VALUE}, "CLIENT_AUTH"),
            ({"LEEWAY": VALUE}, "LEEWAY"),
            ({"TIMEOUT": "nan"}, "TIMEOUT"),
            ({"TIMEOUT": "-1"}, "TIMEOUT"),
            ({"BACKGROUND": VALUE}, "BACKGROUND"),
            ({"STORE": VALUE}, "STORE"),
            ({"ISSUER": VALUE}, "*: issuer"),
            ({"ISSUER": f"https://me:{VALUE}@auth.example.com"}, "*: issuer"),
            ({"TOKEN_ENDPOINT": f"https://{VALUE}#x"}, "*: token_endpoint"),
            ({"RESOURCE": VALUE}, "*: resource"),
            ({"REDIRECT_URIS": VALUE}, "REDIRECT_URIS"),
            ({"ALLOWED_ORIGINS": VALUE}, "*: allowed_origins"),
            ({"TENANT": VALUE}, "TENANT"),
            ({"CLIENT_ID": f"{VALUE}\x07"}, "CLIENT_ID"),
            ({"CLIENT_ID": ""}, "*: client_id"),
            ({"GRANT": "device_code", "TOKEN_ENDPOINT": f"{ISSUER}/t"}, "GRANT"),
        ],
    )
    def test_the_variable_is_named_and_its_value_is_not(self, say, variables, named):
        """A secret may stand in the wrong variable."""
        say(ISSUER=ISSUER, CLIENT_ID="reports", CLIENT_SECRET="hush-hush-hush")
        say(**variables)
        said = refused()
        assert f"OAUTH_AUTH_{named}" in said
        for value in (VALUE, VALUE.lower(), "hush"):
            assert value not in said

    @pytest.mark.parametrize(
        ("wrong", "right"),
        [
            ("CLIENTID", "CLIENT_ID"),
            ("CLIENT_SECERT", "CLIENT_SECRET"),
            ("SCOPES", "SCOPE"),
            ("ISSUR", "ISSUER"),
            ("client_id", "CLIENT_ID"),
            ("ALLOWED_ORIGIN", "ALLOWED_ORIGINS"),
            ("TOKEN_URL_ENDPOINT", "TOKEN_ENDPOINT"),
        ],
    )
    def test_a_misspelt_variable(self, say, wrong, right):
        """It would otherwise be a setting that is silently missing."""
        say(ISSUER=ISSUER, CLIENT_ID="reports", **{wrong: VALUE})
        said = refused()
        assert f"OAUTH_AUTH_{wrong}" in said
        assert f"did you mean OAUTH_AUTH_{right}?" in said
        assert VALUE not in said

    @pytest.mark.parametrize(
        "name", ["COLOUR", "REQUIRE_SERVERS", "HOME", "KEY", "KEYRING", "COVERAGE"]
    )
    def test_others_variables_are_let_alone(self, say, name):
        """A prefix may be an application's own."""
        say(ISSUER=ISSUER, CLIENT_ID="reports", **{name: "x"})
        assert OAuthAuth.from_env()

    def test_a_profile_that_is_not_there(self, say):
        """The variable and the known names; not the value."""
        Profiles().save(Profile(name="gh", preset="github", client_id="x"))
        say(PROFILE=VALUE)
        said = refused()
        assert "OAUTH_AUTH_PROFILE" in said
        assert "which has: gh" in said
        assert VALUE not in said

    @pytest.mark.parametrize("name", sorted(set(VARIABLES) - _BESIDE_PROFILE))
    def test_what_a_profile_says_is_not_said_beside_it(self, say, name):
        """Nobody could tell which of the two counts."""
        Profiles().save(Profile(name="gh", preset="github", client_id="x"))
        say(**{name: VALUE})
        say(PROFILE="gh")
        if name == "PROFILE":
            assert OAuthAuth.from_env()._profile == "gh"
            return
        assert f"OAUTH_AUTH_{name} is set too" in refused()

    def test_a_store_beside_a_profile(self, say):
        """It is checked, and not repeated, as without one."""
        Profiles().save(Profile(name="gh", preset="github", client_id="x"))
        say(PROFILE="gh", STORE=VALUE)
        assert "OAUTH_AUTH_STORE must be an absolute path" in refused()
        assert VALUE not in refused()

    def test_a_missing_secret_is_named_when_it_is_needed(self, say, monkeypatch):
        """The reference is read at the request."""
        say(TOKEN_ENDPOINT=TOKEN_ENDPOINT, CLIENT_ID="reports", CLIENT_SECRET=VALUE)
        auth = OAuthAuth.from_env(http=FakeServer().http)
        monkeypatch.delenv("OAUTH_AUTH_CLIENT_SECRET")
        with pytest.raises(errors.ConfigurationError, match="OAUTH_AUTH_CLIENT_SECRET"):
            auth.token()


def test_every_variable_is_a_setting_of_profiles():
    """So that one description serves both."""
    settings = {name.removesuffix("_FILE").lower() for name in VARIABLES}
    assert settings - {"profile"} <= set(Profile.__dataclass_fields__)
