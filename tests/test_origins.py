"""Where a token may go."""

import logging

import httpx
import httpx2
import pytest
import requests
from urllib3.util import parse_url

from oauth_auth import origins
from oauth_auth.errors import ConfigurationError
from oauth_auth.origins import Origins, origin_of


@pytest.fixture(autouse=True)
def _nothing_said_before():
    origins._said.clear()


class TestOriginOf:
    @pytest.mark.parametrize(
        ("url", "origin"),
        [
            ("https://api.example.com/a?b#c", "https://api.example.com"),
            ("HTTPS://API.Example.COM", "https://api.example.com"),
            ("https://api.example.com:443/", "https://api.example.com"),
            ("https://api.example.com:8443/", "https://api.example.com:8443"),
            ("http://localhost:80", "http://localhost"),
            ("http://localhost:443", "http://localhost:443"),
            ("http://[::1]:8080/x", "http://[::1]:8080"),
            ("https://me:pw@api.example.com/x", "https://api.example.com"),
            ("https://api.example.com@evil.example/", "https://evil.example"),
        ],
    )
    def test_an_origin_is_scheme_host_and_port(self, url, origin):
        """RFC 6454: case and default ports do not matter, userinfo is no part."""
        assert origin_of(url) == origin

    @pytest.mark.parametrize(
        "url", ["", "/path", "api.example.com", "https://", "https://a:b/", "http://[x"]
    )
    def test_what_has_no_origin_equals_no_other(self, url):
        """A URL without host, or one that cannot be read, has an empty origin."""
        assert origin_of(url) == ""

    @pytest.mark.parametrize(
        "url",
        [
            "https://good.example\\@evil.example/",
            "https://good.example\\.evil.example/",
            "https://good.example#@evil.example/",
            "https://good.example?@evil.example/",
            "https://good.example;@evil.example/",
            "https://good.example%2f@evil.example/",
            "https://good.example%00.evil.example/",
            "https://good.example\t.evil.example/",
            "https://good.example\r\n.evil.example/",
            "https://evil.example\u2044good.example/",
            "https://evil.example\uff0fgood.example/",
            "https:good.example@evil.example/",
            "https:///good.example/",
            "https:/\\good.example/",
            " https://good.example/",
            "https://good.example:443@evil.example:443/",
            "https://[::1]@evil.example/",
            "https://good.example:00443/",
        ],
    )
    def test_we_read_urls_as_the_clients_do(self, url):
        """No spelling makes us see another host than the one that is connected to."""
        for prepare, host_of in (
            (_requests_url, lambda text: parse_url(text).host),
            (lambda text: str(httpx.URL(text)), lambda text: httpx.URL(text).host),
            (lambda text: str(httpx2.URL(text)), lambda text: httpx2.URL(text).host),
        ):
            try:
                text = prepare(url)
            except (requests.RequestException, httpx.InvalidURL, httpx2.InvalidURL):
                continue  # the client refuses it, so that nothing is sent
            connected = host_of(text)
            origin = origin_of(text)
            if origin:
                assert origin.split("//")[1].split(":443")[0] == connected


def _requests_url(text):
    return requests.Request("GET", text).prepare().url


class TestDecisions:
    @pytest.mark.parametrize(
        "url",
        [
            "https://api.example.com/a",
            "http://127.0.0.1:8000/a",
            "http://localhost/a",
            "http://[::1]:1/a",
            "http://127.1.2.3/a",
        ],
    )
    def test_https_and_loopback_get_the_token(self, url):
        """Without a list, every origin that the caller names gets it."""
        assert Origins(None).decide(url) == origin_of(url)

    @pytest.mark.parametrize(
        "url",
        [
            "http://api.example.com/a",
            "http://127.0.0.1.evil.example/a",
            "http://localhost.evil.example/a",
            "http://10.0.0.1/a",
            "ftp://127.0.0.1/a",
            "file:///etc/passwd",
            "",
            "http://127.0.0.1:x/",
        ],
    )
    def test_nothing_else_does_unasked(self, url):
        """In clear a token goes nowhere, and the error says how to allow it."""
        with pytest.raises(ConfigurationError, match="allowed_origins"):
            Origins(None).decide(url)

    def test_a_list_is_the_whole_truth(self, caplog):
        """Listed origins get it, even in clear; others do not, even on loopback."""
        allowed = Origins(["http://api.test", "https://other.test/path"])
        assert allowed.decide("http://api.test/x") == "http://api.test"
        assert allowed.decide("https://other.test/y") == "https://other.test"
        with caplog.at_level(logging.WARNING, "oauth_auth"):
            for url in (
                "https://api.test/",
                "http://api.test:81/",
                "http://127.0.0.1/",
                "https://sub.other.test/",
                "",
            ):
                assert allowed.decide(url) is None
        assert len(caplog.records) == 5

    def test_an_empty_list_allows_nothing(self):
        """allowed_origins=[] is a list with nothing in it, not the absence of one."""
        assert Origins([]).decide("https://api.example.com/") is None

    def test_one_text_is_one_origin(self):
        """A text in place of a list is not taken for a list of characters."""
        assert Origins("https://a.test").decide("https://a.test/x") == "https://a.test"

    @pytest.mark.parametrize("text", ["api.example.com", "", "https://", "*"])
    def test_what_is_no_url_is_refused_at_once(self, text):
        """A list that could never match anything is the caller's mistake."""
        with pytest.raises(ConfigurationError, match=r"https://api\.example\.com"):
            Origins([text])

    def test_decisions_are_remembered_within_bounds(self):
        """A crawler's origins do not fill the memory, and passwords are not kept."""
        open_to_all = Origins(None)
        open_to_all.decide("https://me:password@a.example/x")
        for n in range(1000):
            open_to_all.decide(f"https://host-{n}.example/x")
        assert len(open_to_all._decided) <= 256
        assert "password" not in str(open_to_all._decided)
        first = "https://host-0.example"
        assert open_to_all.decide(f"{first}/other") == first

    def test_an_origin_is_named_once_within_bounds(self, caplog):
        """The warning is not repeated, by any object, nor its memory unbounded."""
        with caplog.at_level(logging.WARNING, "oauth_auth"):
            for _ in range(3):
                Origins(["https://a.test"]).decide("https://b.test/x?secret")
            Origins(["https://c.test"]).decide("https://b.test/x")
        assert len(caplog.records) == 2
        assert "https://b.test" in caplog.text
        assert "secret" not in caplog.text
        for n in range(1000):
            Origins(["https://a.test"]).decide(f"https://host-{n}.test/")
        assert len(origins._said) <= 256


class TestWildcards:
    """One asterisk for the first label of a host."""

    @pytest.mark.parametrize(
        ("wildcard", "url"),
        [
            ("https://*.googleapis.com", "https://gmail.googleapis.com/x"),
            ("HTTPS://*.GoogleAPIs.com/", "https://us-east1-x_y.googleapis.com:443/"),
            ("https://*.rep.googleapis.com", "https://a.rep.googleapis.com/"),
            ("https://*.example.com:8443", "https://api.example.com:8443/"),
            ("https://*.b\u00fccher.example", "https://api.xn--bcher-kva.example/"),
        ],
    )
    def test_one_label_stands_for_it(self, wildcard, url):
        """What a certificate for the same name would cover gets the token."""
        assert Origins([wildcard]).decide(url) == origin_of(url)

    @pytest.mark.parametrize(
        "url",
        [
            "https://googleapis.com/",
            "https://evilgoogleapis.com/",
            "https://evil-googleapis.com/",
            "https://googleapis.com.evil.test/",
            "https://x.googleapis.com.evil.test/",
            "https://a.b.googleapis.com/",
            "https://.googleapis.com/",
            "https://a..googleapis.com/",
            "https://*.googleapis.com/",
            "https://gmail.googleapis.com:8443/",
            "https://gmail.googleapis.com./",
            "http://gmail.googleapis.com/",
            "ftp://gmail.googleapis.com/",
            "https://gmail.googleapis.com@evil.test/",
            "https://evil.test/gmail.googleapis.com",
            "https://evil.test#.googleapis.com",
            "https://evil.test?.googleapis.com",
            "https://evil.test\\.googleapis.com/",
            "https://evil.test%2f.googleapis.com/",
            "https://evil%2f.googleapis.com/",
            "https://evil\\.googleapis.com/",
            "https://ev il.googleapis.com/",
            "https://[::1].googleapis.com/",
            "https://\uff47oogleapis.com/",
        ],
    )
    def test_a_look_alike_gets_nothing(self, url):
        """Neither more labels nor fewer, no other port or scheme, no name inside."""
        assert Origins(["https://*.googleapis.com"]).decide(url) is None

    @pytest.mark.parametrize(
        "text",
        [
            "https://*",
            "https://*.com",
            "https://*.com.",
            "https://*..com",
            "https://*.localhost",
            "https://*.0.0.1",
            "https://*.*.example.com",
            "https://a.*.example.com",
            "https://a*.example.com",
            "https://*example.com",
            "https://example.com/*",
            "https://me@*.example.com",
            "https://*.evil.test@example.com",
            "https://*.evil.test\\@example.com",
            "http://*.example.com",
            "*://api.example.com",
            "https://*.example.com:port",
        ],
    )
    def test_another_asterisk_is_refused(self, text):
        """It would match nothing, or more than anybody means."""
        with pytest.raises(ConfigurationError, match=r"https://\*\.example\.com"):
            Origins([text])

    def test_exact_origins_count_beside_it(self):
        """A list may have both; the refusal names the wildcard as it was meant."""
        both = Origins(["https://*.example.com", "https://example.com"])
        assert both.decide("https://example.com/") == "https://example.com"
        assert both.decide("https://api.example.com/x") == "https://api.example.com"
        assert both.decide("https://a.api.example.com/x") is None
