"""What one request has found out does not carry the token to another origin."""

import time

import httpx
import httpx2
import pytest
import requests

from oauth_auth import MemoryStore, OAuthAuth, RefreshToken


def with_requests(auth, url):
    request = requests.Request("GET", "https://placeholder.example/").prepare()
    request.url = url  # as it is: preparing would mend it
    return auth(request)


def with_httpx(auth, url):
    return next(auth.sync_auth_flow(httpx.Request("GET", url)))


def with_httpx2(auth, url):
    return next(auth.sync_auth_flow(httpx2.Request("GET", url)))


def an_object(allowed):
    """Return an object with a live token for one origin."""
    return OAuthAuth(
        RefreshToken(
            token_endpoint="https://auth.example.com/token",
            client_id="app",
            token={
                "access_token": "live",
                "refresh_token": "seed",
                "expires_at": time.time() + 3600,
            },
        ),
        store=MemoryStore(),
        allowed_origins=[allowed],
    )


@pytest.mark.parametrize("attached", [with_requests, with_httpx, with_httpx2])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("https://api.example.com/v1", "https://api.example.com.evil.example/v1"),
        ("https://api.example.com/v1", "https://api.example.comx/v1"),
        ("https://api.example.com/v1", "https://other.example.com/v1"),
        ("https://api.example.com/v1", "https://api.example.com:444/v1"),
        ("https://api.example.com/v1", "https://api.example.com@evil.example/v1"),
        ("https://api.example.com:8/v1", "https://api.example.com:80/v1"),
        ("https://api.example.com:8/v1", "https://api.example.com/v1"),
        ("https://api.example.com:8443/v1", "http://api.example.com:8443/v1"),
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8081/v1"),
        ("http://[::1]:8080/v1", "http://[::2]:8080/v1"),
    ],
)
def test_the_second_request_goes_without(attached, first, second):
    """The first one's origin got the token; the second's, however alike, does not."""
    auth = an_object(first)
    assert attached(auth, first).headers["Authorization"] == "Bearer live"
    assert attached(auth, first).headers["Authorization"] == "Bearer live"
    assert "Authorization" not in attached(auth, second).headers
    assert attached(auth, first).headers["Authorization"] == "Bearer live"
