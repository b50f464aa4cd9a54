"""What an exchange does, whichever HTTP library carries it out."""

import contextvars
import gzip
import os
import signal
import socket
import ssl
import threading
from pathlib import Path

import pytest

from oauth_auth.errors import ConfigurationError
from oauth_auth.transport import HttpOptions, exchange
from oauth_auth.transport.body import LIMIT
from tests.http_clients.failures import closed_port
from tests.transport.asking import (
    ACCESS_TOKEN,
    BASIC,
    FORM,
    REFRESH_TOKEN,
    SECRETS,
    assert_no_secret,
    post,
    refused,
    token_request,
    told_by,
    told_by_stack,
    without_threads,
)
from tests.transport.servers import (
    FOREVER,
    answering,
    endless,
    make_certificate,
    proxy,
    response,
    sending,
)

#: Debug lines that the libraries write when the answer has come.
AFTER_THE_ANSWER = ('HTTP/1.1" 200', "receive_response_headers.complete")


class TransportContract:
    """Subclassed for each HTTP library, by itself and through a factory."""

    #: What `exchange` is told to use.
    library = None
    #: The modules whose exceptions may be an error's cause.
    modules = ()

    def http(self, **options):
        """Return what is passed as http= for these options of `HttpOptions`."""
        return HttpOptions(**options)

    def post(self, url, *, timeout=None, **options):
        extra = {"timeout": timeout} if timeout else {}
        return post(url, self.library, self.http(**options), **extra)

    def refused(self, url, *, timeout=None, **options):
        extra = {"timeout": timeout} if timeout else {}
        return refused(url, self.library, self.http(**options), **extra)

    # What is sent, and what comes back

    def test_sends_the_request_and_returns_the_answer(self, serve):
        """The server gets the form, the caller the status, headers and body."""
        server = serve(
            answering(status="400 Bad Request", headers=("X-A: 1", "X-A: 2"))
        )
        answer = self.post(server.url)
        assert answer.status == 400
        assert answer.headers["x-a"] == "1, 2"
        assert answer.body == b'{"access_token": "at"}'
        (seen,) = server.seen
        assert (seen.method, seen.target) == ("POST", "/token")
        assert seen.body == FORM.encode()

    def test_sends_no_other_header(self, serve):
        """Only our headers and those that HTTP needs are sent."""
        server = serve(answering())
        self.post(server.url)
        headers = server.seen[0].headers
        agent = headers.pop("User-Agent")
        assert agent.startswith("oauth_auth/")
        assert headers == {
            "Host": f"127.0.0.1:{server.port}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Authorization": BASIC,
            "Content-Type": "application/x-www-form-urlencoded",
            "Content-Length": str(len(FORM)),
        }

    def test_get_has_no_body(self, serve):
        """A GET goes out without a body, and its own headers win over the defaults."""
        server = serve(answering(b"{}"))
        request = token_request(server.url)._replace(
            method="GET", headers={"accept": "text/plain"}, body=None
        )
        exchange(request, library=self.library, http=self.http(), timeout=FOREVER)
        (seen,) = server.seen
        assert seen.method == "GET"
        assert seen.body == b""
        assert "Content-Length" not in seen.headers
        assert {k: v for k, v in seen.headers.items() if k.lower() == "accept"} == {
            "accept": "text/plain"
        }

    def test_m62_netrc_is_not_read(self, serve, monkeypatch, tmp_path):
        """A password for the host in netrc does not become a header. M62."""
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login somebody password something\n")
        monkeypatch.setenv("NETRC", str(netrc))
        server = serve(answering())
        request = token_request(server.url)._replace(headers={})
        exchange(request, library=self.library, http=self.http(), timeout=FOREVER)
        assert "Authorization" not in server.seen[0].headers

    @pytest.mark.parametrize("location", ["/elsewhere", "http://[nonsense"])
    def test_redirect_is_returned(self, serve, location):
        """A redirect is not followed, since it would take the secrets elsewhere."""
        server = serve(
            answering(
                status="307 Temporary Redirect", headers=(f"Location: {location}",)
            )
        )
        assert self.post(server.url).status == 307
        assert len(server.seen) == 1

    def test_body_is_capped(self, serve):
        """Of a body without end one byte more than the limit is read."""

        server = serve(endless)
        assert len(self.post(server.url).body) == LIMIT + 1
        assert server.left.wait(FOREVER)

    def test_body_at_the_limit_is_whole(self, serve):
        """A body that is just as long as the limit is not marked as too long."""
        server = serve(answering(b"x" * LIMIT))
        assert len(self.post(server.url).body) == LIMIT

    def test_gzip_is_decoded(self, serve):
        """A server that compresses although it was not asked to is understood."""
        server = serve(
            answering(gzip.compress(b"{}"), headers=("Content-Encoding: gzip",))
        )
        assert self.post(server.url).body == b"{}"

    def test_connection_is_closed_and_never_reused(self, serve):
        """Each exchange has a connection of its own, closed when it is over. M73."""
        connections = []

        def answer(server, connection, _):
            connections.append(connection)
            connection.sendall(response())
            server.wait_until_left(connection)

        server = serve(answer)
        self.post(server.url)
        assert server.left.wait(FOREVER)
        self.post(server.url)
        assert len(connections) == 2

    # Answers that do not come

    def test_refused_connection_is_certain(self):
        """Where nobody listens the request was not sent, and the error says where.

        M24.
        """
        port = closed_port()
        error = self.refused(f"http://127.0.0.1:{port}/token")
        assert error.outcome_unknown is False
        assert f"127.0.0.1:{port}" in str(error)
        assert "Connection refused" in str(error)
        assert "HttpOptions(verify=" not in str(error)
        assert type(error.__cause__).__module__.partition(".")[0] in self.modules

    def test_unresolvable_name_is_certain(self):
        """A name that does not exist means that the request was not sent. M24."""
        error = self.refused("https://auth.invalid/token")
        assert error.outcome_unknown is False
        assert "auth.invalid:443" in str(error)

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        ],
    )
    def test_cut_off_answer_is_unknown(self, serve, data):
        """A server that hangs up instead of answering may have acted. M16."""
        error = self.refused(serve(sending(data)).url)
        assert error.outcome_unknown is True

    def test_reset_connection_is_unknown(self, serve):
        """A server that resets the connection may have acted. M16."""

        def reset(_server, connection, _request):
            linger = b"\x01\0\0\0\0\0\0\0"
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

        error = self.refused(serve(reset).url)
        assert error.outcome_unknown is True

    @pytest.mark.parametrize(
        "data",
        [
            f'{{"access_token": "{ACCESS_TOKEN}"}}\r\n\r\n'.encode(),
            f"HTTP/1.1 {ACCESS_TOKEN}\r\n\r\n".encode(),
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + ACCESS_TOKEN.encode()
            + b"\r\n",
            response(ACCESS_TOKEN.encode(), headers=("Content-Encoding: gzip",)),
        ],
    )
    def test_m66_nonsense_is_not_quoted(self, serve, data):
        """What cannot be read may be a token, and is not in the error. M66."""
        error = self.refused(serve(sending(data)).url)
        assert error.outcome_unknown is True

    # TLS and proxies

    def test_unknown_ca_is_certain(self, serve, certificate):
        """A server whose CA is unknown gets nothing; the error names the remedy."""
        server = serve(answering(), tls=certificate.server_context())
        error = self.refused(server.url)
        assert error.outcome_unknown is False
        assert "CERTIFICATE_VERIFY_FAILED" in str(error)
        assert "HttpOptions(verify=" in str(error)
        assert server.seen == []

    def test_plain_server_for_https_is_certain(self, serve):
        """A server that does not speak TLS does not get the request."""

        def answer(_server, connection, _request):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        server = serve(answer, reading=False)
        error = self.refused(f"https://127.0.0.1:{server.port}/token")
        assert error.outcome_unknown is False

    def test_m63_ca_path(self, serve, certificate):
        """A private CA works by the path of its certificate. M63."""
        server = serve(answering(), tls=certificate.server_context())
        assert self.post(server.url, verify=certificate.path).status == 200

    def test_a_ca_file_that_is_replaced_counts_at_once(
        self, serve, certificate, tmp_path
    ):
        """A program that runs for months need not be started anew for a new CA."""
        server = serve(answering(), tls=certificate.server_context())
        path = tmp_path / "ca.pem"
        (tmp_path / "other").mkdir()
        path.write_text(Path(make_certificate(tmp_path / "other").path).read_text())
        assert self.refused(server.url, verify=str(path)).outcome_unknown is False
        (tmp_path / "new").write_text(Path(certificate.path).read_text())
        (tmp_path / "new").replace(path)
        assert self.post(server.url, verify=str(path)).status == 200

    def test_m63_ssl_context(self, serve, certificate):
        """A private CA works through an SSLContext, which is left as it was. M63."""
        server = serve(answering(), tls=certificate.server_context())
        context = ssl.create_default_context(cafile=certificate.path)
        assert self.post(server.url, verify=context).status == 200
        assert len(context.get_ca_certs()) == 1

    @pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
    def test_ssl_context_alone_decides(self, serve, certificate):
        """An SSLContext that checks nothing, or trusts another CA, is taken at that."""
        server = serve(answering(), tls=certificate.server_context())
        lax = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        lax.check_hostname = False
        lax.verify_mode = ssl.CERT_NONE
        assert self.post(server.url, verify=lax).status == 200
        strict = ssl.create_default_context()
        assert self.refused(server.url, verify=strict).outcome_unknown is False

    @pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
    def test_verify_false(self, serve, certificate):
        """verify=False checks nothing."""
        server = serve(answering(), tls=certificate.server_context())
        assert self.post(server.url, verify=False).status == 200

    @pytest.mark.parametrize("together", [False, True])
    def test_client_certificate(self, serve, certificate, together, tmp_path):
        """A client certificate is shown, from two files or from one. M63."""
        tls = certificate.server_context(clients=certificate.path)
        server = serve(answering(), tls=tls)
        error = self.refused(server.url, verify=certificate.path)
        # TLS 1.3 says so only after the request was sent, and another CA is no remedy.
        assert error.outcome_unknown is True
        assert "HttpOptions(verify=" not in str(error)
        cert = (certificate.path, certificate.key)
        if together:
            both = tmp_path / "both.pem"
            both.write_text("".join(Path(path).read_text() for path in cert))
            cert = str(both)
        assert self.post(server.url, verify=certificate.path, cert=cert).status == 200
        # Who shows none next is taken for nobody.
        assert self.refused(server.url, verify=certificate.path).outcome_unknown is True

    def test_proxy_gets_the_request(self, serve):
        """A proxy is asked for the whole URL, with its own password. M63."""
        server = serve(proxy)
        through = f"http://me:pw@127.0.0.1:{server.port}"
        answer = self.post("http://auth.invalid/token", proxy=through)
        assert answer.body == b"from the proxy"
        (seen,) = server.seen
        assert seen.target == "http://auth.invalid/token"
        assert seen.headers["Proxy-Authorization"] == "Basic bWU6cHc="

    def test_proxy_tunnels_tls(self, serve, certificate):
        """Through a proxy TLS reaches to the authorization server."""
        server = serve(answering(), tls=certificate.server_context())
        between = serve(proxy)
        answer = self.post(
            server.url,
            proxy=f"http://127.0.0.1:{between.port}",
            verify=certificate.path,
        )
        assert answer.status == 200
        (connect,) = between.seen
        assert connect.target == f"127.0.0.1:{server.port}"
        assert "Authorization" not in connect.headers
        assert server.seen[0].headers["Authorization"] == BASIC

    def test_proxy_that_says_no_is_certain(self, serve):
        """A proxy that does not connect did not pass the request on."""
        between = serve(answering(b"", status="403 Forbidden"))
        error = self.refused(
            "https://auth.invalid/token",
            proxy=f"http://me:{ACCESS_TOKEN}@127.0.0.1:{between.port}",
        )
        assert error.outcome_unknown is False
        assert "403" in str(error)

    def test_proxy_that_hangs_up_is_certain(self, serve):
        """A proxy that hangs up on CONNECT did not get the request."""
        between = serve(sending(b""))
        error = self.refused(
            "https://auth.invalid/token", proxy=f"http://127.0.0.1:{between.port}"
        )
        assert between.seen[0].method == "CONNECT"
        assert error.outcome_unknown is False

    def test_proxy_that_is_down_is_certain(self):
        """A proxy that cannot be reached did not get the request."""
        through = f"http://127.0.0.1:{closed_port()}"
        error = self.refused("http://auth.invalid/token", proxy=through)
        assert error.outcome_unknown is False

    def test_environment_names_the_proxy(self, serve, monkeypatch):
        """HTTP_PROXY and NO_PROXY count, unless trust_env=False. M63."""
        between, server = serve(proxy), serve(answering(b"direct"))
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{between.port}")
        assert self.post(server.url).body == b"from the proxy"
        assert self.post(server.url, trust_env=False).body == b"direct"
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert self.post(server.url).body == b"direct"

    def test_proxy_option_wins_over_the_environment(self, serve, monkeypatch):
        """The proxy that the options name is used, whatever the environment says."""
        between = serve(proxy)
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
        through = f"http://127.0.0.1:{between.port}"
        assert self.post("http://auth.invalid/", proxy=through).status == 200

    # Secrets, logs, threads

    def test_m66_nothing_is_logged_or_held_in_locals(self, serve, listen):
        """No log line has a secret, nor the local names of our functions beneath it.

        M66.
        """
        said = []
        listen(lambda line: said.extend([line, *told_by_stack()]))
        body = f'{{"access_token": "{ACCESS_TOKEN}"}}'.encode()
        assert self.post(serve(answering(body)).url).body == body
        through = f"http://me:{REFRESH_TOKEN}@127.0.0.1:{serve(proxy).port}"
        assert self.post("http://auth.invalid/", proxy=through).status == 200
        assert any("_work" in line for line in said)
        assert_no_secret("\n".join(said))

    @pytest.mark.parametrize("kind", [RuntimeError, SystemExit])
    def test_raising_log_handler_is_unknown(self, serve, listen, kind):
        """A log handler that raises inside the library ends the exchange, no more."""

        def act(line):
            if any(part in line for part in AFTER_THE_ANSWER):
                raise kind(SECRETS)

        listen(act)
        error = self.refused(serve(answering()).url)
        assert error.outcome_unknown is True
        assert "RuntimeError" in str(error) or "SystemExit" in str(error)

    def test_log_handlers_see_the_callers_context(self, serve, listen):
        """What runs inside the exchange can know on whose behalf it runs."""
        inside = contextvars.ContextVar("inside", default="nowhere")
        inside.set("a renewal")
        seen = set()
        listen(lambda _: seen.add((threading.current_thread().name, inside.get())))
        self.post(serve(answering()).url)
        assert ("oauth_auth exchange", "a renewal") in seen

    def test_ctrl_c_inline_leaves(self, serve, listen, monkeypatch):
        """Where there is no thread Ctrl-C goes through, and leaves nothing open."""

        def act(line):
            if any(part in line for part in AFTER_THE_ANSWER):
                raise KeyboardInterrupt

        server = serve(answering())
        without_threads(monkeypatch)
        listen(act)
        with pytest.raises(KeyboardInterrupt):
            self.post(server.url)
        assert server.left.wait(FOREVER)

    def test_ctrl_c_leaves_at_once(self, serve):
        """A waiting caller that is interrupted leaves, and the connection is closed."""

        def answer(server, connection, _):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            server.wait_until_left(connection)

        server = serve(answer)
        # A shell's background job starts with the signal ignored.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with pytest.raises(KeyboardInterrupt) as caught:
                self.post(server.url)
        finally:
            signal.signal(signal.SIGINT, before)
        assert_no_secret(told_by(caught.value))
        assert server.left.wait(FOREVER)

    @pytest.mark.parametrize(
        "value", [f"{BASIC}\r\nX-Evil: 1", f"{BASIC}\x00", f"{BASIC}\u20ac", ""]
    )
    def test_m68_unsendable_header_is_not_quoted(self, value):
        """A header that cannot be sent is named, and its value is not. M68."""
        request = token_request("http://127.0.0.1:1/t", authorization=value)
        with pytest.raises(ConfigurationError, match="Authorization") as caught:
            exchange(request, library=self.library, http=self.http(), timeout=FOREVER)
        assert_no_secret(told_by(caught.value))

    def test_m68_unsendable_body_is_not_quoted(self):
        """A form that somebody forgot to encode is refused without its text. M68."""
        request = token_request("http://127.0.0.1:1/t", body=f"{FORM}\u20ac")
        with pytest.raises(ConfigurationError, match="not encoded") as caught:
            exchange(request, library=self.library, http=self.http(), timeout=FOREVER)
        assert_no_secret(told_by(caught.value))

    @pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
    def test_m69_works_in_a_forked_child(self, serve):
        """A forked child makes exchanges of its own. M69."""
        server = serve(answering())
        self.post(server.url)
        child = os.fork()
        if child == 0:
            try:
                os._exit(0 if self.post(server.url).status == 200 else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert len(server.seen) == 2
