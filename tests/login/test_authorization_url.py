"""The authorization request: every parameter, once, and PKCE by S256 only."""

import base64
import hashlib
from urllib.parse import parse_qsl, urlsplit

import pytest

from oauth_auth import AuthorizationCode, AuthorizationServer, errors
from oauth_auth.login.authorization import authorization_url
from oauth_auth.login.pending import PendingLogin
from tests.login.people import params_of

ISSUER = "https://auth.example"
URI = "https://app.example/callback?tenant=7"


def url_of(extra=None, *, endpoint=f"{ISSUER}/authorize", metadata=None, **options):
    """Return the URL of a login, and the login."""
    server = AuthorizationServer(
        ISSUER,
        token_endpoint=f"{ISSUER}/token",
        authorization_endpoint=endpoint,
        metadata=metadata,
    )
    grant = AuthorizationCode(server, client_id="app", **options)
    login = PendingLogin(URI, ISSUER)
    return authorization_url(server, grant, login, extra or {}).reveal(), login


def test_the_parameters():
    """RFC 6749 section 4.1.1 and RFC 7636 section 4.3, and nothing that is empty."""
    url, login = url_of()
    digest = hashlib.sha256(login.code_verifier.reveal().encode()).digest()
    assert url.startswith(f"{ISSUER}/authorize?")
    assert params_of(url) == {
        "response_type": "code",
        "client_id": "app",
        "redirect_uri": URI,
        "state": login.state.reveal(),
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }


def test_the_verifier_stays_here():
    """What proves the code's owner is not in the URL, only its hash."""
    url, login = url_of(scope="openid")
    assert login.code_verifier.reveal() not in url


def test_what_is_asked_for():
    """Scope, audience, and each resource indicator (RFC 8707). M98d."""
    url, _ = url_of(
        scope=["read", "write"],
        audience="https://api.example",
        resource=["https://a.example", "https://b.example"],
    )
    pairs = parse_qsl(urlsplit(url).query)
    assert ("scope", "read write") in pairs
    assert ("audience", "https://api.example") in pairs
    resources = [value for name, value in pairs if name == "resource"]
    assert resources == ["https://a.example", "https://b.example"]


@pytest.mark.parametrize(
    ("scope", "sent"), [("openid read", True), ("read", False), ("openid2", False)]
)
def test_the_nonce(scope, sent):
    """A nonce is for those who ask for an ID token."""
    url, login = url_of(scope=scope)
    assert params_of(url).get("nonce") == (login.nonce.reveal() if sent else None)


def test_extra_parameters():
    """Those of the grant and of this request; of both, the latter."""
    url, _ = url_of(
        {"prompt": "login", "login_hint": "me@example.com"},
        authorization_extra={"prompt": "consent", "access_type": "offline"},
    )
    params = params_of(url)
    assert params["prompt"] == "login"
    assert params["access_type"] == "offline"
    assert params["login_hint"] == "me@example.com"


@pytest.mark.parametrize(
    "name",
    [
        *("response_type", "client_id", "redirect_uri", "state", "scope"),
        *("code_challenge", "code_challenge_method", "nonce"),
    ],
)
def test_no_parameter_twice(name):
    """What is sent anyway cannot be put in a second time (RFC 6749 section 3.1)."""
    with pytest.raises(errors.ConfigurationError, match=f"parameter {name}"):
        url_of({name: "x"}, scope="openid")
    with pytest.raises(errors.ConfigurationError, match=f"has {name} in its query"):
        url_of(scope="openid", endpoint=f"{ISSUER}/authorize?{name}=x")


def test_the_endpoints_query_stays():
    """An endpoint may have a query, which is kept (RFC 6749 section 3.1)."""
    url, _ = url_of(endpoint=f"{ISSUER}/authorize?policy=B2C%201&empty=")
    assert url.startswith(f"{ISSUER}/authorize?policy=B2C%201&empty=&response_type=")
    assert params_of(url)["policy"] == "B2C 1"


@pytest.mark.parametrize("methods", [["S256"], ["plain", "S256"], [], None, "plain"])
def test_s256_is_used(methods):
    """S256 is used with every server that does not say that it cannot."""
    url, _ = url_of(metadata={"code_challenge_methods_supported": methods})
    assert params_of(url)["code_challenge_method"] == "S256"


def test_there_is_no_way_back_to_plain():
    """A server that knows "plain" alone gets no login at all (RFC 7636 section 7.2)."""
    with pytest.raises(errors.ConfigurationError, match="nothing less than S256"):
        url_of(metadata={"code_challenge_methods_supported": ["plain"]})


def test_without_an_endpoint():
    """The error says what to write."""
    with pytest.raises(errors.ConfigurationError, match="pass its issuer"):
        url_of(endpoint=None)


def test_only_texts_are_sent():
    """A value that is no text is the caller's mistake."""
    with pytest.raises(errors.ConfigurationError, match="must be text, not int"):
        url_of({"max_age": 7})


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("callback", "absolute"),
        ("https://", "absolute"),
        ("https://a.example/cb#part", "without a fragment"),
        ("https://a.example/cb#", "without a fragment"),
        ("http://a.example/cb", "plain http"),
        ("http://127.0.0.1:99999/cb", "not a URL"),
        ("http://[::1/cb", "not a URL"),
    ],
)
def test_redirect_uris_that_no_server_may_accept(uri, message):
    """A redirect URI is absolute, without fragment, and not in clear."""
    with pytest.raises(errors.ConfigurationError, match=message):
        AuthorizationCode(ISSUER, client_id="app", redirect_uri=uri)


def test_redirect_uris():
    """One, several, and those of an app's own scheme."""
    for given in ("https://a.example/cb", ["http://[::1]/", "com.example.app:/cb"]):
        grant = AuthorizationCode(ISSUER, client_id="app", redirect_uri=given)
        assert grant.redirect_uris == (
            (given,) if isinstance(given, str) else (*given,)
        )
