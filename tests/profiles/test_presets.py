"""Known servers: their data, and what is odd about their answers."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from oauth_auth import MemoryStore, OAuthAuth, errors
from oauth_auth.login.device import log_in_by_device
from oauth_auth.origins import Origins
from oauth_auth.presets import PARAMETERS, PRESETS
from oauth_auth.profiles import Profile

#: What stands for the parameters of those that have some.
VALUES = {
    "tenant": "contoso.onmicrosoft.com",
    "host": "id.example:8443",
    "domain": "dev-1.example",
    "realm": "main",
}
ENDPOINTS = (
    "issuer",
    "token_endpoint",
    "authorization_endpoint",
    "device_authorization_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
    "jwks_uri",
)


def made(preset, **settings):
    given = {name: VALUES[name] for name in PRESETS[preset].parameters}
    return Profile(
        **{"name": "p", "preset": preset, "client_id": "app"} | given | settings
    )


def url_of(profile, **extra):
    grant = profile.build_grant()
    issuer = grant.server.issuer or ""
    # Only those without endpoints of their own ask for it.
    metadata = json(
        issuer=issuer,
        token_endpoint=f"{issuer}/token",
        authorization_endpoint=f"{issuer}/authorize",
    )
    auth = OAuthAuth(grant, store=MemoryStore(), http=Server(metadata).http)
    url, _ = auth.authorization_url(redirect_uri="https://me.example/cb", **extra)
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


class Server:
    """Answers every request from a script."""

    def __init__(self, *script):
        self.script = list(script)
        self.requests = []

    def _answer(self, request):
        self.requests.append(request)
        return self.script.pop(0)

    def http(self):
        return httpx.Client(transport=httpx.MockTransport(self._answer))


def json(status=200, **members):
    return httpx.Response(status, json=members)


def form(text, status=200):
    kind = {"content-type": "application/x-www-form-urlencoded"}
    return httpx.Response(status, content=text, headers=kind)


@pytest.fixture
def renewing(monkeypatch):
    """Return an object with a refresh token for a preset, and a server's answers."""
    monkeypatch.setenv("SEED", "the-first-refresh-token")
    monkeypatch.setenv("CLIENT_SECRET", "Zq7-client-secret-value")

    def renewing(preset, *script):
        server = Server(*script)
        profile = made(
            preset,
            grant="refresh_token",
            refresh_token={"env": "SEED"},
            client_secret={"env": "CLIENT_SECRET"},
        )
        grant = profile.build_grant()
        auth = OAuthAuth(grant, store=MemoryStore(), http=server.http)
        return auth, server

    return renewing


class TestData:
    @pytest.mark.parametrize("name", PRESETS)
    def test_every_preset_makes_a_profile(self, name):
        """With its parameters alone; each URL is complete, and https."""
        grant = made(name).build_grant()
        urls = [getattr(grant.server, each) for each in ENDPOINTS]
        urls += [PRESETS[name].documentation]
        for url in filter(None, urls):
            assert url.startswith("https://")
            assert not set("{} ") & set(url)
        assert PRESETS[name].note.endswith(".")
        assert PRESETS[name].parameters.keys() <= set(PARAMETERS)
        if grant.server.token_endpoint is not None:
            assert urlsplit(grant.server.token_endpoint).path not in ("", "/")

    def test_github_names_itself(self):
        """Its answers have had an `iss` since 2026; no other one is taken for it."""
        server = made("github").build_grant().server
        assert server.issuer == "https://github.com/login/oauth"
        assert server.token_endpoint == f"{server.issuer}/access_token"

    @pytest.mark.parametrize("name", PRESETS)
    def test_a_token_does_not_leave_its_api(self, name):
        """The APIs get it; nobody else does, the authorization server included."""
        origins = made(name).settings().get("allowed_origins")
        if origins is None:
            # The APIs are the user's own.
            assert name in ("auth0", "keycloak", "okta")
            return
        allowed = Origins(origins)
        for url in origins:
            assert allowed.decide(url.replace("*", "some")) is not None
            host = ".".join(urlsplit(url).hostname.split(".")[-2:])
            assert allowed.decide(f"https://evil{host}/") is None
            assert allowed.decide(f"https://{host}.evil.test/") is None
        assert allowed.decide("https://evil.test/") is None

    def test_an_unknown_preset_names_the_known(self):
        """Those that are like it, or else all."""
        with pytest.raises(errors.ConfigurationError, match="did you mean 'github'"):
            Profile(name="p", preset="gihub", client_id="app")
        with pytest.raises(errors.ConfigurationError, match="atlassian, auth0, "):
            Profile(name="p", preset="nonesuch", client_id="app")


class TestParameters:
    def test_they_are_put_in(self):
        """Into every URL."""
        keycloak = made("keycloak", host="id.example:8443", realm="main")
        assert keycloak.build_grant().server.issuer == (
            "https://id.example:8443/realms/main"
        )
        gitlab = made("gitlab", host="git.example.com")
        assert gitlab.settings()["allowed_origins"] == ["https://git.example.com"]
        assert gitlab.build_grant().server.token_endpoint == (
            "https://git.example.com/oauth/token"
        )

    def test_some_have_a_default(self):
        """The public server."""
        server = Profile(name="p", preset="gitlab", client_id="x").build_grant().server
        assert server.token_endpoint == "https://gitlab.com/oauth/token"
        grant = Profile(name="p", preset="microsoft", client_id="x").build_grant()
        assert "/common/" in grant.server.token_endpoint

    @pytest.mark.parametrize("name", ["keycloak", "auth0", "okta", "github-enterprise"])
    def test_others_have_to_be_given(self, name):
        """The error names what is missing."""
        with pytest.raises(errors.ConfigurationError, match=r"needs (host|domain)"):
            Profile(name="p", preset=name, client_id="x")

    def test_one_that_is_not_taken_is_refused(self):
        """It would be a setting without effect."""
        with pytest.raises(errors.ConfigurationError, match="takes no tenant"):
            made("github", tenant="x")

    @pytest.mark.parametrize(
        "value",
        [
            "https://id.example",
            "id.example/",
            "evil.test/x",
            "evil.test#",
            "evil.test?x",
            "me@evil.test",
            "evil.test\\",
            "id.example:port",
            "id.example:123456",
            ".",
            "..",
            "a b",
            "-a",
            "{realm}",
            "\u00e9.example",
            "%2e",
        ],
    )
    @pytest.mark.parametrize("name", ["host", "realm"])
    def test_none_changes_the_shape_of_a_url(self, name, value):
        """A parameter is a host or one segment of a path, and nothing more."""
        with pytest.raises(errors.ConfigurationError, match=f"^{name} = "):
            made("keycloak", **{name: value})


class TestWhatWins:
    def test_what_the_profile_says(self):
        """Setting by setting."""
        profile = made(
            "spotify",
            token_endpoint="https://proxy.example/token",
            client_auth="client_secret_post",
            client_secret={"env": "S"},
            allowed_origins=["https://proxy.example"],
            redirect_uris=["http://127.0.0.1:9/"],
        )
        grant = profile.build_grant()
        assert grant.server.token_endpoint == "https://proxy.example/token"
        assert grant.server.authorization_endpoint == (
            "https://accounts.spotify.com/authorize"
        )
        assert grant.client_auth == "client_secret_post"
        assert grant.redirect_uris == ("http://127.0.0.1:9/",)
        assert profile.settings()["allowed_origins"] == ["https://proxy.example"]

    def test_another_issuer_has_other_endpoints(self):
        """Client credentials must not go to two servers."""
        server = made("okta", issuer="https://dev-1.example").build_grant().server
        assert server.issuer == "https://dev-1.example"
        server = made("gitlab", issuer="https://git.example").build_grant().server
        assert server.issuer == "https://git.example"
        assert server.token_endpoint is None

    def test_parameters_of_the_request_are_merged(self):
        """The profile's replace the preset's of the same name."""
        url = url_of(made("google", authorization_extra={"prompt": "select_account"}))
        assert (url["access_type"], url["prompt"]) == ("offline", "select_account")

    def test_a_public_client_does_not_authenticate(self):
        """The preset's method is for those with a secret."""
        assert made("github").build_grant().client_auth is None
        grant = made("github", client_secret={"env": "S"}).build_grant()
        assert grant.client_auth == "client_secret_post"


class TestRequests:
    @pytest.mark.parametrize("name", ["slack", "strava"])
    def test_scopes_with_commas_between(self, name):
        """Lists and spaces become what the server understands."""
        assert url_of(made(name, scope="a:read b"))["scope"] == "a:read,b"
        assert url_of(made(name, scope=["a:read", "b"]))["scope"] == "a:read,b"
        assert url_of(made(name, scope="a:read,b"))["scope"] == "a:read,b"
        assert url_of(made("github", scope=["a", "b"]))["scope"] == "a b"

    @pytest.mark.parametrize(
        "name", [name for name, each in PRESETS.items() if each.offline_scope]
    )
    def test_people_get_a_refresh_token(self, name):
        """The scope for it is added once, and not for machines."""
        assert url_of(made(name))["scope"] == "offline_access"
        assert url_of(made(name, scope="x"))["scope"] == "x offline_access"
        given = made(name, scope=["offline_access", "x"])
        assert url_of(given)["scope"] == "offline_access x"
        machine = {"grant": "client_credentials", "client_secret": {"env": "S"}}
        assert made(name, **machine, scope="x").build_grant().scope == "x"

    def test_what_makes_google_issue_refresh_tokens(self):
        """At every login, not only a person's first."""
        assert made("google").build_grant().authorization_extra == {
            "access_type": "offline",
            "prompt": "consent",
        }

    def test_what_atlassian_and_dropbox_want_besides(self):
        """Their documentation has them in every authorization request."""
        atlassian = url_of(made("atlassian"))
        assert atlassian["audience"] == "api.atlassian.com"
        assert atlassian["prompt"] == "consent"
        assert url_of(made("dropbox"))["token_access_type"] == "offline"

    def test_microsoft_wants_localhost(self):
        """A registration there ignores the port of that name alone."""
        assert made("microsoft").build_grant().redirect_uris == ("http://localhost",)


class TestAnswers:
    """The general parser reads them; nothing here knows the servers' names."""

    def test_slack_says_ok(self, renewing):
        """Rotated tokens, scopes with commas, a user's token inside."""
        auth, _ = renewing(
            "slack",
            json(
                ok=True,
                access_token="xoxe.xoxb-1-access",
                expires_in=43200,
                refresh_token="xoxe-1-refresh-2",
                token_type="bot",
                scope="chat:write,users:read",
                authed_user={"id": "U1"},
            ),
        )
        token = auth.token()
        assert token.access_token == "xoxe.xoxb-1-access"
        assert token.refresh_token == "xoxe-1-refresh-2"
        assert token.scope == "chat:write,users:read"
        assert token.extra["authed_user"] == {"id": "U1"}

    @pytest.mark.parametrize("code", ["invalid_refresh_token", "invalid_code"])
    def test_slack_ends_a_login_with_status_200(self, renewing, code):
        """`"ok": false` and a code of its own."""
        auth, _ = renewing("slack", json(ok=False, error=code))
        with pytest.raises(errors.LoginRequired):
            auth.token()

    def test_slack_fails_without_ending_a_login(self, renewing):
        """Any other code leaves the refresh token as good as it was."""
        auth, server = renewing(
            "slack",
            json(ok=False, error="internal_error"),
            json(ok=True, access_token="xoxe.xoxb-1-access", expires_in=43200),
        )
        with pytest.raises(errors.TokenEndpointError, match="internal_error") as caught:
            auth.token()
        assert not isinstance(caught.value, errors.LoginRequired)
        assert len(server.requests) == 1

    def test_github_answers_with_a_form(self, renewing):
        """As it does where Accept is lost on the way; it is asked for JSON."""
        auth, server = renewing(
            "github",
            form(
                "access_token=ghu_access-1&expires_in=28800&refresh_token=ghr_refresh-2"
                "&refresh_token_expires_in=15897600&scope=repo%2Cgist&token_type=bearer"
            ),
        )
        token = auth.token()
        assert (token.access_token, token.scope) == ("ghu_access-1", "repo,gist")
        assert token.refresh_token == "ghr_refresh-2"
        assert token.expires_at - token.obtained_at == 28800
        assert server.requests[0].headers["accept"] == "application/json"
        sent = parse_qs(server.requests[0].content.decode())
        assert sent["client_secret"] == ["Zq7-client-secret-value"]

    @pytest.mark.parametrize(
        "answer",
        [
            json(error="bad_refresh_token", error_description="It is incorrect."),
            form("error=bad_refresh_token&error_description=It+is+incorrect."),
        ],
    )
    def test_github_ends_a_login_with_status_200(self, renewing, answer):
        """In either form."""
        auth, _ = renewing("github", answer)
        with pytest.raises(errors.LoginRequired):
            auth.token()

    def test_github_refuses_a_client_with_status_200(self, renewing):
        """That is a mistake in the configuration, and no end of a login."""
        auth, _ = renewing("github", json(error="incorrect_client_credentials"))
        with pytest.raises(errors.TokenEndpointError, match="incorrect_client"):
            auth.token()

    def test_github_is_polled_with_status_200(self):
        """A device login's "not yet" comes as a success, too."""
        server = Server(
            json(
                device_code="3584d83530557fdd1f46af8289938c8ef79f9dc5",
                user_code="WDJB-MJHT",
                verification_uri="https://github.com/login/device",
                expires_in=900,
                interval=5,
            ),
            json(error="authorization_pending"),
            form("error=slow_down&error_description=Too+many+requests&interval=10"),
            json(access_token="ghu_access-1", token_type="bearer", scope=""),
        )
        grant = made("github", grant="device_code").build_grant()
        auth = OAuthAuth(grant, store=MemoryStore(), http=server.http)
        slept = []
        log_in_by_device(
            auth._resolved(),
            auth._terms_for(None),
            show=lambda prompt: None,
            sleep=slept.append,
        )
        assert auth.access_token() == "ghu_access-1"
        assert slept == [5, 5, 10]
        assert str(server.requests[0].url) == "https://github.com/login/device/code"
