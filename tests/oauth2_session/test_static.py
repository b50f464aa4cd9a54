"""OAuth2: one token as ``auth=`` of requests."""

import pickle

import pytest
import requests
from oauthlib.oauth2 import (
    InsecureTransportError,
    TokenExpiredError,
    WebApplicationClient,
)

from oauth_auth import OAuth2

TOKEN = {"access_token": "abcd", "token_type": "Bearer"}


def prepared(auth, url="https://a.example/x?y=z", **options):
    return requests.Request("POST", url, auth=auth, **options).prepare()


def test_in_the_header():
    """By default, also for a client that was made without a token."""
    for auth in (OAuth2("id", token=TOKEN), OAuth2(client=WebApplicationClient("id"))):
        auth._client.access_token = "abcd"
        assert prepared(auth).headers["Authorization"] == "Bearer abcd"


def test_in_the_query():
    """The client says where."""
    client = WebApplicationClient("id", default_token_placement="query")
    request = prepared(OAuth2(client=client, token=TOKEN))
    assert request.url == "https://a.example/x?y=z&access_token=abcd"


def test_in_the_body():
    """The length is that of the body with the token."""
    client = WebApplicationClient("id", default_token_placement="body")
    request = prepared(OAuth2(client=client, token=TOKEN), data="a=b")
    assert request.body == "a=b&access_token=abcd"
    assert request.headers["Content-Length"] == str(len(request.body))


def test_an_expired_token():
    """It is not renewed."""
    with pytest.raises(TokenExpiredError):
        prepared(OAuth2("id", token={**TOKEN, "expires_at": 1.0}))


def test_where_to():
    """To https and to this machine, and nowhere else."""
    auth = OAuth2("id", token=TOKEN)
    request = prepared(auth, url="http://[::1]:8080/x")
    assert request.url == "http://[::1]:8080/x"
    assert request.headers["Authorization"]
    for url in ("http://a.example", "http://127.0.0.1.example"):
        with pytest.raises(InsecureTransportError):
            prepared(auth, url=url)


def test_it_shows_nothing():
    """The token is in no repr. M66."""
    assert "abcd" not in repr(OAuth2("id", token=TOKEN))


def test_it_does_not_pickle():
    """Its token would be in the pickle. M75."""
    with pytest.raises(TypeError, match="build it anew"):
        pickle.dumps(OAuth2("id", token=TOKEN))
