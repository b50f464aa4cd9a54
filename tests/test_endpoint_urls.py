"""Where the secrets of our own requests are, and where they are not."""

import httpx
import pytest

from oauth_auth import ClientCredentials, MemoryStore, OAuthAuth, RefreshToken
from tests.fake_server import ISSUER, FakeServer

SECRET = "Zq7-client-secret-value"


@pytest.fixture
def server():
    server = FakeServer()
    server.metadata["revocation_endpoint"] = f"{ISSUER}/revoke"
    return server


@pytest.mark.parametrize("person", [True, False])
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_no_url_has_a_secret_in_it(server, person, method):
    """URLs end up in logs; secrets are in headers and forms alone. M67."""
    urls = []

    def http():
        answer = server._answer
        return httpx.Client(
            transport=httpx.MockTransport(lambda r: urls.append(r.url) or answer(r))
        )

    settings = {
        "client_id": "app",
        "client_secret": SECRET,
        "client_auth": method,
        "resource": "https://api.test/",
        "extra": {"assertion": "Xw9-assertion-value"},
    }
    if person:
        grant = RefreshToken(ISSUER, refresh_token=server.seed(), **settings)
    else:
        grant = ClientCredentials(ISSUER, **settings)
    auth = OAuthAuth(grant, store=MemoryStore(), http=http)
    auth.token()
    auth.renew()
    auth.logout()
    assert [str(url) for url in urls] == [
        f"{ISSUER}/.well-known/oauth-authorization-server",
        f"{ISSUER}/token",
        f"{ISSUER}/token",
        f"{ISSUER}/revoke",
    ]
    assert len(server.revoked) == 1


def test_the_resource_is_named_in_every_token_request(server):
    """RFC 8707: in a refresh as in the first request, each as often as given. M98d."""
    wanted = ["https://api.test/", "https://other.test/"]
    settings = {"client_id": "app", "resource": wanted}
    grants = [
        RefreshToken(ISSUER, refresh_token=server.seed(), **settings),
        ClientCredentials(ISSUER, client_secret=SECRET, **settings),
    ]
    contents = []
    real = server._answer

    def answer(request):
        contents.append(request.content)
        return real(request)

    def http():
        return httpx.Client(transport=httpx.MockTransport(answer))

    for grant in grants:
        auth = OAuthAuth(grant, store=MemoryStore(), http=http)
        auth.token()
        auth.renew()
    sent = [httpx.QueryParams(content.decode()) for content in contents if content]
    assert [form.get_list("resource") for form in sent] == [wanted] * 4
