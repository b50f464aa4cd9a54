"""oidc-provider, a certified authorization server, as a process of its own."""

import base64
import contextlib
import hashlib
import pathlib
import secrets
import shutil
import subprocess
import typing
import urllib.parse

import requests

from tests.servers import browser
from tests.servers.processes import serving, unavailable
from tests.surroundings import without_ours

HOME = pathlib.Path(__file__).parent / "oidc_provider"
INSTALL_SECONDS = 300
SECRET = "a+b:c%20&d=~e"


class Client(typing.NamedTuple):
    """A registered client and how it may be used."""

    client_id: str
    client_secret: str | None
    redirect_uri: str


class OidcProvider:
    """A running server: where its endpoints are and who its clients are.

    Requests are made by hand here, not with the package, so that a test of the
    package has something independent to agree with.
    """

    web = Client("web", SECRET, "http://127.0.0.1:8765/callback")
    web_post = Client("web-post", SECRET, "http://127.0.0.1:8765/callback")
    native = Client("native", None, "http://127.0.0.1:8765/callback")

    def __init__(self, issuer, access_ttl):
        self.issuer = issuer
        self.access_ttl = access_ttl
        self.resource = f"{issuer}/resource"
        self.metadata = requests.get(
            f"{issuer}/.well-known/openid-configuration", timeout=10
        ).json()
        self.token_endpoint = self.metadata["token_endpoint"]

    def post(self, endpoint, client, **parameters):
        """Sends `parameters` as `client` to the endpoint of that metadata name."""
        headers = {}
        if client == self.web:
            pair = ":".join(map(urllib.parse.quote_plus, client[:2]))
            headers["Authorization"] = (
                f"Basic {base64.b64encode(pair.encode()).decode()}"
            )
        else:
            parameters["client_id"] = client.client_id
            if client.client_secret is not None:
                parameters["client_secret"] = client.client_secret
        return requests.post(
            self.metadata[endpoint], data=parameters, headers=headers, timeout=10
        )

    def refresh(self, refresh_token, client=native):
        """Sends the refresh request of `client`; returns the answer as it came."""
        return self.post(
            "token_endpoint",
            client,
            grant_type="refresh_token",
            refresh_token=refresh_token,
        )

    def get_resource(self, access_token):
        """Asks the protected resource with `access_token`."""
        return requests.get(
            self.resource,
            headers={"Authorization": f"Bearer {access_token}"},
            timeout=10,
        )

    def login(self, client=native, scope="openid offline_access read", user="alice"):
        """The whole authorization code flow; returns the token answer as a dict."""
        verifier, state = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": client.client_id,
            "redirect_uri": client.redirect_uri,
            "scope": scope,
            "prompt": "consent",  # without it the server drops offline_access
            "state": state,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        redirect = browser.visit(
            f"{self.metadata['authorization_endpoint']}?{urllib.parse.urlencode(query)}",
            user,
        )
        answer = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(redirect).query))
        assert answer.get("state") == state, redirect
        assert "code" in answer, redirect
        token = self.post(
            "token_endpoint",
            client,
            grant_type="authorization_code",
            code=answer["code"],
            redirect_uri=client.redirect_uri,
            code_verifier=verifier,
        )
        assert token.status_code == 200, token.text
        return token.json()


@contextlib.contextmanager
def running(log, *, access_ttl=3, refresh_ttl=3600, rotate=True, machines=None):
    """Serves while the context is open; yields an `OidcProvider`.

    Times are in seconds. The server's complaints go to the file `log`. With
    `machines`, a directory, there are clients with keys and certificates too;
    `server.mjs` says what must be in it.
    """
    settings = {
        "ACCESS_TTL": str(access_ttl),
        "REFRESH_TTL": str(refresh_ttl),
        "ROTATE": str(int(rotate)),
    }
    if machines is not None:
        settings["MACHINES"] = str(machines)
    with serving([_installed(), "server.mjs"], HOME, log, settings) as issuer:
        yield OidcProvider(issuer, access_ttl)


def _installed():
    """The path of node, once the server's packages lie beside it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None:
        unavailable("node is not on PATH; install Node.js 22 (or a late 20)")
    # npm writes this file last, so an interrupted installation does not count.
    if not (HOME / "node_modules" / ".package-lock.json").exists():
        if npm is None:
            unavailable(f"npm is not on PATH; install it, or run 'npm ci' in {HOME}")
        npm_ci = subprocess.run(
            [npm, "ci", "--no-audit", "--no-fund"],
            cwd=HOME,
            env=without_ours(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
        if npm_ci.returncode:
            unavailable(f"'npm ci' in {HOME} failed: {npm_ci.stdout}")
    return node
