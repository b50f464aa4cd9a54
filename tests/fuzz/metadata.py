"""Laws of authorization server metadata (RFC 8414)."""

import json
from urllib.parse import urlsplit

from hypothesis import strategies as st

from oauth_auth import errors
from oauth_auth.client_auth import client_auth_from
from oauth_auth.endpoint import _document
from oauth_auth.message import Response
from oauth_auth.origins import origin_of
from oauth_auth.server import _ENDPOINTS, AuthorizationServer, is_loopback

__all__ = ["ISSUER", "documents", "issuer_law", "issuers", "metadata_law"]

ISSUER = "https://auth.example.com/tenant"
GIVEN = "https://auth.example.com/given"


def metadata_law(status, body):
    """A document gives endpoints that secrets may go to, or an error that says why."""
    document = _document(Response(status, {}, body))
    if document is None:
        return
    assert status == 200
    assert document == json.loads(body)
    server = AuthorizationServer(ISSUER, token_endpoint=GIVEN)
    found, error = _outcome(lambda: server.with_metadata(document))
    if error is not None:
        assert len(error) < 1000
        assert error.isprintable()
        return
    assert found.issuer == document["issuer"] == ISSUER
    assert found.token_endpoint == GIVEN
    assert found == found.with_metadata(document)
    for name in _ENDPOINTS:
        url = getattr(found, name)
        assert url is None or url in (GIVEN, document.get(name))
        assert url is None or _is_safe(url), url
    _client_auth_law(found)


def _client_auth_law(server):
    assert all(isinstance(method, str) for method in server.token_endpoint_auth_methods)
    method, error = _outcome(
        lambda: client_auth_from(None, server=server, has_secret=True)
    )
    if error is not None:
        assert len(error) < 1000
    else:
        assert method.method.startswith("client_secret_")


def _outcome(function):
    """Return what comes of a function: its value, or the text of our error."""
    try:
        return function(), None
    except errors.ConfigurationError as error:
        return None, str(error)


def issuer_law(text):
    """An issuer is refused, or its metadata is looked for at its own origin."""
    try:
        server = AuthorizationServer(text)
    except errors.ConfigurationError:
        return
    assert _is_safe(text)
    urls = server.metadata_urls()
    assert len(urls) == 2
    for url in urls:
        assert origin_of(url) == origin_of(text)
        assert "/.well-known/" in url
        assert urlsplit(url).query == urlsplit(url).fragment == ""
        assert _is_safe(url)


def _is_safe(url):
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None or not parts.hostname:
        return False
    return parts.scheme == "https" or (
        parts.scheme == "http" and is_loopback(parts.hostname)
    )


_URLS = (
    st.sampled_from(
        [
            "https://auth.example.com/token",
            "http://auth.example.com/token",
            "http://127.0.0.1:80/token",
            "http://localhost/token",
            "https://me:pw@auth.example.com/",
            "https://auth.example.com/#x",
            "https://",
            "//auth.example.com/token",
            "javascript:alert(1)",
            "https://[::1/",
            "https://a:99999/",
        ]
    )
    | st.text(max_size=30)
    | st.lists(
        st.sampled_from(
            [*"/\\@:?#[]%&. \t\n", "http", "https", "://", "a.test", "127.0.0.1", "é"]
        ),
        max_size=9,
    ).map("".join)
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=6,
)
_METHODS = st.lists(
    st.sampled_from(
        ["client_secret_basic", "client_secret_post", "private_key_jwt", "none", 1]
    )
    | _JSON,
    max_size=3,
)
_DOCUMENTS = st.fixed_dictionaries(
    {"issuer": st.just(ISSUER) | st.just(ISSUER) | _JSON | _URLS},
    optional={
        **dict.fromkeys(_ENDPOINTS, _URLS | _JSON),
        "token_endpoint_auth_methods_supported": _METHODS | _JSON,
    },
)
#: The arguments of `metadata_law`.
documents = (
    st.sampled_from([200, 200, 200, 404, 500]),
    _DOCUMENTS.map(lambda document: json.dumps(document).encode())
    | _JSON.map(lambda value: json.dumps(value).encode())
    | st.binary(max_size=60)
    | st.sampled_from([b"[" * 100_000, b'{"issuer":' * 10_000]),
)
#: The argument of `issuer_law`.
issuers = _URLS | _URLS.map(lambda text: f"https://{text}")
