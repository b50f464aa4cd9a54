"""Every client authentication against a certified authorization server."""

import base64
import json
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from oauth_auth import (
    AuthorizationCode,
    AuthorizationServer,
    ClientCredentials,
    DeviceCode,
    HttpOptions,
    MemoryStore,
    OAuthAuth,
    PrivateKeyJWT,
    RefreshToken,
    TLSClientAuth,
    errors,
)
from oauth_auth.client_auth import ClientSecretJWT, SelfSignedTLSClientAuth
from oauth_auth.introspection import introspect
from oauth_auth.reach import Reach
from oauth_auth.token import Token
from tests.client_keys import ALGORITHMS, Authority, new_key, public
from tests.servers import browser, oidc

SECRET = "Hq7-0123456789-abcdefghij-KLMNOPQ"


@pytest.fixture(scope="module")
def keys():
    """Two keys of one client, of which the second is to replace the first."""
    return {kid: {**new_key(), "kid": kid} for kid in ("one", "two")}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A CA; certificates of the server, of a client by the CA, and one by itself."""
    authority = Authority(tmp_path_factory.mktemp("machines"))
    authority.issue("server", server=True)
    authority.issue("client")
    authority.issue("stranger")
    own, _ = authority.issue("own", by_itself=True)
    certificate = x509.load_pem_x509_certificate(Path(own).read_bytes())
    key = certificate.public_key()
    encoded = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER))
    pem = key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    from joserfc.jwk import ECKey

    jwk = {**ECKey.import_key(pem).as_dict(), "x5c": [encoded.decode()]}
    (authority.directory / "own.json").write_text(json.dumps(jwk))
    return authority


@pytest.fixture(scope="module")
def server(tmp_path_factory, keys, certificates):
    """A server that knows all of them."""
    known = [public(key, kid=kid) for kid, key in keys.items()]
    known += [public(key, kid=name) for name, key in ALGORITHMS.items()]
    path = certificates.directory / "jwks.json"
    path.write_text(json.dumps({"keys": known}))
    log = tmp_path_factory.mktemp("server") / "log"
    with oidc.running(log, access_ttl=900, machines=certificates.directory) as running:
        yield running


def of(server, client_id, certificates=None, **settings):
    """Return an object for a client that acts as itself."""
    http = None if certificates is None else HttpOptions(verify=certificates.path)
    grant = ClientCredentials(server.issuer, client_id=client_id, **settings)
    return OAuthAuth(grant, store=MemoryStore(), http=http)


def get(server, auth):
    """Return which client the resource sees."""
    answer = requests.get(server.resource, auth=auth, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.json()["client"]


def paths(certificates, name):
    return (
        certificates.directory / f"{name}.pem",
        certificates.directory / f"{name}.key",
    )


@pytest.mark.parametrize(
    ("client_id", "settings"),
    [
        ("web", {"client_secret": oidc.SECRET}),
        ("web", {"client_secret": oidc.SECRET, "client_auth": "client_secret_basic"}),
        (
            "web-post",
            {"client_secret": oidc.SECRET, "client_auth": "client_secret_post"},
        ),
        (
            "web-secret-jwt",
            {"client_secret": SECRET, "client_auth": "client_secret_jwt"},
        ),
        (
            "web-secret-jwt",
            {
                "client_secret": SECRET,
                "client_auth": ClientSecretJWT(audience="issuer"),
            },
        ),
    ],
)
def test_a_shared_secret(server, client_id, settings):
    """client_secret_basic, client_secret_post and client_secret_jwt."""
    assert get(server, of(server, client_id, **settings)) == client_id


@pytest.mark.parametrize("audience", ["token_endpoint", "issuer"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_private_key_jwt(server, algorithm, audience):
    """RS256, PS256, ES256 and EdDSA, for the token endpoint and for the issuer."""
    method = PrivateKeyJWT(
        ALGORITHMS[algorithm], algorithm=algorithm, key_id=algorithm, audience=audience
    )
    assert get(server, of(server, "keyed", client_auth=method)) == "keyed"


def test_the_key_is_rotated(server, keys, tmp_path):
    """A program that runs signs with the new key as soon as it is in the file."""
    file = tmp_path / "key.json"
    auth = of(server, "keyed", client_auth=PrivateKeyJWT(file))
    for kid in ("one", "two"):
        written = tmp_path / "written"
        written.write_text(json.dumps(keys[kid]))
        written.rename(file)
        auth.renew()
    file.write_text(json.dumps({**new_key(), "kid": "two"}))
    with pytest.raises(errors.InvalidClientError, match="public part under its key_id"):
        auth.renew()


def test_a_certificate_of_a_ca(server, certificates):
    """tls_client_auth at the TLS port, which the metadata alone tell of."""
    method = TLSClientAuth(*paths(certificates, "client"))
    assert get(server, of(server, "tls", certificates, client_auth=method)) == "tls"
    stranger = TLSClientAuth(*paths(certificates, "stranger"))
    with pytest.raises(errors.InvalidClientError, match="tls_client_auth was tried"):
        of(server, "tls", certificates, client_auth=stranger).token()


def test_a_certificate_by_itself(server, certificates):
    """self_signed_tls_client_auth: the one that the server has on record."""
    method = SelfSignedTLSClientAuth(*paths(certificates, "own"))
    auth = of(server, "tls-self-signed", certificates, client_auth=method)
    assert get(server, auth) == "tls-self-signed"
    other = SelfSignedTLSClientAuth(*paths(certificates, "client"))
    with pytest.raises(errors.InvalidClientError, match="certificate on record"):
        of(server, "tls-self-signed", certificates, client_auth=other).token()


def test_no_authentication(server):
    """none: a public client refreshes by its id alone."""
    seed = server.login()["refresh_token"]
    grant = RefreshToken(
        server.issuer, client_id=server.native.client_id, refresh_token=seed
    )
    assert get(server, OAuthAuth(grant, store=MemoryStore())) == "native"


@pytest.mark.parametrize("kind", ["secret", "key", "certificate"])
def test_every_endpoint(server, keys, certificates, kind, monkeypatch):
    """Codes, refreshes, devices, introspection and revocation are proven so too."""
    monkeypatch.setattr("oauth_auth.device_authorization._INTERVAL", 0.05)
    client_id, settings = {
        "secret": (
            "web-secret-jwt",
            {"client_secret": SECRET, "client_auth": "client_secret_jwt"},
        ),
        "key": ("keyed", {"client_auth": PrivateKeyJWT(keys["one"])}),
        "certificate": (
            "tls",
            {"client_auth": TLSClientAuth(*paths(certificates, "client"))},
        ),
    }[kind]
    http = HttpOptions(verify=certificates.path)
    settings |= {"client_id": client_id, "scope": "openid offline_access read"}
    device = OAuthAuth(
        DeviceCode(server.issuer, **settings), store=MemoryStore(), http=http
    )

    def enter(said):
        # The TLS port names itself, and the person need not come through it.
        parts = urlsplit(said.verification_uri_complete)
        browser.visit(f"{server.issuer}{parts.path}?{parts.query}")

    device.login(show=enter)
    assert get(server, device) == client_id
    web = AuthorizationCode(
        server.issuer, authorization_extra={"prompt": "consent"}, **settings
    )
    auth = OAuthAuth(web, store=MemoryStore(), http=http, account="alice")
    url, pending = auth.authorization_url(redirect_uri=server.web.redirect_uri)
    auth.fetch_token(authorization_response=browser.visit(url), pending=pending)
    token = auth.renew()
    assert get(server, auth) == client_id
    known = AuthorizationServer(server.issuer).with_metadata(server.metadata)
    reach = Reach("requests", http, 20.0)

    def active():
        asked = Token(token.access_token)
        return introspect(known, web, asked, reach, now=time.time()).active

    assert active()
    auth.logout()
    assert not active()
