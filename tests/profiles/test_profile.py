"""A profile: what it may say, and what becomes of it."""

import copy
import dataclasses
import pickle

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
    PrivateKeyJWT,
    RefreshToken,
    TLSClientAuth,
    TokenExchange,
    errors,
)
from oauth_auth.client_auth import SelfSignedTLSClientAuth
from oauth_auth.profiles import Profile, SecretReference

ISSUER = "https://auth.example.com"
EVERYTHING = {
    "grant": "authorization_code",
    "issuer": ISSUER,
    "token_endpoint": f"{ISSUER}/token",
    "authorization_endpoint": f"{ISSUER}/authorize",
    "device_authorization_endpoint": f"{ISSUER}/device",
    "revocation_endpoint": f"{ISSUER}/revoke",
    "introspection_endpoint": f"{ISSUER}/introspect",
    "jwks_uri": f"{ISSUER}/keys",
    "allow_http": True,
    "client_id": "reports",
    "client_secret": {"env": "REPORTS_SECRET"},
    "client_auth": "client_secret_post",
    "scope": "read write",
    "audience": "reports",
    "resource": ["https://api.example.com/"],
    "redirect_uris": ["http://127.0.0.1:8765/cb", "http://127.0.0.1:8766/cb"],
    "refresh_scope": "read",
    "extra": {"organization": "7"},
    "authorization_extra": {"prompt": "consent"},
    "allowed_origins": ["https://api.example.com", "https://*.api.example.com"],
    "account": "me",
    "store": "/var/lib/reports",
    "leeway": 5,
    "background": False,
    "timeout": 2.5,
}


def made(**settings):
    return Profile(**{"name": "p", "issuer": ISSUER, "client_id": "reports"} | settings)


class TestWhatBecomesOfIt:
    def test_every_setting_arrives(self):
        """The grant and OAuthAuth's arguments say what the profile says."""
        profile = Profile.from_dict("p", EVERYTHING)
        grant = profile.build_grant()
        assert isinstance(grant, AuthorizationCode)
        for name in (
            "issuer",
            "token_endpoint",
            "authorization_endpoint",
            "device_authorization_endpoint",
            "revocation_endpoint",
            "introspection_endpoint",
            "jwks_uri",
            "allow_http",
        ):
            assert getattr(grant.server, name) == EVERYTHING[name], name
        assert grant.client_secret == FromEnv("REPORTS_SECRET")
        for name in ("client_id", "client_auth", "scope", "audience", "resource"):
            assert getattr(grant, name) == EVERYTHING[name], name
        for name in ("refresh_scope", "extra", "authorization_extra"):
            assert getattr(grant, name) == EVERYTHING[name], name
        assert list(grant.redirect_uris) == EVERYTHING["redirect_uris"]
        settings = profile.settings()
        assert settings.pop("store") == FileStore("/var/lib/reports")
        assert settings == {
            name: EVERYTHING[name]
            for name in (
                "account",
                "allowed_origins",
                "background",
                "leeway",
                "timeout",
            )
        }
        OAuthAuth(grant, **profile.settings())

    def test_plain_data_and_back(self):
        """What TOML can hold makes the same profile again."""
        profile = Profile.from_dict("p", EVERYTHING)
        assert profile.to_dict() == EVERYTHING
        assert Profile.from_dict("p", profile.to_dict()) == profile
        assert made().to_dict() == {
            "grant": "authorization_code",
            "issuer": ISSUER,
            "client_id": "reports",
        }

    @pytest.mark.parametrize(
        ("grant", "kind", "more"),
        [
            ("authorization_code", AuthorizationCode, {}),
            ("device_code", DeviceCode, {}),
            ("client_credentials", ClientCredentials, {"client_secret": {"env": "S"}}),
            ("refresh_token", RefreshToken, {"refresh_token": {"file": "/run/rt"}}),
            ("jwt_bearer", JWTBearer, {"private_key": {"env": "K"}}),
            ("jwt_bearer", JWTBearer, {"assertion": {"file": "/run/jwt"}}),
            ("token_exchange", TokenExchange, {"subject_token": {"file": "/run/t"}}),
            ("password", Password, {"username": "al", "password": {"env": "P"}}),
        ],
    )
    def test_each_grant_is_built(self, grant, kind, more):
        """All of them, each from what it needs, and each only once."""
        profile = made(grant=grant, **more)
        assert type(profile.build_grant()) is kind
        assert profile.build_grant() is profile.build_grant()

    @pytest.mark.parametrize(
        ("settings", "method"),
        [
            (
                {
                    "private_key": {"file": "/run/key.pem"},
                    "key_id": "k",
                    "signing_algorithm": "PS256",
                    "assertion_audience": "issuer",
                },
                PrivateKeyJWT(
                    FromFile("/run/key.pem"),
                    key_id="k",
                    algorithm="PS256",
                    audience="issuer",
                ),
            ),
            (
                {"private_key": {"env": "K"}, "client_auth": "private_key_jwt"},
                PrivateKeyJWT(FromEnv("K")),
            ),
            (
                {"certificate": "/run/c.pem", "certificate_key": "/run/k.pem"},
                TLSClientAuth("/run/c.pem", "/run/k.pem"),
            ),
            (
                {
                    "certificate": "/run/c.pem",
                    "client_auth": "self_signed_tls_client_auth",
                },
                SelfSignedTLSClientAuth("/run/c.pem"),
            ),
            (
                {"client_secret": {"env": "S"}, "client_auth": "client_secret_jwt"},
                "client_secret_jwt",
            ),
        ],
    )
    def test_a_client_proves_itself(self, settings, method):
        """By what it has, or as the profile says."""
        profile = made(grant="client_credentials", **settings)
        assert profile.build_grant().client_auth == method
        assert Profile.from_dict("p", profile.to_dict()) == profile

    def test_a_machine_says_who_it_is(self):
        """All that a signed statement can say, without a client."""
        profile = Profile(
            name="p",
            grant="jwt_bearer",
            issuer=ISSUER,
            private_key={"env": "K"},
            assertion_issuer="svc",
            assertion_audience="urn:x",
            subject="al",
            claims={"scope": "a"},
            key_id="k",
        )
        expected = JWTBearer(
            ISSUER,
            key=FromEnv("K"),
            issuer="svc",
            assertion_audience="urn:x",
            subject="al",
            claims={"scope": "a"},
        )
        found = profile.build_grant()
        assert (found._claims, repr(found)) == (expected._claims, repr(expected))
        assert found.client_auth is None

    def test_a_token_is_exchanged(self):
        """Both tokens are references, and their types are kept."""
        profile = made(
            grant="token_exchange",
            subject_token={"file": "/run/t"},
            subject_token_type="jwt",
            actor_token={"env": "A"},
            actor_token_type="id_token",
            requested_token_type="urn:x",
        )
        expected = TokenExchange(
            ISSUER,
            client_id="reports",
            subject_token=FromFile("/run/t"),
            subject_token_type="jwt",
            actor_token=FromEnv("A"),
            actor_token_type="id_token",
            requested_token_type="urn:x",
        )
        assert profile.build_grant().inputs(None) == expected.inputs(None)

    def test_a_refresh_token_is_read_where_it_is(self, tmp_path):
        """The seed is a reference too."""
        (tmp_path / "rt").write_text("the-first-refresh-token\n")
        profile = made(
            grant="refresh_token", refresh_token={"file": str(tmp_path / "rt")}
        )
        assert profile.build_grant().seed.refresh_token == "the-first-refresh-token"

    def test_it_is_immutable(self):
        """Nothing that is handed out changes it."""
        profile = made(extra={"a": "b"}, resource=["https://api.example.com/"])
        with pytest.raises(dataclasses.FrozenInstanceError):
            profile.client_id = "other"
        with pytest.raises(TypeError):
            profile.extra["a"] = "c"
        profile.to_dict()["extra"]["a"] = "c"
        profile.settings()["leeway"] = 1
        assert profile.to_dict()["extra"] == {"a": "b"}
        assert profile.settings() == {}
        assert hash(profile) == hash(dataclasses.replace(profile))
        assert dataclasses.replace(profile, client_id="other").client_id == "other"

    def test_it_travels(self):
        """To other processes, and as a copy; it has nothing to hide."""
        profile = Profile.from_dict("p", EVERYTHING)
        assert pickle.loads(pickle.dumps(profile)) == profile
        assert copy.deepcopy(profile) == profile

    def test_none_means_not_given(self):
        """As in the arguments of the grants."""
        assert made(grant=None, extra=None, resource=None, background=None) == made()

    def test_a_store_may_begin_with_the_home_directory(self, monkeypatch, tmp_path):
        """A file that people share between machines does so."""
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
        profile = made(
            store="~/oauth", client_secret={"file": "~/s"}, client_auth="none"
        )
        assert profile.settings()["store"] == FileStore(tmp_path / "oauth")
        secret = profile.build_grant().client_secret
        assert secret == FromFile(str(tmp_path / "s"))
        assert profile.to_dict()["store"] == "~/oauth"


class TestRemedy:
    @pytest.mark.parametrize("grant", ["authorization_code", "device_code"])
    def test_a_person_is_told_the_command(self, grant):
        """What the command line can renew, it is named for."""
        assert made(grant=grant).build_grant().remedy == "run: oauth-auth login p"

    def test_other_grants_name_their_own(self):
        """No command gets a new seed, and a machine needs none."""
        machine = made(grant="client_credentials", client_secret={"env": "S"})
        seeded = made(grant="refresh_token", refresh_token={"env": "R"})
        assert "oauth-auth" not in machine.build_grant().remedy
        assert "oauth-auth" not in seeded.build_grant().remedy

    def test_a_copy_without_it_is_the_same_grant(self):
        """The advice does not tell records apart, and goes without a trace."""
        grant = made(scope="a b").build_grant()
        other = grant.without_command()
        assert "auth.login()" in other.remedy
        assert "oauth-auth login p" in grant.remedy
        assert other.inputs(None) == grant.inputs(None)
        assert other.without_command() is other
        assert copy.copy(grant).remedy == grant.remedy


class TestRecord:
    @pytest.mark.parametrize(
        ("settings", "own"),
        [
            ({}, True),
            ({"grant": "device_code"}, True),
            ({"grant": "client_credentials", "client_secret": {"env": "S"}}, False),
            ({"grant": "refresh_token", "refresh_token": {"env": "R"}}, False),
        ],
    )
    def test_people_log_in_to_each_profile(self, settings, own):
        """Two with the same settings may be two people's; a machine is one machine."""
        one, other = (
            made(**settings, name=name).build_grant() for name in ("p", "other")
        )
        assert (one.inputs("42") != other.inputs("42")) is own
        assert one.of_profile(None).inputs(None) == other.of_profile(None).inputs(None)


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("key", "value", "says"),
        [
            ("grant", "implicit", "known are: authorization_code"),
            ("grant", "password", "username is missing"),
            ("grant", "token_exchange", "subject_token is missing"),
            ("grant", "jwt_bearer", "needs either key="),
            ("username", "al", 'for grant = "password" alone'),
            ("subject_token", {"env": "T"}, 'for grant = "token_exchange" alone'),
            ("claims", {"a": "b"}, 'for grant = "jwt_bearer" alone'),
            ("private_key", "s3cret-in-the-open", "written out"),
            ("certificate", "cert.pem", "absolute"),
            ("client_auth", "tls_client_auth", "certificate is missing"),
            ("grant", "device-code", "did you mean 'device_code'"),
            ("grant", "authorisation_code", "did you mean 'authorization_code'"),
            ("preset", "gihub", "github"),
            ("client_id", "", "not empty"),
            ("client_id", "a\nb", "printable"),
            ("client_id", 7, "text"),
            ("scope", {"a": "b"}, "list of texts"),
            ("scope", ["a", 1], "text"),
            ("resource", "api", "absolute URI"),
            ("redirect_uris", "http://example.com/cb", "plain http"),
            ("extra", {"a": 1}, "extra.a must be a text"),
            ("extra", "a=b", "table"),
            ("extra", {"a": "\ud800"}, "printable"),
            ("allowed_origins", ["api.example.com"], "no URL"),
            ("allowed_origins", ["https://*.com"], "asterisk"),
            ("store", "cache", "absolute"),
            ("store", "~nobody-of-this-name/x", "home directory"),
            ("leeway", -1, "0 seconds or more"),
            ("leeway", True, "seconds"),
            ("timeout", 0, "more than 0"),
            ("timeout", float("nan"), "seconds"),
            ("timeout", float("inf"), "seconds"),
            ("timeout", "10", "seconds"),
            ("background", "no", "true or false"),
            ("allow_http", 0, "true or false"),
            ("client_auth", "private_key_jwt", "private_key is missing"),
            ("client_auth", "client_secret_post", "needs a client_secret"),
            ("issuer", "http://auth.example.com", "plain http"),
            ("issuer", "https://me:s3cret@auth.example.com", "user name"),
            ("refresh_token", {"env": "R"}, "alone"),
            ("tenant", "common", "no preset"),
            ("client_secret", "s3cret-in-the-open", "written out"),
            ("client_secret", 7, "written out"),
            ("extra", {"id_token_hint": "ey"}, "have the program pass it"),
            ("client_secret", {}, "nothing in it"),
            ("client_secret", {"env": "A", "file": "/b"}, "env, file"),
            ("client_secret", {"vault": "A"}, "vault"),
            ("client_secret", {"env": ""}, "env takes a text"),
            ("client_secret", {"env": 3}, "env takes a text"),
            ("client_secret", {"env": "s3cret-itself"}, "a variable's name"),
            ("client_secret", {"file": "secret.txt"}, "absolute"),
            ("client_secret", {"keyring": "service"}, "colon"),
            ("client_secret", {"store": False}, "only be true"),
            ("client_secret", {"store": "yes"}, "only be true"),
        ],
    )
    def test_a_setting_that_cannot_work(self, key, value, says):
        """It is refused when the profile is made, not at the first request."""
        with pytest.raises(errors.ConfigurationError) as caught:
            made(**{key: value})
        assert says in str(caught.value)
        assert "s3cret" not in str(caught.value)

    @pytest.mark.parametrize("key", ["client_secret", "PASSWORD", "refresh-token"])
    def test_a_secret_among_the_parameters(self, key):
        """`extra` is no way around the references."""
        with pytest.raises(errors.ConfigurationError, match="holds no secret"):
            made(extra={key: "s3cret-in-the-open"})

    def test_a_missing_client_id(self):
        """Every grant needs one."""
        with pytest.raises(errors.ConfigurationError, match="client_id is missing"):
            made(client_id=None)

    def test_a_missing_server(self):
        """Neither issuer, nor token endpoint, nor preset."""
        with pytest.raises(errors.ConfigurationError, match="no authorization server"):
            made(issuer=None)

    @pytest.mark.parametrize(
        ("grant", "endpoint"),
        [
            ("authorization_code", "authorization_endpoint"),
            ("device_code", "device_authorization_endpoint"),
        ],
    )
    def test_a_missing_page(self, grant, endpoint):
        """A known token endpoint means that no metadata are looked up."""
        token_endpoint = f"{ISSUER}/token"
        with pytest.raises(errors.ConfigurationError, match=f"{endpoint} is missing"):
            made(issuer=None, grant=grant, token_endpoint=token_endpoint)
        made(grant=grant, token_endpoint=token_endpoint, **{endpoint: f"{ISSUER}/x"})

    def test_an_unknown_key_names_the_closest(self):
        """A misspelt key would otherwise be a setting that is silently missing."""
        with pytest.raises(errors.ConfigurationError, match="'allowed_origins'"):
            Profile.from_dict("p", {"allowed-origin": []})
        with pytest.raises(errors.ConfigurationError, match="known are: account"):
            Profile.from_dict("p", {"colour": "red"})

    @pytest.mark.parametrize(
        "name",
        ["", "a b", "-a", "_a", "a/b", "a.b", "\u00e9", "a" * 65, "a\n", None, 7],
    )
    def test_a_name_that_is_none(self, name):
        """Names are typed in shells, and stand in file names and error messages."""
        with pytest.raises(errors.ConfigurationError, match="no name for a profile"):
            made(name=name)

    def test_the_error_names_the_key(self):
        """A file's reader finds the line by it."""
        with pytest.raises(errors.ConfigurationError) as caught:
            made(timeout=0)
        assert caught.value.key == "timeout"


def test_a_reference_prints_no_secret_of_its_own():
    """It has only names."""
    assert repr(SecretReference("env", "NAME")) == (
        "SecretReference(kind='env', name='NAME')"
    )
