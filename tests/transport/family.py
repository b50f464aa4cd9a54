"""Tests for httpx and httpx2 alike."""

import logging
import ssl
import threading

import pytest

from oauth_auth.errors import ConfigurationError
from oauth_auth.transport import httpx_family
from oauth_auth.transport.body import LIMIT
from tests.transport.asking import post, refused, refused_amid, without_threads
from tests.transport.contract import TransportContract, closed_port
from tests.transport.servers import FOREVER, answering, endless, sending, silent


class FamilyFactoryContract(TransportContract):
    """A factory of clients."""

    #: httpx or httpx2.
    module = None

    def http(self, *, verify=True, cert=None, proxy=None, trust_env=True):
        def factory():
            context = verify
            if isinstance(verify, str):
                context = ssl.create_default_context(cafile=verify)
            if cert:
                context.load_cert_chain(*([cert] if isinstance(cert, str) else cert))
            return self.module.Client(verify=context, proxy=proxy, trust_env=trust_env)

        return factory

    def test_ambient_settings_of_a_client_are_dropped(self, serve):
        """A client's headers, cookies, params, auth and hooks stay out of it."""
        server, events, closed = serve(answering()), [], threading.Event()
        module = self.module

        class Watched(module.Client):
            def close(self):
                super().close()
                closed.set()

        def factory():
            return Watched(
                headers={"X-Ambient": "1"},
                cookies={"ambient": "1"},
                params={"ambient": "1"},
                auth=("ambient", "1"),
                event_hooks={"request": [events.append], "response": [events.append]},
                base_url="http://ambient.invalid",
                follow_redirects=True,
            )

        post(server.url, None, factory)
        (seen,) = server.seen
        assert seen.target == "/token"
        assert "ambient" not in str(seen).lower()
        assert seen.headers["Authorization"].startswith("Basic cmVw")
        assert events == []
        assert closed.wait(FOREVER)

    def test_cut_off_headers_are_unknown(self, serve):
        """A server that hangs up amid its headers may have acted."""
        error = self.refused(serve(sending(b"HTTP/1.1 200 OK\r\nContent-Len")).url)
        assert error.outcome_unknown is True

    def test_info_log_of_the_library_stays_out(self, serve, caplog):
        """Between answer and save no log handler runs at INFO."""
        caplog.set_level(logging.INFO)
        self.post(serve(answering()).url)
        assert caplog.records == []

    def test_works_without_the_private_method(self, serve, monkeypatch):
        """A client that cannot be asked for its transport is used as a whole."""
        monkeypatch.setattr(httpx_family, "_CHOOSER", "gone")
        server = serve(
            answering(status="307 Temporary Redirect", headers=("Location: /",))
        )
        events = []

        def factory():
            return self.module.Client(
                auth=("ambient", "1"),
                event_hooks={"request": [events.append]},
                follow_redirects=True,
                headers={"X-Ambient": "1"},
            )

        assert post(server.url, None, factory).status == 307
        (seen,) = server.seen
        assert "Ambient" not in str(seen)
        assert seen.headers["Authorization"].startswith("Basic cmVw")
        assert events == []

    def test_body_is_capped_without_the_private_method(self, serve, monkeypatch):
        """A body without end is not read to its end in the second way either."""
        monkeypatch.setattr(httpx_family, "_CHOOSER", "gone")
        answer = post(serve(endless).url, None, self.module.Client)
        assert len(answer.body) == LIMIT + 1

    def test_custom_transport_is_used(self):
        """A client's own transport answers, as in the tests of users."""

        def handle(request):
            assert request.content.startswith(b"grant_type")
            return self.module.Response(200, json={"access_token": "at"})

        def factory():
            return self.module.Client(transport=self.module.MockTransport(handle))

        answer = post("https://auth.invalid/token", None, factory)
        assert answer.headers["content-type"] == "application/json"
        assert b"access_token" in answer.body

    def test_mounts_are_used(self):
        """A transport mounted for the server's host answers."""
        mock = self.module.MockTransport(lambda _: self.module.Response(204))

        def factory():
            return self.module.Client(mounts={"all://auth.invalid": mock})

        assert post("https://auth.invalid/token", None, factory).status == 204

    @pytest.mark.parametrize(
        ("name", "unknown"),
        [
            ("ConnectError", False),
            ("ConnectTimeout", False),
            ("PoolTimeout", False),
            ("ProxyError", False),
            ("UnsupportedProtocol", False),
            ("ReadError", True),
            ("DecodingError", True),
        ],
    )
    def test_failure_of_a_custom_transport(self, name, unknown):
        """What a transport does cannot be seen, so only clear words count as unsent."""

        def handle(_):
            raise getattr(self.module, name)("no")

        def factory():
            return self.module.Client(transport=self.module.MockTransport(handle))

        error = refused("https://auth.invalid/token", None, factory)
        assert error.outcome_unknown is unknown

    def test_connecting_again_does_not_unsend(self, serve):
        """A transport that sends, and then fails to connect elsewhere, has sent."""
        server, module = serve(answering()), self.module
        elsewhere = f"http://127.0.0.1:{closed_port()}/token"

        class Twice(module.BaseTransport):
            def handle_request(self, request):
                with module.HTTPTransport() as first, module.HTTPTransport() as second:
                    first.handle_request(request).close()
                    request.url = module.URL(elsewhere)
                    return second.handle_request(request)

        def factory():
            return module.Client(transport=Twice())

        error = refused(server.url, None, factory)
        assert "Connection refused" in str(error)
        assert error.outcome_unknown is True

    def test_each_connection_of_a_transport_is_watched(self, serve):
        """The deadline cuts off the second connection of a transport as well."""
        servers, module = [serve(answering()), serve(silent)], self.module

        class Twice(module.BaseTransport):
            def handle_request(self, request):
                with module.HTTPTransport() as first, module.HTTPTransport() as second:
                    first.handle_request(request).close()
                    request.url = module.URL(servers[1].url)
                    return second.handle_request(request)

        def factory():
            return module.Client(transport=Twice())

        error = refused_amid(
            servers[1].met.is_set,
            lambda timeout: refused(servers[0].url, None, factory, timeout=timeout),
        )
        assert error.outcome_unknown is True
        assert servers[1].left.wait(FOREVER)

    def test_hanging_custom_transport_is_unknown(self):
        """At the deadline a transport that cannot be seen may have sent everything."""
        begun, proceed = threading.Event(), threading.Event()

        def handle(_):
            begun.set()
            proceed.wait(FOREVER)
            return self.module.Response(200)

        def factory():
            return self.module.Client(transport=self.module.MockTransport(handle))

        try:
            error = refused_amid(
                begun.is_set,
                lambda timeout: refused(
                    "https://auth.invalid/token", None, factory, timeout=timeout
                ),
            )
        finally:
            proceed.set()
        assert error.outcome_unknown is True

    def test_dribbling_custom_transport_ends_at_the_deadline(self):
        """A body that comes byte by byte from nowhere is given up between its bytes."""
        begun, ended = threading.Event(), threading.Event()
        module = self.module

        class Dribble(module.SyncByteStream):
            def __iter__(self):
                pause = threading.Event()
                begun.set()
                while not pause.wait(0.02):
                    yield b"x"

            def close(self):
                ended.set()

        def factory():
            mock = module.MockTransport(
                lambda _: module.Response(200, stream=Dribble())
            )
            return module.Client(transport=mock)

        def ask(timeout):
            return refused("https://auth.invalid/token", None, factory, timeout=timeout)

        error = refused_amid(begun.is_set, ask)
        assert error.outcome_unknown is True
        assert ended.wait(FOREVER)
        begun.clear()
        with pytest.MonkeyPatch.context() as patch:
            without_threads(patch)
            inline = refused_amid(begun.is_set, ask)
        assert "no complete answer within" in str(inline)
        assert inline.outcome_unknown is True
        assert inline.__cause__ is None

    def test_retrying_client_is_refused(self, serve):
        """A client that retries would spend a refresh token twice."""
        server = serve(answering())

        def factory():
            return self.module.Client(transport=self.module.HTTPTransport(retries=1))

        with pytest.raises(ConfigurationError, match="leave retries out"):
            post(server.url, None, factory)
        assert server.seen == []

    def test_async_client_is_refused(self, serve):
        """An async client is refused with a hint at what to return."""
        server = serve(answering())
        with pytest.raises(ConfigurationError, match=r"return an httpx\.Client"):
            post(server.url, None, self.module.AsyncClient)
        assert server.seen == []
