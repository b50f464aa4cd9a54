"""That we see the host that the HTTP clients connect to, however it is written."""

import httpx
import httpx2
import pytest
import requests
from hypothesis import strategies as st
from urllib3.util import parse_url

from oauth_auth import errors
from oauth_auth.origins import Origins, origin_of
from oauth_auth.server import check_url, is_loopback
from tests.fuzz.exploring import explore, thoroughness

GOOD = "https://good.example"


class Reached(Exception):  # noqa: N818  # no error: where a request was going
    """Where a client was about to connect."""


def with_requests(url):
    """Return the text that our auth object sees, and where requests connects to."""
    prepared = requests.Request("GET", url).prepare()
    parts = parse_url(prepared.url)
    # As urllib3's pool and connection classes take them apart.
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return prepared.url, (parts.scheme, parts.host, port)


def with_httpx(module):
    """Return a function like `with_requests` for httpx or httpx2."""

    def reach(url):
        seen = []

        class Auth(module.Auth):
            def auth_flow(self, request):
                seen.append(str(request.url))
                yield request

        class Transport(module.BaseTransport):
            def handle_request(self, request):
                # What the real one hands to httpcore.
                target = request.url
                port = target.port or {"https": 443, "http": 80}[target.scheme]
                raise Reached(target.scheme, target.raw_host.decode(), port)

        with module.Client(transport=Transport(), trust_env=False) as client:
            try:
                client.get(url, auth=Auth())
            except Reached as reached:
                return seen[0], reached.args
        raise AssertionError("no connection")

    return reach


CLIENTS = {
    "requests": with_requests,
    "httpx": with_httpx(httpx),
    "httpx2": with_httpx(httpx2),
}
REFUSED = (
    requests.RequestException,
    httpx.InvalidURL,
    httpx.UnsupportedProtocol,
    httpx2.InvalidURL,
    httpx2.UnsupportedProtocol,
    ValueError,  # urllib3's and idna's errors
    KeyError,  # another scheme
)
HOSTS = st.sampled_from(
    [
        *("good.example", "evil.example", "GOOD.example", "good.example.", "127.0.0.1"),
        *(
            "bücher.example",
            "BÜCHER.example",
            "straße.example",
            "xn--bcher-kva.example",
        ),
        *("例え.jp", "a。example", "\uff47ood.example", "localhost", "[::1]", "0x7f.1"),
        *("2130706433", "[::ffff:127.0.0.1]", "good.example%2f", "good.example%00"),
    ]
)
MARKS = st.text(alphabet=st.sampled_from("/\\@:?#[]%;&=. \t\r\n\0\u2044\uff0f\u3002é"))
URLS = st.builds(
    lambda *parts: "".join(parts),
    st.sampled_from(
        ["https://", "http://", "HTTPS://", "https:/", "https:\\\\", " https://"]
    ),
    MARKS.filter(lambda text: len(text) < 4),
    HOSTS,
    MARKS.filter(lambda text: len(text) < 4),
    st.sampled_from(["", ":443", ":80", ":0443", ":8443", ":", ":x", "@evil.example"]),
    st.sampled_from(["", "/", "/x", "?q=/", "#f", "\\x", "@evil.example/"]),
)


def written(scheme, host, port):
    """Write where a client connects to as an origin (RFC 6454)."""
    host = host.strip("[]").lower()
    host = f"[{host}]" if ":" in host else host
    if port == {"https": 443, "http": 80}[scheme]:
        return f"{scheme}://{host}"
    return f"{scheme}://{host}:{port}"


@thoroughness
@pytest.mark.parametrize("client", sorted(CLIENTS))
def test_we_see_where_the_client_connects_to(client, thorough):
    """The origin that we decide about is the one that gets the token. M58."""
    reach = CLIENTS[client]

    def law(url):
        try:
            seen, target = reach(url)
        except REFUSED:
            return
        origin = origin_of(seen)
        assert origin.lower() in ("", written(*target))
        # A remembered decision is the decision.
        allowed = Origins([GOOD, f"{GOOD}:8443"])
        allowed.decide(f"{GOOD}/first")
        assert allowed.decide(seen) == (
            origin if origin in (GOOD, f"{GOOD}:8443") else None
        )

    explore(law, URLS, thorough=thorough, cases=150)


@thoroughness
@pytest.mark.parametrize("client", sorted(CLIENTS))
def test_an_endpoint_is_where_it_was_checked_to_be(client, thorough):
    """No secret goes in the clear to a host that was taken for this machine."""
    reach = CLIENTS[client]

    def law(url):
        try:
            check_url(url, "token_endpoint")
            _, (scheme, host, _) = reach(url)
        except (*REFUSED, errors.ConfigurationError):
            return
        assert scheme == "https" or is_loopback(host)

    explore(law, URLS, thorough=thorough, cases=150)


@pytest.mark.parametrize("client", sorted(CLIENTS))
@pytest.mark.parametrize(
    "host",
    ["bücher.example", "BÜCHER.example", "straße.example", "例え.jp", "faß.example:81"],
)
def test_a_host_in_any_alphabet_is_listed_as_it_is_read(client, host):
    """Who lists https://bücher.example means the host that the client asks for."""
    seen, target = CLIENTS[client](f"https://{host}/x")
    assert seen.isascii()
    allowed = Origins([f"https://{host}"])
    assert allowed.decide(seen) == written(*target)
    assert Origins([seen]).decide(f"https://{host}/y") == written(*target)
    assert allowed.decide("https://xn--bcher-kvb.example/") is None


def test_what_stands_for_no_host_in_dns_is_refused():
    """A name that no client could look up is the caller's mistake."""
    with pytest.raises(errors.ConfigurationError, match="is no URL"):
        Origins(["https://\uff46ull-width.example"])


@pytest.mark.parametrize("scheme", ["abcdefgh", "https+unix", "httpx"])
def test_a_decision_is_remembered_for_its_own_host(scheme):
    """Of an unusual scheme's URL not just a part is remembered, which others share."""
    allowed = Origins([f"{scheme}://good.example"])
    assert allowed.decide(f"{scheme}://good.example/") == f"{scheme}://good.example"
    assert allowed.decide(f"{scheme}://evil.example/") is None


@pytest.mark.parametrize("url", ["https://a.test?key=Zk3fT9", "https://a.test#Zk3fT9"])
def test_a_query_without_a_path_is_not_kept(url):
    """What is remembered holds no secret, as what is kept may be printed. M66."""
    origins = Origins(None)
    assert origins.decide(url) == "https://a.test"
    assert "Zk3fT9" not in repr(origins._decided)
