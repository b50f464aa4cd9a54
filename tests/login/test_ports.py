"""Where a login listens on loopback."""

import contextlib
import errno
import socket

import pytest

from oauth_auth import errors
from oauth_auth.login import ports
from oauth_auth.login.ports import listen
from tests.login.stacks import ipv6


@contextlib.contextmanager
def listening(*uris):
    """Listen, and close the sockets in the end."""
    uri, sockets = listen(uris)
    try:
        yield uri, [s.getsockname()[:2] for s in sockets]
    finally:
        for each in sockets:
            each.close()


@contextlib.contextmanager
def taken(port=0, family=socket.AF_INET, address="127.0.0.1"):
    """A port that another program listens at."""
    with socket.socket(family) as other:
        other.bind((address, port))
        other.listen()
        yield other.getsockname()[1]


def test_by_default():
    """A path of chance on a free port of 127.0.0.1, another one each time. M98e."""
    with listening() as (one, places), listening() as (two, _):
        assert places == [("127.0.0.1", int(one.split(":")[2].split("/")[0]))]
        assert len(one.rpartition("/")[2]) >= 20
        assert one.rpartition("/")[2] != two.rpartition("/")[2]
        assert places[0][1] != 0


@ipv6
def test_a_machine_without_ipv4(monkeypatch):
    """Where 127.0.0.1 is missing, [::1] is taken (RFC 8252 section 7.3)."""
    honest = ports._listening

    def only_v6(family, address, port):
        if family == socket.AF_INET:
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        return honest(family, address, port)

    monkeypatch.setattr(ports, "_listening", only_v6)
    with listening() as (uri, places):
        assert uri.startswith(f"http://[::1]:{places[0][1]}/")
    with listening("http://localhost/cb") as (uri, places):
        assert places[0][0] == "::1"


@pytest.mark.parametrize(
    ("uri", "host"),
    [
        ("http://127.0.0.1/cb", "127.0.0.1"),
        ("http://127.0.0.2/cb", "127.0.0.2"),
        pytest.param("http://[::1]/cb", "[::1]", marks=ipv6),
        ("http://localhost/cb?x=1", "localhost"),
        ("http://127.0.0.1", "127.0.0.1"),
    ],
)
def test_any_port(uri, host):
    """A URI without a port means any; the rest of it stays as it is registered."""
    with listening(uri) as (found, places):
        rest = uri.removeprefix(f"http://{host}")
        assert found == f"http://{host}:{places[0][1]}{rest}"


@ipv6
def test_localhost_on_both_stacks():
    """The browser chooses which address "localhost" is, so both are listened at."""
    with listening("http://localhost/cb") as (_, places):
        assert [host for host, _ in places] == ["127.0.0.1", "::1"]
        assert places[0][1] == places[1][1]


@ipv6
def test_localhost_half_taken(free_port):
    """Whoever has the other half of "localhost" would get the code.

    So a fixed port that is taken on one stack counts as taken (RFC 8252 section 8.3).
    """
    with taken(free_port, socket.AF_INET6, "::1"):
        with pytest.raises(errors.LoginFailed, match=f"localhost:{free_port}"):
            listen([f"http://localhost:{free_port}/cb"])
        with taken(free_port):
            pass  # the first half was given back


@ipv6
def test_localhost_half_taken_by_chance(monkeypatch):
    """Of free ports another one is tried, until it is free on both stacks."""
    honest, tried = ports._listening, []

    def unlucky(family, address, port):
        if family == socket.AF_INET6:
            tried.append(port)
            if len(tried) < 3:
                raise OSError(errno.EADDRINUSE, "Address already in use")
        return honest(family, address, port)

    monkeypatch.setattr(ports, "_listening", unlucky)
    with listening("http://localhost/cb") as (_, places):
        assert len(places) == 2
    assert len(tried) == 3


def test_localhost_without_ipv6(monkeypatch):
    """A machine without IPv6 has one "localhost" only."""
    honest = ports._listening

    def only_v4(family, address, port):
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported")
        return honest(family, address, port)

    monkeypatch.setattr(ports, "_listening", only_v4)
    with listening("http://localhost/cb") as (_, places):
        assert [host for host, _ in places] == ["127.0.0.1"]


def test_localhost_nowhere(monkeypatch):
    """A machine without any loopback says so."""

    def neither(family, address, port):
        raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")

    monkeypatch.setattr(ports, "_listening", neither)
    with pytest.raises(errors.LoginFailed, match="localhost:any port"):
        listen(["http://localhost/cb"])
    with pytest.raises(errors.LoginFailed, match=r"127\.0\.0\.1:any port.*::1:any"):
        listen()


def test_a_fixed_port(free_port):
    """A server that wants the registered port gets just that."""
    uri = f"http://127.0.0.1:{free_port}/cb"
    with listening(uri) as (found, places):
        assert found == uri
        assert places == [("127.0.0.1", free_port)]


def test_the_first_port_that_is_free(free_port):
    """Of several redirect URIs the first is taken whose port is free. M98e."""
    with taken() as one, taken() as two:
        uris = [f"http://127.0.0.1:{port}/cb" for port in (one, two, free_port)]
        with listening(*uris) as (found, _):
            assert found == uris[2]


def test_taken_ports():
    """Taken ports are named at once, with what to do. M98e."""
    with taken() as one, taken() as two:
        uris = [f"http://127.0.0.1:{port}/cb" for port in (one, two)]
        with pytest.raises(errors.LoginFailed) as caught:
            listen(uris)
    message = str(caught.value)
    assert f"127.0.0.1:{one} (Address already in use)" in message
    assert f"127.0.0.1:{two} (Address already in use)" in message
    assert "redirect_uri" in message


def test_a_fixed_port_again_at_once(free_port):
    """A second login at a fixed port need not wait for the first one's connections."""
    uri = f"http://127.0.0.1:{free_port}/cb"
    for _ in range(2):
        _, (listener,) = listen([uri])
        with socket.create_connection(("127.0.0.1", free_port)) as client:
            connection, _ = listener.accept()
            # Who closes first keeps the port busy for a while: TIME_WAIT.
            connection.close()
            assert client.recv(1) == b""
        listener.close()


def test_nobody_listens_beside_us(free_port):
    """While a login waits, no other program can take its port."""
    with listening(f"http://127.0.0.1:{free_port}/cb"):
        with pytest.raises(OSError, match="in use"):
            with taken(free_port):
                pass
        with pytest.raises(errors.LoginFailed, match=str(free_port)):
            listen([f"http://127.0.0.1:{free_port}/cb"])


@pytest.mark.parametrize(
    "uris",
    [
        ["https://app.example/cb"],
        ["https://127.0.0.1/cb"],
        ["com.example.app:/cb"],
    ],
)
def test_no_redirect_uri_on_loopback(uris):
    """A login on this machine needs a redirect URI that ends here."""
    with pytest.raises(errors.ConfigurationError, match="on loopback"):
        listen(uris)


def test_a_web_applications_uri_beside_ours():
    """One registration may serve a web application and this machine's logins."""
    with listening("https://app.example/cb", "http://127.0.0.1/cb") as (found, _):
        assert found.startswith("http://127.0.0.1:")
