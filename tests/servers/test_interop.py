"""The package against a certified authorization server."""

import httpx2
import pytest
import requests

from oauth_auth import (
    ClientCredentials,
    FileStore,
    MemoryStore,
    OAuthAuth,
    RefreshToken,
)
from oauth_auth.client_auth import ClientSecretBasic
from oauth_auth.errors import InvalidClientError, LoginRequired
from tests.servers.oidc import OidcProvider


@pytest.mark.parametrize(
    ("client", "client_auth"),
    [
        (OidcProvider.web, None),
        (OidcProvider.web, "client_secret_basic"),
        (OidcProvider.web_post, "client_secret_post"),
    ],
)
def test_client_credentials(oidc_provider, client, client_auth):
    """A secret of odd characters arrives whole, by header and by form. M50."""
    auth = OAuthAuth(
        ClientCredentials(
            oidc_provider.issuer,
            client_id=client.client_id,
            client_secret=client.client_secret,
            client_auth=client_auth,
        ),
        store=MemoryStore(),
    )
    assert requests.get(oidc_provider.resource, auth=auth).status_code == 200
    assert httpx2.get(oidc_provider.resource, auth=auth).status_code == 200


def test_a_raw_secret_is_refused_by_name(oidc_provider):
    """The error says which way of authenticating the server refused. M50."""
    auth = OAuthAuth(
        ClientCredentials(
            oidc_provider.issuer,
            client_id=oidc_provider.web.client_id,
            client_secret=oidc_provider.web.client_secret,
            client_auth=ClientSecretBasic(raw=True),
        ),
        store=MemoryStore(),
    )
    with pytest.raises(InvalidClientError, match="client_secret_basic"):
        auth.token()


def test_reuse_by_hand_ends_the_login_for_all(oidc_provider, tmp_path):
    """The server punishes reuse: that is what the locks and journals are for."""
    seed = oidc_provider.login()["refresh_token"]
    auth = OAuthAuth(
        RefreshToken(
            oidc_provider.issuer,
            client_id=oidc_provider.native.client_id,
            refresh_token=seed,
        ),
        store=FileStore(tmp_path),
    )
    assert requests.get(oidc_provider.resource, auth=auth).status_code == 200
    assert oidc_provider.refresh(seed).status_code == 400
    with pytest.raises(LoginRequired, match="invalid_grant"):
        auth.renew()


def test_logout_revokes_at_the_server(oidc_provider, tmp_path):
    """After logout the server knows the refresh token no more. RFC 7009."""
    seed = oidc_provider.login()["refresh_token"]
    auth = OAuthAuth(
        RefreshToken(
            oidc_provider.issuer,
            client_id=oidc_provider.native.client_id,
            refresh_token=seed,
        ),
        store=FileStore(tmp_path),
    )
    refresh_token = auth.token().refresh_token
    auth.logout()
    assert oidc_provider.refresh(refresh_token).status_code == 400
