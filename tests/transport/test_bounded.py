"""Which library is used, what a factory may do, and how processes end."""

import os
import subprocess
import sys
import textwrap
import threading

import httpx
import httpx2  # noqa: F401  # loaded, so that tests may take it away
import pytest
import requests

from oauth_auth import forking
from oauth_auth.errors import ConfigurationError
from oauth_auth.message import Request
from oauth_auth.transport import HttpOptions, body, exchange
from oauth_auth.transport.libraries import library_of, load
from tests.transport.asking import SECRETS, post, refused, refused_amid, without_threads
from tests.transport.servers import FOREVER, answering, silent

HTTP_CLIENTS = {"requests", "httpx", "httpx2"}


def run(program, *arguments):
    """Run a program in a new interpreter and return what it printed."""
    prelude = """
        import sys
        from oauth_auth.message import Request
        from oauth_auth.transport import exchange

        def ask(library, url=sys.argv[1], timeout=15.0):
            return exchange(
                Request("GET", url, {}), library=library, http=None, timeout=timeout
            )
    """
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-c",
            textwrap.dedent(prelude) + textwrap.dedent(program),
            *map(str, arguments),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize("library", sorted(HTTP_CLIENTS))
def test_only_the_named_library_is_imported(serve, library):
    """An exchange imports one HTTP client, and the package imports none."""
    program = """
        before = sorted(sys.modules)
        ask(sys.argv[2])
        print(*before, "then", *sorted(sys.modules))
    """
    printed = run(program, serve(answering()).url, library)
    before, after = printed[: printed.index("then")], printed[printed.index("then") :]
    assert not HTTP_CLIENTS & set(before)
    assert not {"dataclasses", "inspect", "asyncio", "oauthlib"} & set(before)
    assert HTTP_CLIENTS & set(after) == {library}
    assert "oauthlib" not in after


@pytest.mark.parametrize(
    ("loaded", "used"),
    [
        ([], "requests"),
        (["httpx2"], "httpx2"),
        (["httpx2", "httpx"], "httpx"),
        (["httpx", "requests"], "requests"),
    ],
)
def test_a_loaded_library_is_used(monkeypatch, loaded, used):
    """Without a wish the first library that is loaded is used, else requests."""
    modules = {name: m for name, m in sys.modules.items() if name not in HTTP_CLIENTS}
    modules.update({name: sys.modules[name] for name in loaded})
    monkeypatch.setattr(sys, "modules", modules)
    name = load(None).__name__
    monkeypatch.undo()
    assert name == f"oauth_auth.transport.{used}"


def test_unknown_library_is_refused():
    """A name that is none of the three is a mistake of the caller."""
    with pytest.raises(ConfigurationError, match="'aiohttp'"):
        post("http://127.0.0.1:1/t", "aiohttp")


def test_subclasses_are_recognised():
    """A subclass of a session or client is used as what it inherits."""
    assert library_of(type("Mine", (requests.Session,), {})()) == "requests"
    with type("Mine", (httpx.Client,), {})() as client:
        assert library_of(client) == "httpx"


@pytest.mark.parametrize(
    ("http", "words"),
    [
        (lambda: None, "returned builtins.NoneType"),
        (HttpOptions, "must return a new requests.Session"),
        ("http://proxy.example", "http=str cannot be used"),
        (requests.Session(), "http=Session cannot be used"),
    ],
)
def test_what_is_no_factory_is_refused(http, words):
    """What http= may be is said where it is something else."""
    with pytest.raises(ConfigurationError, match=words):
        post("http://127.0.0.1:1/t", None, http)


def test_raising_factory_is_certain():
    """A factory that raises has sent nothing; its text may quote anything."""

    def factory():
        raise KeyError(*SECRETS)

    error = refused("http://127.0.0.1:1/t", None, factory)
    assert error.outcome_unknown is False
    assert "the http= factory raised: KeyError" in str(error)


def test_configuration_error_of_a_factory_goes_through():
    """A factory may complain about the configuration in our words."""

    def factory():
        try:
            {}[SECRETS]
        except KeyError:
            raise ConfigurationError("no CA for this tenant")  # noqa: B904  # context

    with pytest.raises(ConfigurationError, match="no CA for this tenant") as caught:
        post("http://127.0.0.1:1/t", None, factory)
    assert caught.value.__context__ is None


def test_hanging_factory_is_certain():
    """A factory that hangs is left behind, and nothing was sent."""
    proceed = threading.Event()

    def factory():
        proceed.wait(FOREVER)
        return requests.Session()

    try:
        error = refused("http://127.0.0.1:1/t", None, factory, timeout=0.1)
    finally:
        proceed.set()
    assert error.outcome_unknown is False


@pytest.mark.parametrize("closing", ["raises", "exits", "hangs", "raises inline"])
def test_answer_outlives_its_closing(serve, closing, monkeypatch):
    """An answer is returned, whatever closing the session comes to."""
    proceed = threading.Event()

    class Clinging(requests.Session):
        def close(self):
            super().close()
            if closing.startswith("raises"):
                raise RuntimeError
            if closing == "exits":
                raise SystemExit
            proceed.wait(FOREVER)

    if closing.endswith("inline"):
        without_threads(monkeypatch)

    try:
        assert post(serve(answering()).url, None, Clinging).status == 200
    finally:
        proceed.set()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_m69_a_fork_waits_for_connections_that_are_closing(serve):
    """Who forks after an exchange does not fork amid its cleaning up. M69."""
    closed = []

    class Slow(requests.Session):
        def close(self):
            super().close()
            threading.Event().wait(0.1)
            closed.append(self)

    assert post(serve(answering()).url, None, Slow).status == 200
    child = os.fork()
    if child == 0:
        os._exit(0 if closed else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_m69_a_fork_waits_for_threads_that_are_leaving(monkeypatch):
    """A thread that Python calls ended may still be inside OpenSSL, and is awaited.

    M69.
    """
    proceed = threading.Event()
    leaving = threading.Thread(target=proceed.wait, args=(FOREVER,))
    leaving.start()

    class Ended:
        ident = leaving.ident
        native_id = leaving.native_id
        looks = 0

        def is_alive(self):
            self.looks += 1
            if self.looks == 5:
                proceed.set()
            return False

    ended = Ended()
    with monkeypatch.context() as patch:
        patch.setattr(threading, "current_thread", lambda: ended)
        exchange_of_its = forking._Exchange(lambda: False)
    monkeypatch.setattr(forking._state, "threads", [exchange_of_its])
    forking._before()
    forking._after_in_parent()
    assert ended.looks >= 5
    assert exchange_of_its.gone
    leaving.join(FOREVER)


def test_user_info_in_a_url_is_refused():
    """A password in the endpoint's URL would become a header of its own."""
    request = Request("GET", "http://me:pw@127.0.0.1:1/t", {})
    with pytest.raises(ConfigurationError, match="user name or password"):
        exchange(request, library="requests", http=None, timeout=1.0)


def test_ipv6_address_is_named_in_brackets(monkeypatch):
    """The error names an IPv6 host so that it can be told from its port."""
    error = refused("http://[::1]:1/token", "requests")
    assert "[::1]:1" in str(error)


def test_product_without_metadata(monkeypatch):
    """A program bundled into one file has no metadata, and works nevertheless."""
    import importlib.metadata

    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    body._defaults.cache_clear()
    try:
        headers = body.revealed_headers(Request("GET", "http://a.example", {}))
    finally:
        body._defaults.cache_clear()
    assert headers["User-Agent"] == "oauth_auth"


@pytest.mark.parametrize("library", sorted(HTTP_CLIENTS))
def test_abandoned_exchange_does_not_keep_the_interpreter(serve, library):
    """A program ends although a name lookup of its exchange hangs, and is silent."""
    program = """
        import socket, threading
        from oauth_auth.errors import EndpointUnreachable

        hanging = threading.Event()

        def hang(*_, **__):
            hanging.set()
            threading.Event().wait(300)

        socket.getaddrinfo = hang
        for timeout in (0.1, 1.0, 10.0):  # more where the machine is busy
            try:
                ask(sys.argv[2], "http://auth.invalid/", timeout)
            except EndpointUnreachable:
                if hanging.is_set():
                    break
        print(*(thread.name for thread in threading.enumerate()))
    """
    assert run(program, "", library) == ["MainThread", "oauth_auth", "exchange"]


def test_exchange_at_interpreter_exit(serve):
    """An exchange works from an atexit function, where new threads may be refused."""
    program = """
        import atexit

        atexit.register(lambda: print(ask("requests").status))
    """
    assert run(program, serve(answering()).url) == ["200"]


def test_abandoned_exchange_is_silent_when_its_server_wakes(serve, capfd):
    """A failure that comes after the deadline interests nobody."""
    server = serve(silent)
    refused_amid(
        server.met.is_set,
        lambda timeout: refused(server.url, "requests", timeout=timeout),
    )
    assert server.left.wait(FOREVER)
    for thread in threading.enumerate():
        if thread.name == "oauth_auth exchange":
            thread.join(FOREVER)
    assert capfd.readouterr() == ("", "")
