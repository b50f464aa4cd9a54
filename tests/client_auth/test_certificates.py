"""tls_client_auth: which certificate is shown where."""

import ssl
import threading
from pathlib import Path

import httpx
import pytest
import requests

from oauth_auth import (
    AuthorizationServer,
    ClientCredentials,
    HttpOptions,
    MemoryStore,
    OAuthAuth,
    TLSClientAuth,
    errors,
)
from oauth_auth.client_auth import Draft, SelfSignedTLSClientAuth
from oauth_auth.message import Certificate
from tests.client_keys import Authority

ISSUER = "https://auth.test"
ALIAS = "https://mtls.auth.test/token"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A CA with a client's certificate."""
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def files(authority):
    """Certificate and key of a client."""
    return authority.issue("client")


def server(**metadata):
    return AuthorizationServer(
        ISSUER, token_endpoint=f"{ISSUER}/token", metadata=metadata
    )


def drafted(method, endpoint="token_endpoint", **metadata):
    draft = Draft(server(**metadata), endpoint, "cli", None, {})
    method.apply(draft)
    return draft


@pytest.mark.parametrize("kind", [TLSClientAuth, SelfSignedTLSClientAuth])
def test_the_request_of_rfc_8705(kind, files):
    """Section 2: the client_id is in the form, and the proof in the handshake."""
    draft = drafted(kind(*files))
    assert draft.params == {"client_id": "cli"}
    assert draft.certificate == Certificate(*files)
    assert draft.url == f"{ISSUER}/token"


def test_the_aliases_of_the_metadata(files):
    """Section 5: an endpoint with an alias is reached there, another as ever."""
    aliases = {"mtls_endpoint_aliases": {"token_endpoint": ALIAS}}
    assert drafted(TLSClientAuth(*files), **aliases).url == ALIAS
    assert drafted(TLSClientAuth(), **aliases).url == ALIAS
    assert drafted(TLSClientAuth(), "revocation_endpoint", **aliases).url == ""


@pytest.mark.parametrize("aliases", [None, [], {}, {"token_endpoint": 5}, "x"])
def test_aliases_that_are_none(files, aliases):
    """Whatever metadata hold in their place, the endpoint itself is used."""
    draft = drafted(TLSClientAuth(*files), mtls_endpoint_aliases=aliases)
    assert draft.url == f"{ISSUER}/token"


def test_an_alias_on_plain_http(files):
    """Nothing is sent where anybody could read it."""
    with pytest.raises(errors.ConfigurationError, match="mtls_endpoint_aliases"):
        drafted(
            TLSClientAuth(*files),
            mtls_endpoint_aliases={"token_endpoint": "http://auth.test/token"},
        )


def test_files_that_cannot_be_used(files, authority, tmp_path):
    """They are tried before a request, and nobody is asked for a passphrase."""
    other, _ = authority.issue("other")
    locked = tmp_path / "locked.key"
    from cryptography.hazmat.primitives import serialization as s

    key = s.load_pem_private_key(Path(files[1]).read_bytes(), None)
    locked.write_bytes(
        key.private_bytes(
            s.Encoding.PEM, s.PrivateFormat.PKCS8, s.BestAvailableEncryption(b"x")
        )
    )
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for pair in (
        (other, files[1]),
        (files[0], str(locked)),
        (files[0], None),
        (str(empty), files[1]),
        (str(tmp_path / "missing"), files[1]),
    ):
        with pytest.raises(errors.ConfigurationError, match="cannot be used") as caught:
            drafted(TLSClientAuth(*pair))
        assert pair[0] in str(caught.value)


def test_a_key_without_a_certificate():
    """It is the caller's mistake."""
    with pytest.raises(errors.ConfigurationError, match="has a key and no cert"):
        TLSClientAuth(key="k.pem")


@pytest.mark.parametrize(
    "http",
    [
        HttpOptions(cert="mine.pem"),
        HttpOptions(verify=ssl.create_default_context()),
        requests.Session,
        httpx.Client,
    ],
    ids=["cert", "context", "requests", "httpx"],
)
def test_never_two_certificates(files, http):
    """A certificate beside that of http= is refused, and nothing is sent."""
    grant = ClientCredentials(
        token_endpoint="https://127.0.0.1:9/token",
        client_id="cli",
        client_auth=TLSClientAuth(*files),
    )
    auth = OAuthAuth(grant, store=MemoryStore(), http=http)
    with pytest.raises(errors.ConfigurationError, match=r"TLSClientAuth\(\) without"):
        auth.token()


class Listening:
    """A TLS server that wants a certificate, and grants a token to whoever has one."""

    def __init__(self, authority):
        certificate, key = authority.issue("server", server=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.context.load_verify_locations(authority.path)
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.seen = []

    def __enter__(self):
        from http.server import BaseHTTPRequestHandler, HTTPServer

        seen = self.seen

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                subject = dict(x[0] for x in self.connection.getpeercert()["subject"])
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                seen.append((subject["commonName"], form))
                body = b'{"access_token": "granted-0001", "token_type": "Bearer"}'
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = self.context.wrap_socket(
            self.server.socket, server_side=True
        )
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}/token"
        return self

    def __exit__(self, *exc_info):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture(scope="module")
def listening(authority):
    """The server, for all libraries."""
    with Listening(authority) as running:
        yield running


@pytest.mark.parametrize("library", ["requests", "httpx", "httpx2"])
def test_every_library_shows_the_certificate(listening, authority, library):
    """And the one that is there now, where the files have been replaced."""
    for name in ("first", "second"):
        certificate, key = authority.issue(name)
        combined = authority.directory / "combined.pem"
        combined.write_text(Path(certificate).read_text() + Path(key).read_text())
        for method in (
            TLSClientAuth(certificate, key),
            SelfSignedTLSClientAuth(combined),
        ):
            auth = OAuthAuth(
                ClientCredentials(
                    AuthorizationServer(
                        token_endpoint="https://127.0.0.1:9/token",
                        metadata={
                            "mtls_endpoint_aliases": {"token_endpoint": listening.url}
                        },
                    ),
                    client_id="cli",
                    client_auth=method,
                ),
                store=MemoryStore(),
                http=HttpOptions(verify=authority.path),
            )
            auth._library = library
            assert auth.access_token() == "granted-0001"
            subject, form = listening.seen[-1]
            assert subject == name
            assert "client_id=cli" in form


def test_a_certificate_of_an_ssl_context(listening, authority, files):
    """Without files, that of http= is shown: a smart card's, say."""
    context = ssl.create_default_context(cafile=authority.path)
    context.load_cert_chain(*files)
    auth = OAuthAuth(
        ClientCredentials(
            token_endpoint=listening.url, client_id="cli", client_auth=TLSClientAuth()
        ),
        store=MemoryStore(),
        http=HttpOptions(verify=context),
    )
    assert auth.access_token() == "granted-0001"
    assert listening.seen[-1][0] == "client"
