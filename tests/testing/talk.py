"""Speaking to a testing server by hand, in few words."""

import contextlib
import socket
import time
from base64 import b64encode
from http.client import HTTPConnection
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit

import requests


def basic(client_id, client_secret):
    """Return client_secret_basic as RFC 6749 section 2.3.1 wants it."""
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def ask(server, headers=None, **form):
    """Send a token request as the confidential client."""
    if headers is None:
        headers = basic(server.client_id, server.client_secret)
    return requests.post(server.token_endpoint, data=form, headers=headers, timeout=30)


def refresh(server, tokens, **form):
    """Send a refresh request as the confidential client."""
    token = tokens["refresh_token"]
    return ask(server, grant_type="refresh_token", refresh_token=token, **form)


def call(server, tokens, path="", method="GET", **options):
    """Send a request to the API."""
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    return requests.request(
        method, server.api_url + path, headers=headers, timeout=30, **options
    )


@contextlib.contextmanager
def connected(server):
    """A plain socket to the server."""
    address = urlsplit(server.issuer)
    with socket.create_connection((address.hostname, address.port), 30) as connection:
        yield connection


def raw_refresh(server, tokens):
    """Return the bytes of a refresh request of the public client."""
    body = urlencode(
        {
            "grant_type": "refresh_token",
            "refresh_token": tokens["refresh_token"],
            "client_id": server.public_client_id,
        }
    )
    return (
        "POST /token HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def raw_get(path, *headers):
    """Return the bytes of a GET request."""
    return "\r\n".join(
        (f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", "")
    ).encode()


def http(server):
    """Return an http.client connection, closed at the end of a with-block."""
    return contextlib.closing(
        HTTPConnection(urlsplit(server.issuer).netloc, timeout=30)
    )


def until(condition):
    """Wait for something that happens in another process."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 30 seconds"
        time.sleep(0.005)


def closed(connection):
    """Wait until the other side has closed the connection; what came until then."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            received += piece
    return received


def silent(connection):
    """Whether nothing has come that was not read yet."""
    connection.setblocking(False)
    try:
        return not connection.recv(1)
    except BlockingIOError:
        return True
    finally:
        connection.settimeout(30)


#: A verifier and its challenge, from RFC 7636 appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
REDIRECT_URI = "https://app.example/callback"


def browse(server, **params):
    """Open the authorization endpoint, with one parameter or another different."""
    params = {
        "response_type": "code",
        "client_id": server.client_id,
        "redirect_uri": REDIRECT_URI,
        "state": "st",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **params,
    }
    url = f"{server.authorization_endpoint}?{urlencode(params, doseq=True)}"
    return requests.get(url, allow_redirects=False, timeout=30)


def brought_back(response):
    """Return what the browser takes to the client."""
    assert response.status_code == 302
    return dict(parse_qsl(urlsplit(response.headers["Location"]).query))


def redeem(server, code, **form):
    """Send a token request for a code, with one parameter or another different."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER,
        **form,
    }
    return ask(server, **form)
