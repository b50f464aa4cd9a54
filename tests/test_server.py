"""AuthorizationServer: which URLs a secret may be sent to, and where metadata is."""

import pickle

import pytest

from oauth_auth import errors
from oauth_auth.server import AuthorizationServer, check_url, is_loopback

ISSUER = "https://auth.example.com"


class TestUrls:
    @pytest.mark.parametrize(
        "url",
        [
            "https://auth.example.com",
            "https://auth.example.com:8443/a/b?tenant=1",
            "https://[2001:db8::1]/token",
            "http://localhost:8080/token",
            "http://127.0.0.1:1/token",
            "http://127.8.8.8/token",
            "http://[::1]:8080/token",
            "HTTPS://AUTH.EXAMPLE.COM/token",
        ],
    )
    def test_https_and_loopback_are_accepted(self, url):
        """Loopback never leaves the machine (RFC 8252 section 7.3)."""
        assert AuthorizationServer(token_endpoint=url).token_endpoint == url

    @pytest.mark.parametrize(
        ("url", "said"),
        [
            ("http://auth.example.com", "plain http"),
            ("http://localhost.example.com/", "plain http"),
            ("http://127.0.0.1.example.com/", "plain http"),
            ("http://10.0.0.1/", "plain http"),
            ("http://[::ffff:8.8.8.8]/", "plain http"),
            ("ftp://auth.example.com", "absolute https URL"),
            ("auth.example.com", "absolute https URL"),
            ("/token", "absolute https URL"),
            ("https://", "absolute https URL"),
            ("https:///token", "absolute https URL"),
            ("https://cli:s3cret@auth.example.com/", "user name or password"),
            ("https://cli@auth.example.com/", "user name or password"),
            ("https://auth.example.com/#part", "fragment"),
            ("https://auth.example.com:port/", "is not a URL"),
            ("https://[::1/", "is not a URL"),
            ("https://auth.example.com/\x1b[2J", "control characters"),
            ("https://auth.example.com/to\nken", "control characters"),
            (b"https://auth.example.com/", "absolute https URL"),
            (7, "is not a URL"),
        ],
    )
    def test_anything_else_is_refused(self, url, said):
        """The message names which URL it is, and never a password in it."""
        with pytest.raises(errors.ConfigurationError, match=said) as caught:
            AuthorizationServer(ISSUER, token_endpoint=url)
        assert "token_endpoint" in str(caught.value)
        assert "s3cret" not in str(caught.value)

    def test_plain_http_is_accepted_where_it_is_really_wanted(self):
        """For every endpoint of that server, and for nothing else."""
        url = "http://auth.example.com"
        server = AuthorizationServer(url, token_endpoint=f"{url}/t", allow_http=True)
        assert server.token_endpoint == f"{url}/t"
        assert check_url(url, "name", allow_http=True).hostname == "auth.example.com"
        with pytest.raises(errors.ConfigurationError):
            AuthorizationServer("http://a:b@auth.example.com", allow_http=True)

    @pytest.mark.parametrize(
        ("host", "expected"),
        [
            ("localhost", True),
            ("LOCALHOST.", True),
            ("127.0.0.1", True),
            ("::1", True),
            ("[::1]", True),
            ("0.0.0.0", False),
            ("localhost.localdomain", False),
            ("127.1", False),
            ("", False),
        ],
    )
    def test_loopback_is_what_can_only_be_this_machine(self, host, expected):
        """A name that somebody could resolve elsewhere is not."""
        assert is_loopback(host) is expected

    @pytest.mark.parametrize(
        "name",
        [
            "issuer",
            "authorization_endpoint",
            "device_authorization_endpoint",
            "revocation_endpoint",
            "introspection_endpoint",
            "pushed_authorization_request_endpoint",
            "registration_endpoint",
            "jwks_uri",
        ],
    )
    def test_every_endpoint_is_checked(self, name):
        """Each of them gets a secret, or says whom to trust."""
        urls = {"token_endpoint": f"{ISSUER}/token", name: "http://evil.example"}
        with pytest.raises(errors.ConfigurationError, match=name):
            AuthorizationServer(**urls)

    def test_no_server_at_all_is_an_error(self):
        """The message says what to pass."""
        for urls in ({}, {"issuer": ""}, {"revocation_endpoint": f"{ISSUER}/r"}):
            with pytest.raises(errors.ConfigurationError, match="token_endpoint="):
                AuthorizationServer(**urls)


class TestMetadata:
    @pytest.mark.parametrize(
        ("issuer", "paths"),
        [
            (
                ISSUER,
                (
                    "/.well-known/oauth-authorization-server",
                    "/.well-known/openid-configuration",
                ),
            ),
            (
                f"{ISSUER}/",
                (
                    "/.well-known/oauth-authorization-server",
                    "/.well-known/openid-configuration",
                ),
            ),
            (
                f"{ISSUER}/tenant/1",
                (
                    "/.well-known/oauth-authorization-server/tenant/1",
                    "/tenant/1/.well-known/openid-configuration",
                ),
            ),
        ],
    )
    def test_where_it_may_be(self, issuer, paths):
        """Inserted as in RFC 8414 section 3, appended as in OpenID Connect."""
        found = AuthorizationServer(issuer).metadata_urls()
        assert found == tuple(ISSUER + path for path in paths)

    def test_a_server_without_an_issuer_has_none(self):
        """There is nothing to derive an address from."""
        server = AuthorizationServer(token_endpoint=f"{ISSUER}/token")
        assert server.metadata_urls() == ()

    def test_it_fills_in_what_was_not_given(self):
        """What was written by hand wins; unknown metadata is kept."""
        server = AuthorizationServer(
            ISSUER, token_endpoint=f"{ISSUER}/mine", metadata={"a": 1}
        )
        full = server.with_metadata(
            {
                "issuer": ISSUER,
                "token_endpoint": f"{ISSUER}/theirs",
                "revocation_endpoint": f"{ISSUER}/revoke",
                "jwks_uri": None,
                "registration_endpoint": 7,
                "a": 2,
                "token_endpoint_auth_methods_supported": ["none", 1, "private_key_jwt"],
            }
        )
        assert full.token_endpoint == f"{ISSUER}/mine"
        assert full.revocation_endpoint == f"{ISSUER}/revoke"
        assert full.jwks_uri is None
        assert full.registration_endpoint is None
        assert full.metadata["a"] == 1
        assert full.token_endpoint_auth_methods == ("none", "private_key_jwt")
        assert "token_endpoint" not in full.metadata
        assert server.revocation_endpoint is None

    @pytest.mark.parametrize(
        "issuer", ["https://evil.example", f"{ISSUER}/", ISSUER.upper(), None]
    )
    def test_another_issuers_is_refused(self, issuer):
        """Compared as text, character by character (RFC 8414 section 3.3)."""
        with pytest.raises(errors.ConfigurationError, match="says that its issuer is"):
            AuthorizationServer(ISSUER).with_metadata({"issuer": issuer})

    def test_an_endpoint_in_it_is_checked_like_any_other(self):
        """Metadata cannot send a secret over plain http."""
        document = {"issuer": ISSUER, "token_endpoint": "http://auth.example.com/token"}
        with pytest.raises(errors.ConfigurationError, match="plain http"):
            AuthorizationServer(ISSUER).with_metadata(document)

    @pytest.mark.parametrize("methods", [None, "none", {"none": 1}])
    def test_odd_methods_are_none(self, methods):
        """A server that says it wrongly is as good as silent."""
        metadata = {"token_endpoint_auth_methods_supported": methods}
        server = AuthorizationServer(ISSUER, metadata=metadata)
        assert server.token_endpoint_auth_methods == ()


class TestValue:
    def test_it_is_named_by_its_issuer_else_its_token_endpoint(self):
        """The name is part of every record's id."""
        assert AuthorizationServer(ISSUER).name == ISSUER
        url = f"{ISSUER}/token"
        assert AuthorizationServer(token_endpoint=url).name == url
        assert AuthorizationServer(ISSUER, token_endpoint=url).name == ISSUER
        assert repr(AuthorizationServer(ISSUER)) == f"AuthorizationServer({ISSUER!r})"

    def test_equal_servers_are_equal_wherever_they_come_from(self):
        """By value, through a pickle too."""
        options = {
            "token_endpoint": f"{ISSUER}/token",
            "metadata": {"a": [1]},
            "allow_http": True,
        }
        server = AuthorizationServer(ISSUER, **options)
        for same in (
            AuthorizationServer(ISSUER, **options),
            pickle.loads(pickle.dumps(server)),
        ):
            assert same == server
            assert hash(same) == hash(server)
        assert server != AuthorizationServer(ISSUER)
        assert server != ISSUER
