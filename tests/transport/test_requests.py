"""Exchanges through requests, by itself and through a factory."""

import ssl
import threading

import pytest
import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3.util import Retry

from oauth_auth.errors import ConfigurationError
from oauth_auth.transport.body import LIMIT
from tests.transport.asking import post, refused
from tests.transport.contract import TransportContract, closed_port
from tests.transport.servers import FOREVER, answering, endless, proxy, sending
from tests.transport.stalling import StallContract


class TestRequests(StallContract):
    """requests with `HttpOptions`."""

    library = "requests"
    modules = ("requests",)


class WithContext(HTTPAdapter):
    """What the documentation of requests says about SSLContexts."""

    def __init__(self, context):
        self._context = context
        super().__init__()

    def build_connection_pool_key_attributes(self, *args, **kwargs):
        host, _ = super().build_connection_pool_key_attributes(*args, **kwargs)
        return host, {"ssl_context": self._context}

    def cert_verify(self, *args, **kwargs):
        """The context decides."""


class TestRequestsFactory(TransportContract):
    """A factory of sessions."""

    modules = ("requests",)

    def http(self, *, verify=True, cert=None, proxy=None, trust_env=True):
        def factory():
            session = requests.Session()
            session.cert, session.trust_env = cert, trust_env
            if isinstance(verify, ssl.SSLContext):
                session.mount("https://", WithContext(verify))
            else:
                session.verify = verify
            if proxy:
                session.proxies = {"http": proxy, "https": proxy}
            return session

        return factory


class Ambient(requests.Session):
    """A session that adds something of everything to each request."""

    def __init__(self, events):
        super().__init__()
        self.events = events
        self.headers["X-Ambient"] = "1"
        self.cookies.set("ambient", "1")
        self.params = {"ambient": "1"}
        self.auth = ("ambient", "1")
        self.hooks["response"].append(lambda *_, **__: events.append("hook"))

    def close(self):
        super().close()
        self.events.append("closed")


def test_ambient_settings_of_a_session_are_dropped(serve):
    """A session's headers, cookies, params, auth and hooks stay out of it."""
    server, events, closed = serve(answering()), [], threading.Event()

    class Watched(Ambient):
        def close(self):
            super().close()
            closed.set()

    post(server.url, None, lambda: Watched(events))
    (seen,) = server.seen
    assert seen.target == "/token"
    assert "ambient" not in str(seen).lower()
    assert seen.headers["Authorization"].startswith("Basic cmVw")
    assert closed.wait(FOREVER)
    assert events == ["closed"]


def test_m63_a_sessions_settings_win_over_the_environment(
    serve, certificate, monkeypatch
):
    """A session's own verify and proxies are used, whatever the environment says.

    M63.
    """
    server = serve(answering(), tls=certificate.server_context())
    between = serve(proxy)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{closed_port()}")

    def factory():
        session = requests.Session()
        session.verify = certificate.path
        session.proxies = {"https": f"http://127.0.0.1:{between.port}"}
        return session

    assert post(server.url, None, factory).status == 200
    assert between.seen[0].method == "CONNECT"


def test_hanging_up_is_called_that(serve):
    """A server that hangs up without a word is told from one that talks nonsense."""
    error = refused(serve(sending(b"")).url, "requests")
    assert "closed without an answer" in str(error)


def test_cut_off_headers_are_an_empty_answer(serve):
    """requests takes headers that end amid a line for whole: the body is empty."""
    server = serve(sending(b"HTTP/1.1 200 OK\r\nContent-Len"))
    assert post(server.url, "requests").body == b""


def test_environment_names_the_ca(serve, certificate, monkeypatch):
    """REQUESTS_CA_BUNDLE counts for the token request as it does for all others.

    M63.
    """
    server = serve(answering(), tls=certificate.server_context())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate.path)
    assert post(server.url, "requests").status == 200


@pytest.mark.parametrize(
    "retries",
    [
        1,
        Retry(connect=3),
        Retry(total=None, read=1),
        Retry(total=None, connect=0, read=False),
    ],
)
def test_retrying_session_is_refused(serve, retries):
    """A session that retries would spend a refresh token twice."""
    server = serve(answering())

    def factory():
        session = requests.Session()
        session.mount("http://", HTTPAdapter(max_retries=retries))
        return session

    with pytest.raises(ConfigurationError, match="max_retries=0"):
        post(server.url, None, factory)
    assert server.seen == []


@pytest.mark.parametrize("retries", [0, Retry(0, read=False), Retry(False), Retry(0)])
def test_session_that_does_not_retry_is_accepted(serve, retries):
    """Retry objects that never retry are no reason to refuse a session."""

    def factory():
        session = requests.Session()
        session.mount("http://", HTTPAdapter(max_retries=retries))
        return session

    assert post(serve(answering()).url, None, factory).status == 200


def test_response_that_is_not_read_to_its_end_is_closed(serve):
    """A body that is longer than the limit is left, whoever else holds the answer."""
    kept = []

    class Keeping(HTTPAdapter):
        def send(self, *args, **kwargs):
            assert kwargs["stream"] is True
            kept.append(super().send(*args, **kwargs))
            return kept[-1]

    def factory():
        session = requests.Session()
        session.mount("http://", Keeping())
        return session

    server = serve(endless)
    assert len(post(server.url, None, factory).body) == LIMIT + 1
    assert server.left.wait(FOREVER)


class Failing(BaseAdapter):
    """An adapter of the user's own that opens no connection of urllib3."""

    def __init__(self, error):
        super().__init__()
        self._error = error

    def send(self, *args, **kwargs):
        raise self._error

    def close(self):
        pass


class Odd(Failing):
    """One whose pools are not those of urllib3."""

    def get_connection_with_tls_context(self, *args, **kwargs):
        return object()


@pytest.mark.parametrize("adapter", [Failing, Odd])
@pytest.mark.parametrize(
    ("error", "unknown"),
    [
        (requests.ConnectTimeout("no"), False),
        (requests.ConnectionError("no"), True),
        (ValueError("no"), True),
    ],
)
def test_failure_of_an_unknown_adapter(adapter, error, unknown):
    """What an adapter does cannot be seen, so only clear words count as unsent."""

    def factory():
        session = requests.Session()
        session.mount("http://", adapter(error))
        return session

    assert refused("http://127.0.0.1:1/t", None, factory).outcome_unknown is unknown
