"""The endpoints of the testing server, over real connections."""

import hashlib
import json
from urllib.parse import quote

import pytest
import requests

from oauth_auth.testing import ABSENT, ACTUAL
from tests.testing.talk import ask, basic, call, connected, http, raw_get, refresh

INVALID_TOKEN = 'Bearer error="invalid_token"'


@pytest.mark.parametrize("name", ["oauth-authorization-server", "openid-configuration"])
def test_metadata(server, name):
    """Both metadata documents name the issuer and the endpoints."""
    document = requests.get(f"{server.issuer}/.well-known/{name}", timeout=30).json()
    assert document["issuer"] == server.issuer
    assert document["token_endpoint"] == server.token_endpoint
    assert document["revocation_endpoint"] == server.revocation_endpoint
    for endpoint in (
        "authorization_endpoint",
        "device_authorization_endpoint",
        "introspection_endpoint",
        "jwks_uri",
    ):
        assert document[endpoint] == getattr(server, endpoint)
    assert document["grant_types_supported"] == [
        "authorization_code",
        "client_credentials",
        "password",
        "refresh_token",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange",
    ]
    assert document["authorization_response_iss_parameter_supported"] is True
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["id_token_signing_alg_values_supported"] == ["RS256"]
    assert "client_secret_post" in document["token_endpoint_auth_methods_supported"]


def test_unknown_path(server):
    """Any other path is 404."""
    assert requests.get(f"{server.issuer}/apis", timeout=30).status_code == 404


def test_client_secret_basic(server):
    """Basic credentials are form-decoded."""
    response = ask(server, grant_type="client_credentials")
    assert response.status_code == 200
    assert response.json()["token_type"] == "Bearer"
    assert response.headers["Cache-Control"] == "no-store"
    assert server.token_log()[0].client_auth == "client_secret_basic"


def test_raw_basic_is_refused(server):
    """Basic credentials that were not form-encoded do not pass."""
    response = requests.post(
        server.token_endpoint,
        data={"grant_type": "client_credentials"},
        auth=(server.client_id, server.client_secret),
        timeout=30,
    )
    assert response.status_code == 401
    assert response.json()["error"] == "invalid_client"
    assert response.headers["WWW-Authenticate"].startswith("Basic ")


def test_client_secret_post(server):
    """Credentials in the form are accepted."""
    response = ask(
        server,
        headers={},
        grant_type="client_credentials",
        client_id=server.client_id,
        client_secret=server.client_secret,
    )
    assert response.status_code == 200
    assert server.token_log()[0].client_auth == "client_secret_post"


def test_public_client(server):
    """The public client gives its name and no secret."""
    tokens = server.issue(client=server.public_client_id)
    response = ask(
        server,
        headers={},
        grant_type="refresh_token",
        refresh_token=tokens["refresh_token"],
        client_id=server.public_client_id,
    )
    assert response.status_code == 200
    assert server.token_log()[0].client_auth == "none"


@pytest.mark.parametrize(
    ("headers", "form"),
    [
        (basic("client", "wrong"), {}),
        (basic("nobody", "wrong"), {}),
        (basic("public", "secret"), {}),
        ({"Authorization": "Basic !!!"}, {}),
        ({"Authorization": "Bearer abc"}, {"client_id": "public"}),
        ({}, {"client_id": "client", "client_secret": "wrong"}),
        ({}, {"client_id": "public", "client_secret": "secret"}),
        ({}, {"client_id": "client"}),
        ({}, {}),
    ],
)
def test_wrong_credentials(server, headers, form):
    """Wrong or missing client credentials are 401 invalid_client."""
    tokens = server.issue(client=server.public_client_id)
    form |= {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    response = ask(server, headers=headers, **form)
    assert response.status_code == 401
    assert response.json()["error"] == "invalid_client"
    assert ("WWW-Authenticate" in response.headers) == bool(headers)
    assert server.counts().refreshes_granted == 0


@pytest.mark.parametrize("form", [{"client_secret": "x"}, {"client_id": "public"}])
def test_several_methods(server, form):
    """Two client authentication methods in one request are an invalid request."""
    response = ask(server, grant_type="client_credentials", **form)
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_request"
    assert server.token_log()[0].client_auth == "several"


def test_client_id_beside_basic(server):
    """The same client_id in the form is no second method."""
    assert ask(server, grant_type="client_credentials", client_id=server.client_id).ok


@pytest.mark.parametrize(
    ("method", "content_type", "body"),
    [
        (
            "GET",
            "application/x-www-form-urlencoded",
            "grant_type=client_credentials",
        ),
        ("POST", "application/json", "grant_type=client_credentials"),
        (
            "POST",
            "application/x-www-form-urlencoded",
            "grant_type=client_credentials&scope=a&scope=b",
        ),
    ],
)
def test_malformed_token_requests(server, method, content_type, body):
    """A token request is a POST of a form without repeated parameters."""
    headers = basic(server.client_id, server.client_secret)
    headers["Content-Type"] = content_type
    response = requests.request(
        method, server.token_endpoint, data=body, headers=headers, timeout=30
    )
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_request"


def test_empty_parameters(server):
    """A parameter without a value counts as left out."""
    answer = refresh(server, server.issue(scope="read"), scope="", client_secret="")
    assert answer.json()["scope"] == "read"


def test_refresh_over_the_wire(server):
    """Rotation, then reuse, then the API and the newest token say no."""
    tokens = server.issue("alice")
    renewed = refresh(server, tokens).json()
    assert call(server, renewed).json()["sub"] == "alice"
    reused = refresh(server, tokens)
    assert reused.status_code == 400
    assert reused.json()["error"] == "invalid_grant"
    assert call(server, renewed).status_code == 401
    assert refresh(server, renewed).status_code == 400


def test_revocation(server):
    """A revoked refresh token takes its access token with it; unknown ones are 200."""
    tokens = server.issue()
    headers = basic(server.client_id, server.client_secret)
    for token in (tokens["refresh_token"], "made up"):
        response = requests.post(
            server.revocation_endpoint,
            data={"token": token},
            headers=headers,
            timeout=30,
        )
        assert response.status_code == 200
    assert call(server, tokens).status_code == 401
    assert server.counts().revocation_requests == 2
    assert server.counts().families_revoked == 0


@pytest.mark.parametrize(
    ("form", "headers", "error"),
    [
        ({}, basic("client", "p+s/w:r=d %41&~"), "invalid_request"),
        ({"token": ""}, basic("client", "p+s/w:r=d %41&~"), "invalid_request"),
        ({"token": "x"}, {}, "invalid_client"),
    ],
)
def test_malformed_revocation(server, form, headers, error):
    """A revocation request has a token and client credentials."""
    response = requests.post(
        server.revocation_endpoint,
        data=form,
        headers={"Content-Type": "application/x-www-form-urlencoded", **headers},
        timeout=30,
    )
    assert response.json()["error"] == error


def test_api_echoes(server):
    """The API says who called it and what arrived."""
    tokens = server.issue("bob", scope="read")
    body = b"\x00\xff" * 100_000
    answer = call(server, tokens, "/things/7?a=b", "PATCH", data=body)
    assert answer.json() == {
        "method": "PATCH",
        "path": "/api/things/7",
        "query": "a=b",
        "sub": "bob",
        "client_id": server.client_id,
        "scope": "read",
        "body_length": 200_000,
        "body_sha256": hashlib.sha256(body).hexdigest(),
    }


def test_api_takes_chunked_bodies(server):
    """A body of unknown length arrives whole."""
    body = [b"one", b"two"]
    answer = call(server, server.issue(), "", "POST", data=iter(body)).json()
    assert answer["body_sha256"] == hashlib.sha256(b"onetwo").hexdigest()


def test_bodies_on_one_connection(server):
    """Each request has its own body alone."""
    headers = {"Authorization": f"Bearer {server.issue()['access_token']}"}
    with http(server) as connection:
        for body in (b"first", b"2nd"):
            connection.request("POST", "/api", body, headers)
            echo = json.loads(connection.getresponse().read())
            assert echo["body_sha256"] == hashlib.sha256(body).hexdigest()


def test_api_head_and_keep_alive(server):
    """HEAD has no body, and the connection serves the next request."""
    headers = {"Authorization": f"bearer {server.issue()['access_token']}"}
    with http(server) as connection:
        for method in ("HEAD", "GET"):
            connection.request(method, "/api", headers=headers)
            response = connection.getresponse()
            content = response.read()
            assert response.status == 200
            assert bool(content) == (method == "GET")
    assert server.counts().connections == 1


def test_expect_continue(server):
    """A client that waits for "100 Continue" before its body gets it."""
    request = (
        f"POST /api HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
        f"Authorization: Bearer {server.issue()['access_token']}\r\n"
        "Content-Length: 4\r\n\r\n"
    )
    with connected(server) as connection:
        connection.sendall(request.encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"body")
        assert b'"body_length": 4' in connection.recv(65536)


def test_pipelined_requests(server):
    """Requests sent at once are answered one after the other."""
    with connected(server) as connection:
        last = raw_get("/api/last", "Connection: close")
        connection.sendall(raw_get("/api/first") + last)
        with connection.makefile("rb") as answers:
            assert answers.read().count(b"HTTP/1.1 401 ") == 2


def test_garbage_is_400(server):
    """What is not HTTP is answered with 400, and the connection closed."""
    with connected(server) as connection:
        connection.sendall(b"what?\r\n\r\n")
        with connection.makefile("rb") as answers:
            assert answers.read().startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("path", ["/api", "/api/below", "/redirect?to=/&protected=1"])
def test_challenges(server, path):
    """Without a token the challenge is bare, with a bad one it says invalid_token."""
    url = server.issuer + path
    bare = requests.get(url, timeout=30)
    assert bare.status_code == 401
    assert bare.headers["WWW-Authenticate"] == "Bearer"
    bad = requests.get(url, headers={"Authorization": "Bearer nonsense"}, timeout=30)
    assert bad.status_code == 401
    assert bad.headers["WWW-Authenticate"] == INVALID_TOKEN


def test_expired_token(server):
    """An expired access token is answered with invalid_token."""
    server.configure(access_token_lifetime=0.0)
    answer = call(server, server.issue())
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == INVALID_TOKEN


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects(server, status):
    """Redirects go wherever the test wants, with the status it wants."""
    target = "https://elsewhere.example/a?b=c&d=e"
    url = f"{server.redirect_url}?to={quote(target, safe='')}&status={status}"
    answer = requests.get(url, allow_redirects=False, timeout=30)
    assert answer.status_code == status
    assert answer.headers["Location"] == target


def test_redirect_default_and_protection(server):
    """The default is 302; a protected redirect wants a token and gets one here."""
    headers = {"Authorization": f"Bearer {server.issue()['access_token']}"}
    url = f"{server.redirect_url}?to=/api&protected=1"
    answer = requests.get(url, headers=headers, allow_redirects=False, timeout=30)
    assert answer.status_code == 302
    assert server.counts().api_ok == 1


@pytest.mark.parametrize("query", ["", "?to=/&status=200"])
def test_redirect_misuse(server, query):
    """A redirect to nowhere, or that is none, is 400."""
    assert requests.get(server.redirect_url + query, timeout=30).status_code == 400


def test_issue(server):
    """A login is true whatever the settings make of responses."""
    server.configure(expires_in="lies", extra={"scope": "lies"})
    tokens = server.issue("carol", scope="read")
    assert tokens["expires_in"] == 3600
    assert tokens["scope"] == "read"
    assert call(server, tokens).json()["sub"] == "carol"


def test_issue_for_unknown_client(server):
    """A client that is not registered cannot be logged in to."""
    with pytest.raises(ValueError, match="nobody"):
        server.issue(client="nobody")


def test_configure(server):
    """Settings can be changed and put back at run time, one by one."""
    server.configure(expires_in=ABSENT, rotation="none")
    tokens = server.issue()
    assert "expires_in" not in refresh(server, tokens).json()
    server.configure(expires_in=ACTUAL)
    assert refresh(server, tokens).json()["expires_in"] == 3600


def test_configure_mistakes(server):
    """A setting that does not exist, or makes no sense, is refused."""
    with pytest.raises(TypeError, match="rotating"):
        server.configure(rotating="strict")
    with pytest.raises(ValueError, match="rotation"):
        server.configure(rotation="often")


def test_revoke_access_tokens(server):
    """The API refuses all access tokens; the refresh token still works."""
    tokens = server.issue()
    server.revoke_access_tokens()
    assert call(server, tokens).status_code == 401
    assert call(server, refresh(server, tokens).json()).status_code == 200


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_revoke_family(server, which):
    """Any token of a login names the login to end."""
    tokens = server.issue()
    server.revoke_family(tokens[which])
    assert call(server, tokens).status_code == 401
    assert refresh(server, tokens).json()["error"] == "invalid_grant"


def test_revoke_unknown_family(server):
    """A token that was never issued names no login."""
    with pytest.raises(ValueError, match="not issued"):
        server.revoke_family("made up")


def test_reset(server):
    """A reset server has its first settings and knows no old tokens or faults."""
    tokens = server.issue()
    server.configure(rotation="none")
    server.api_faults.reject()
    call(server, tokens)
    server.reset()
    assert call(server, tokens).status_code == 401
    assert call(server, server.issue()).status_code == 200
    assert "refresh_token" in refresh(server, server.issue()).json()
    assert server.counts().api_requests == 2
