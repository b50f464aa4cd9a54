"""The oidc-provider set-up behaves as the tests of the package rely on."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
import urllib.parse

import pytest
import requests

from tests.servers import browser, oidc, processes

ROOT = oidc.HOME.parents[2]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Its access tokens outlive the module, so one that is refused was revoked."""
    log = tmp_path_factory.mktemp("server") / "log"
    with oidc.running(log, access_ttl=900) as running:
        yield running


@pytest.fixture
def bin_only(tmp_path, monkeypatch):
    """A function which writes a program into the only directory on PATH."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))

    def write(name, script):
        program = directory / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    return write


@pytest.mark.parametrize("client", [oidc.OidcProvider.web, oidc.OidcProvider.web_post])
def test_client_credentials(server, client):
    """Either confidential client gets a token which the resource takes."""
    answer = server.post(
        "token_endpoint", client, grant_type="client_credentials", scope="read"
    )
    token = answer.json()
    assert token["token_type"] == "Bearer"
    assert token["scope"] == "read"
    assert token["expires_in"] == 900
    at_resource = server.get_resource(token["access_token"])
    assert at_resource.status_code == 200
    assert at_resource.json() == {"client": client.client_id, "scope": "read"}


def test_basic_credentials_must_be_form_encoded(server):
    """The secret as it is, in HTTP Basic, is refused (RFC 6749 section 2.3.1)."""
    answer = requests.post(
        server.token_endpoint,
        data={"grant_type": "client_credentials"},
        auth=server.web[:2],
        timeout=10,
    )
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("client", [oidc.OidcProvider.web, oidc.OidcProvider.native])
def test_login_gives_the_tokens_of_that_user(server, client):
    """The code flow through the pages ends in access, refresh and ID token."""
    token = server.login(client, user="bob")
    assert token["scope"] == "openid offline_access read"
    assert token.keys() >= {"access_token", "refresh_token", "id_token"}
    assert server.get_resource(token["access_token"]).json()["sub"] == "bob"


def test_plain_pkce_and_none_are_refused(server):
    """Only S256 gets past the authorization endpoint."""
    query = {
        "response_type": "code",
        "client_id": "web",  # confidential: the others have to use PKCE anyway
        "redirect_uri": server.web.redirect_uri,
        "scope": "openid",
    }
    challenges = ({}, {"code_challenge": "c" * 43, "code_challenge_method": "plain"})
    for challenge in challenges:
        redirect = browser.visit(
            f"{server.metadata['authorization_endpoint']}?"
            + urllib.parse.urlencode(query | challenge)
        )
        assert "error=invalid_request" in redirect


def test_a_page_without_a_way_on_is_shown(server):
    """An error page ends the visit, and its text is in the failure."""
    with pytest.raises(AssertionError, match=r"(?s)status 400: .*invalid_client"):
        browser.visit(f"{server.metadata['authorization_endpoint']}?client_id=nobody")


def test_refresh_rotates(server):
    """A refresh answers with a new refresh token, which works in turn."""
    seen = [server.login()["refresh_token"]]
    for _ in range(2):
        answer = server.refresh(seen[-1])
        assert answer.status_code == 200
        seen.append(answer.json()["refresh_token"])
    assert len(set(seen)) == 3


def test_reuse_revokes_the_family(server):
    """A spent refresh token, sent again, kills every token of that login."""
    first = server.login()
    second = server.refresh(first["refresh_token"]).json()
    assert server.get_resource(second["access_token"]).status_code == 200

    reuse = server.refresh(first["refresh_token"])
    assert (reuse.status_code, reuse.json()["error"]) == (400, "invalid_grant")

    newest = server.refresh(second["refresh_token"])
    assert (newest.status_code, newest.json()["error"]) == (400, "invalid_grant")
    for token in (first, second):
        assert server.get_resource(token["access_token"]).status_code == 401


def test_expired_access_token(oidc_provider):
    """The resource refuses it with a challenge, and the refresh token still works."""
    token = oidc_provider.login()
    assert token["expires_in"] == oidc_provider.access_ttl == 3
    time.sleep(token["expires_in"])  # the lifetime itself is what has to pass
    refused = oidc_provider.get_resource(token["access_token"])
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert oidc_provider.refresh(token["refresh_token"]).status_code == 200


def test_expired_refresh_token(tmp_path):
    """It is refused like any other grant that no longer holds."""
    with oidc.running(tmp_path / "log", refresh_ttl=1) as server:
        token = server.login()["refresh_token"]
        time.sleep(1)  # the lifetime itself is what has to pass
        answer = server.refresh(token)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_no_token_gets_a_challenge_without_error(server):
    """A request without a token names no error (RFC 6750 section 3.1)."""
    refused = requests.get(server.resource, timeout=10)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("revoked", ["access_token", "refresh_token"])
def test_revocation_and_introspection(server, revoked):
    """Whichever token is revoked, neither is active afterwards."""
    token = server.login(server.web)

    def active():
        return [
            server.post("introspection_endpoint", server.web, token=token[name]).json()[
                "active"
            ]
            for name in ("access_token", "refresh_token")
        ]

    assert active() == [True, True]
    answer = server.post("revocation_endpoint", server.web, token=token[revoked])
    assert answer.status_code == 200
    assert active() == [False, False]


def test_device_flow(server):
    """A device gets its tokens once a person has been to the page it shows."""
    device = server.post(
        "device_authorization_endpoint", server.native, scope="openid read"
    ).json()
    assert "interval" not in device

    def poll():
        return server.post(
            "token_endpoint",
            server.native,
            grant_type="urn:ietf:params:oauth:grant-type:device_code",
            device_code=device["device_code"],
        )

    assert poll().json()["error"] == "authorization_pending"
    browser.visit(device["verification_uri_complete"], user="carol")
    token = poll().json()
    assert server.get_resource(token["access_token"]).json()["sub"] == "carol"


def test_without_rotation(tmp_path):
    """With rotation off a refresh answers with the refresh token it was sent."""
    with oidc.running(tmp_path / "log", rotate=False) as server:
        token = server.login()["refresh_token"]
        assert server.refresh(token).json()["refresh_token"] == token


def test_stops_with_its_context(tmp_path):
    """Nothing listens any more once the context is left, even by an exception."""
    with pytest.raises(ZeroDivisionError), oidc.running(tmp_path / "log") as server:
        raise ZeroDivisionError
    with pytest.raises(requests.ConnectionError):
        requests.get(server.resource, timeout=10)


def test_stops_with_a_killed_test_run(tmp_path):
    """A test run that is killed, and so cleans nothing up, takes the server along."""
    script = (
        "import pathlib, sys, time; from tests.servers import oidc\n"
        "with oidc.running(pathlib.Path(sys.argv[1])) as server:\n"
        "    print(server.issuer, flush=True)\n"
        "    time.sleep(600)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "log")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        issuer = urllib.parse.urlsplit(run.stdout.readline().strip())
        with socket.create_connection((issuer.hostname, issuer.port)) as connection:
            connection.settimeout(30)
            run.send_signal(signal.SIGKILL)
            # A dead server closes its connections in either of two ways.
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(1) == b""


def test_a_server_which_cannot_be_had_is_skipped(tmp_path, bin_only, monkeypatch):
    """Without node the reason is a skip, and where servers are required a failure."""
    monkeypatch.delenv("OAUTH_AUTH_REQUIRE_SERVERS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="node is not on PATH"):
        oidc.running(tmp_path / "log").__enter__()
    monkeypatch.setenv("OAUTH_AUTH_REQUIRE_SERVERS", "1")
    with pytest.raises(pytest.fail.Exception, match="node is not on PATH"):
        oidc.running(tmp_path / "log").__enter__()


def test_missing_packages_are_installed_or_named(tmp_path, bin_only, monkeypatch):
    """Without the packages npm is wanted; its failure is told in its own words."""
    monkeypatch.delenv("OAUTH_AUTH_REQUIRE_SERVERS", raising=False)
    monkeypatch.setattr(oidc, "HOME", tmp_path)
    bin_only("node", "echo ready")
    with pytest.raises(pytest.skip.Exception, match="npm is not on PATH"):
        oidc.running(tmp_path / "log").__enter__()
    bin_only("npm", 'echo "no registry for $1" >&2; exit 1')
    with pytest.raises(pytest.skip.Exception, match="no registry for ci"):
        oidc.running(tmp_path / "log").__enter__()


def test_too_old_a_node_is_skipped(tmp_path, bin_only, monkeypatch):
    """The server's own word that this Node.js cannot run it is a reason to skip."""
    monkeypatch.delenv("OAUTH_AUTH_REQUIRE_SERVERS", raising=False)
    bin_only("node", "echo unusable Node.js v18")
    with pytest.raises(pytest.skip.Exception, match=r"Node\.js v18"):
        oidc.running(tmp_path / "log").__enter__()


@pytest.mark.parametrize("then", ["exit 1", "echo hello; exec /bin/sleep 600"])
def test_a_server_which_does_not_start_is_a_failure(
    tmp_path, bin_only, monkeypatch, then
):
    """A server that never says it serves is not skipped, and its log is shown."""
    monkeypatch.delenv("OAUTH_AUTH_REQUIRE_SERVERS", raising=False)
    bin_only("node", f"echo out of cheese >&2; {then}")
    with pytest.raises(pytest.fail.Exception, match="out of cheese"):
        oidc.running(tmp_path / "log").__enter__()


def test_a_server_which_hangs_at_its_start_is_a_failure(
    tmp_path, bin_only, monkeypatch
):
    """A server that says nothing at all is ended, and its log is shown."""
    monkeypatch.setattr(processes, "START_SECONDS", 0.5)
    bin_only("node", "echo out of cheese >&2; exec /bin/sleep 600")
    with pytest.raises(pytest.fail.Exception, match="out of cheese"):
        oidc.running(tmp_path / "log").__enter__()
