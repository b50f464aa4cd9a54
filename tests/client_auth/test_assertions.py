"""private_key_jwt and its relatives: what they send, and that it is good once."""

import time

import httpx
import pytest

from oauth_auth import (
    AuthorizationServer,
    ClientCredentials,
    DeviceCode,
    FromFile,
    MemoryStore,
    OAuthAuth,
    PrivateKeyJWT,
    RefreshToken,
    errors,
)
from oauth_auth.client_auth import ClientAssertion, ClientSecretJWT, Draft
from oauth_auth.introspection import introspect
from oauth_auth.reach import Reach
from oauth_auth.secret import Secret
from oauth_auth.testing import TestingServer
from oauth_auth.token import Token
from tests.client_keys import EC, RSA, public, read, signed
from tests.fake_server import ISSUER, TOKEN_ENDPOINT, FakeServer

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SECRET = "Zq7xR2mK9pL4vN8sT1wY6bC3dF5gH0jQ"


@pytest.fixture
def server():
    return FakeServer()


@pytest.fixture(scope="module")
def real():
    """A testing server that knows a public key of its client."""
    keys = {"keys": [public(EC, kid="one")]}
    with TestingServer(client_jwks=keys) as running:
        yield running


def drafted(method, **metadata):
    """Return a form to which a method has been applied."""
    server = AuthorizationServer(
        ISSUER, token_endpoint=TOKEN_ENDPOINT, metadata=metadata
    )
    secret = Secret(SECRET) if isinstance(method, ClientSecretJWT) else None
    draft = Draft(server, "token_endpoint", "cli", secret, {"grant_type": "x"})
    method.apply(draft)
    return draft


def sent_with(method, **metadata):
    """Return header and claims of what a method sends."""
    return read(drafted(method, **metadata).params["client_assertion"].reveal(), EC)


def test_the_request_of_rfc_7523():
    """Section 2.2: the type, the assertion, and a client_id that says the same."""
    draft = drafted(PrivateKeyJWT(EC, key_id="16"))
    assertion = draft.params.pop("client_assertion").reveal()
    assert draft.params == {
        "grant_type": "x",
        "client_assertion_type": TYPE,
        "client_id": "cli",
    }
    header, claims = read(assertion, EC)
    assert header == {"typ": "JWT", "alg": "ES256", "kid": "16"}
    now = int(time.time())
    assert claims.pop("jti")
    assert claims.pop("iat") in range(now - 60, now + 1)
    assert claims.pop("exp") in range(now, now + 301)
    assert claims == {"iss": "cli", "sub": "cli", "aud": TOKEN_ENDPOINT}


@pytest.mark.parametrize(
    ("audience", "expected"),
    [("token_endpoint", TOKEN_ENDPOINT), ("issuer", ISSUER), ("urn:x", "urn:x")],
)
def test_the_audience_is_the_callers_choice(audience, expected):
    """By default the token endpoint; the issuer where the server wants that."""
    assert sent_with(PrivateKeyJWT(EC, audience=audience))[1]["aud"] == expected


def test_the_audience_of_other_endpoints():
    """They see the same one, since servers know themselves by it."""
    server = AuthorizationServer(
        ISSUER, token_endpoint=TOKEN_ENDPOINT, revocation_endpoint=f"{ISSUER}/r"
    )
    draft = Draft(server, "revocation_endpoint", "cli", None, {})
    PrivateKeyJWT(EC).apply(draft)
    assert draft.url == f"{ISSUER}/r"
    claims = read(draft.params["client_assertion"].reveal(), EC)[1]
    assert claims["aud"] == TOKEN_ENDPOINT


def test_the_algorithm_that_the_metadata_offer():
    """A server that takes PS256 alone gets that of an RSA key."""
    offered = {"token_endpoint_auth_signing_alg_values_supported": ["PS256"]}
    draft = drafted(PrivateKeyJWT(RSA), **offered)
    header, _ = read(draft.params["client_assertion"].reveal(), RSA)
    assert header["alg"] == "PS256"


def test_a_shared_secret_signs_and_is_not_sent():
    """client_secret_jwt: HS256, and no client_secret in the form."""
    draft = drafted(ClientSecretJWT())
    assert "client_secret" not in draft.params
    assert draft.params["client_assertion_type"] == TYPE
    assert draft.one_time


def test_a_platforms_statement_is_read_for_each_request(tmp_path):
    """Workload identity: the file's present content is sent."""
    file = tmp_path / "token"
    method = ClientAssertion(file)
    for number in range(2):
        file.write_text(f"{SECRET}{number:04d}\n")
        sent = drafted(method).params["client_assertion"].reveal()
        assert sent == file.read_text().strip()
    file.write_text(signed({"exp": time.time() - 120}))
    with pytest.raises(errors.ConfigurationError, match="expired 12"):
        drafted(method)


def machine(server, method, **settings):
    grant = ClientCredentials(
        token_endpoint=TOKEN_ENDPOINT, client_id="cli", client_auth=method
    )
    return OAuthAuth(grant, store=MemoryStore(), http=server.http, **settings)


def test_each_attempt_has_a_jti_of_its_own(server):
    """A refresh whose answer was lost is sent again with a new statement."""
    grant = RefreshToken(
        token_endpoint=TOKEN_ENDPOINT,
        client_id="cli",
        client_auth=PrivateKeyJWT(EC),
        refresh_token=server.seed(),
    )
    auth = OAuthAuth(grant, store=MemoryStore(), http=server.http)
    server.script.append(httpx.Response(502))
    auth.token()
    assert [form["grant_type"] for form in server.requests] == ["refresh_token"] * 2
    assert len({form["refresh_token"] for form in server.requests}) == 1
    jtis = [read(form["client_assertion"], EC)[1]["jti"] for form in server.requests]
    assert len(set(jtis)) == 2


def test_a_key_that_vanishes_amid_a_renewal(server, tmp_path):
    """The replay is not sent, and the login goes on when the key is back."""
    file = tmp_path / "key.json"
    file.write_text(key := Secret(str(EC).replace("'", '"')).reveal())
    grant = RefreshToken(
        token_endpoint=TOKEN_ENDPOINT,
        client_id="cli",
        client_auth=PrivateKeyJWT(file),
        refresh_token=server.seed(),
    )
    auth = OAuthAuth(grant, store=MemoryStore(), http=server.http)

    def lose(form):
        file.unlink()
        return httpx.Response(502)

    server.script.append(lose)
    with pytest.raises(errors.ConfigurationError, match=r"key\.json"):
        auth.token()
    file.write_text(key)
    source = auth._resolved()
    with source.store.lock(source.record_id, timeout=5) as transaction:
        transaction.mark(None)
    source.mark = None
    assert auth.token().access_token
    assert server.families_revoked == 0


@pytest.mark.parametrize("content", [None, "", "not a key", "{}"])
def test_a_key_that_is_not_there(server, tmp_path, content):
    """No request is sent, and nothing is held against the next attempt."""
    file = tmp_path / "key.pem"
    if content is not None:
        file.write_text(content)
    auth = machine(server, PrivateKeyJWT(FromFile(str(file))))
    with pytest.raises(errors.ConfigurationError, match=r"key\.pem"):
        auth.token()
    assert server.token_requests == 0
    file.write_text(str(EC).replace("'", '"'))
    assert machine(server, PrivateKeyJWT(FromFile(str(file)))).token().access_token


def test_the_server_checks_what_is_sent(real):
    """The bundled server takes a good statement, and refuses another key's."""
    grant = {"server": real.issuer, "client_id": real.client_id}
    good = ClientCredentials(**grant, client_auth=PrivateKeyJWT(EC, key_id="one"))
    auth = OAuthAuth(good, store=MemoryStore())
    assert httpx.get(real.api_url, auth=auth).status_code == 200
    assert real.token_log()[-1].client_auth == "private_key_jwt"
    for wrong in (
        PrivateKeyJWT(RSA),
        PrivateKeyJWT(EC, key_id="two"),
        PrivateKeyJWT(EC, audience="https://elsewhere.test"),
    ):
        bad = OAuthAuth(
            ClientCredentials(**grant, client_auth=wrong), store=MemoryStore()
        )
        with pytest.raises(
            errors.InvalidClientError,
            match="private_key_jwt was tried: check client_id",
        ):
            bad.token()


def test_no_statement_is_taken_twice(real):
    """The bundled server remembers each jti (RFC 7523 section 3)."""
    method = PrivateKeyJWT(EC, key_id="one")
    server = AuthorizationServer(real.issuer, token_endpoint=real.token_endpoint)
    draft = Draft(server, "token_endpoint", real.client_id, None, {})
    draft.params["grant_type"] = "client_credentials"
    method.apply(draft)
    form = {
        name: value if isinstance(value, str) else value.reveal()
        for name, value in draft.params.items()
    }
    answers = [httpx.post(real.token_endpoint, data=form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 401]


def test_every_endpoint(real):
    """Refresh, revocation, introspection and device authorization are proven so too."""
    key = PrivateKeyJWT(EC, key_id="one")
    real.reset_counts()
    tokens = real.issue()
    grant = RefreshToken(
        real.issuer,
        client_id=real.client_id,
        client_auth=key,
        refresh_token=tokens["refresh_token"],
    )
    auth = OAuthAuth(grant, store=MemoryStore())
    token = auth.token()
    reach = Reach("httpx", None, 10.0)
    server = AuthorizationServer(
        real.issuer,
        token_endpoint=real.token_endpoint,
        introspection_endpoint=real.introspection_endpoint,
    )
    told = introspect(server, grant, Token(token.access_token), reach, now=time.time())
    assert told.active
    auth.logout()
    assert real.counts().revocation_requests == 1
    assert httpx.get(
        real.api_url, headers={"Authorization": f"Bearer {token.access_token}"}
    ).is_error
    device = DeviceCode(real.issuer, client_id=real.client_id, client_auth=key)
    login = OAuthAuth(device, store=MemoryStore())
    real.configure(device_interval=0.0, device_response={"interval": 0.01})
    shown = []

    def show(prompt):
        shown.append(prompt)
        real.approve_device(prompt.user_code)

    login.login(show=show)
    assert shown
    assert [entry.client_auth for entry in real.token_log()] == ["private_key_jwt"] * 2
