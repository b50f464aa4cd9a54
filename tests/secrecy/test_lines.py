"""What the package would tell if any of its lines raised, and what it does then."""

import random
import threading
import time

import httpx
import pytest
import requests

from oauth_auth import (
    FileStore,
    JWTBearer,
    OAuthAuth,
    Password,
    PrivateKeyJWT,
    RefreshToken,
    TokenExchange,
    errors,
)
from oauth_auth.testing import TestingServer
from tests.client_keys import EC, pem, public
from tests.flights import let_flights_end
from tests.http_clients.failures import closed_port
from tests.secrecy.lines import WRAPPING, LineFailedError, Lines
from tests.secrecy.told import told_by_error
from tests.secrecy.watch import watch

GETS = {"requests": requests.get, "httpx": httpx.get}
LIBRARIES = sorted(GETS)
#: Longer than anything takes; waiting so long means that the test fails.
FOREVER = 20.0
#: Lines of each library's first request at which the default run raises.
SAMPLE = 12


@pytest.fixture(scope="module")
def server():
    """A server from which a login survives what is lost in the middle of a renewal."""
    with TestingServer(rotation="grace", grace=3600.0) as running:
        yield running


@pytest.fixture(autouse=True)
def _as_new(server):
    server.reset()


def login(server, path, *, expired=True, **settings):
    """Return an object for a new login in a store of its own."""
    tokens = server.issue()
    grant = RefreshToken(
        settings.pop("issuer", server.issuer),
        client_id=server.client_id,
        client_secret=server.client_secret,
        token={**tokens, "expires_at": time.time() + (-1 if expired else 3600)},
    )
    return OAuthAuth(grant, store=FileStore(path), timeout=5.0, **settings)


@pytest.mark.parametrize("library", LIBRARIES)
class TestListening:
    """No line's frame holds a secret that a tool would print. M66, law 10."""

    @pytest.fixture
    def lines(self):
        """Have the watch hear what every line tells."""
        watch.findings()
        with Lines(listen=True) as lines:
            yield lines
            let_flights_end()
        assert watch.findings() == []

    def seen(self, lines, *modules):
        """Assert that lines of all these modules were listened to."""
        files = {file for file, _, _ in lines.seen}
        for module in modules:
            assert any(file.endswith(f"/oauth_auth/{module}") for file in files), module

    def test_a_renewal_that_succeeds(self, lines, server, tmp_path, library):
        """From the first request to the saved answer. M66."""
        auth = login(server, tmp_path)
        assert GETS[library](server.api_url, auth=auth).status_code == 200
        self.seen(
            lines,
            "flight.py",
            "renewal.py",
            "turn.py",
            "endpoint.py",
            "answer.py",
            "transport/bounded.py",
            "transport/body.py",
            "stores/base.py",
            "stores/sealing.py",
            "stores/disk.py",
            "stores/key_file.py",
        )
        assert len(lines.seen) > 1000

    def test_a_401_that_is_answered(self, lines, server, tmp_path, library):
        """From the 401 through renewal to the second request. M66."""
        auth = login(server, tmp_path, expired=False)
        assert GETS[library](server.api_url, auth=auth).status_code == 200
        server.revoke_access_tokens()
        assert GETS[library](server.api_url, auth=auth).status_code == 200
        name = "requests.py" if library == "requests" else "flow.py"
        self.seen(lines, f"http_clients/{name}", "challenge.py", "turn.py")

    def test_a_login_that_has_ended(self, lines, server, tmp_path, library):
        """From the server's no to the error. M66."""
        auth = login(server, tmp_path)
        server.revoke_family(auth._grant.seed.refresh_token)
        with pytest.raises(errors.LoginRequired):
            GETS[library](server.api_url, auth=auth)
        self.seen(lines, "refusal.py", "quoting.py", "errors.py")

    def test_a_server_that_is_not_there(self, lines, server, tmp_path, library):
        """From the refused connection to the error. M66."""
        issuer = f"http://127.0.0.1:{closed_port()}"
        auth = login(server, tmp_path, issuer=issuer)
        with pytest.raises(errors.EndpointUnreachable):
            GETS[library](server.api_url, auth=auth)
        self.seen(lines, "transport/failures.py", "http_clients/unreachable.py")

    def test_an_answer_that_is_no_token(self, lines, server, tmp_path, library):
        """A page that repeats the refresh token is quoted without it. M66."""
        auth = login(server, tmp_path)
        spent = auth._grant.seed.refresh_token
        server.token_faults.answer(500, f"<p>no {spent}".encode(), times=2)
        with pytest.raises(errors.ServerError):
            GETS[library](server.api_url, auth=auth)
        self.seen(lines, "quoting.py")

    def test_a_logout(self, lines, server, tmp_path, library):
        """From the revocation to the tombstone. M66."""
        auth = login(server, tmp_path, expired=False)
        assert GETS[library](server.api_url, auth=auth).status_code == 200
        auth.logout()
        with pytest.raises(errors.LoginRequired):
            GETS[library](server.api_url, auth=auth)
        self.seen(lines, "token_auth.py", "endpoint.py")


def test_listening_to_a_machine(tmp_path):
    """No line that reads a key, signs, or presents a token shows it."""
    keys = {"keys": [public(EC)]}
    word = "Zk3fT9aQw7LpXn2Vb8Ry"
    file = tmp_path / "key.pem"
    file.write_text(pem(EC))
    watch.findings()
    with TestingServer(
        client_jwks=keys, assertion_jwks=keys, passwords={"al": word}
    ) as server:
        with Lines(listen=True) as lines:
            store = FileStore(tmp_path / "store")
            bearer = OAuthAuth(
                JWTBearer(
                    server.issuer,
                    key=pem(EC),
                    issuer="svc",
                    client_id=server.client_id,
                    client_auth=PrivateKeyJWT(file),
                ),
                store=store,
            )
            exchange = OAuthAuth(
                TokenExchange(server.issuer, subject_token=bearer), store=store
            )
            password = OAuthAuth(
                Password(server.issuer, username="al", password=word), store=store
            )
            for auth in (exchange, password):
                assert httpx.get(server.api_url, auth=auth).status_code == 200
            file.write_text(pem(EC).replace("MIG", "MIH"))
            with pytest.raises(
                errors.ConfigurationError, match="cannot be read as a P"
            ):
                bearer.renew()
            let_flights_end()
    files = {name for name, _, _ in lines.seen}
    for module in (
        "signing.py",
        "presented.py",
        "client_auth/assertions.py",
        "grants/jwt_bearer.py",
        "grants/token_exchange.py",
        "grants/password.py",
    ):
        assert any(name.endswith(f"/oauth_auth/{module}") for name in files), module
    assert watch.findings() == []


def raising(server, path, library, number, kind=LineFailedError):
    """Send a login's first request, and raise before one of the package's lines.

    Returns:
        The login's object, the lines, and what came out: an exception, or None.
    """
    auth = login(server, path)
    lines = Lines(raise_at=number, kind=kind)
    came = []

    def send():
        with lines:
            try:
                GETS[library](server.api_url, auth=auth)
            except BaseException as error:
                came.append(error)

    # On a thread, so that a request which never ends fails this test alone.
    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    thread.join(FOREVER)
    assert not thread.is_alive(), f"no end after an exception at {lines.raised_at}"
    let_flights_end()
    return auth, lines, came[0] if came else None


def goes_on(server, auth, library):
    """Send the next request, without the pause that a failure may have left behind."""
    source = auth._resolved()
    with source.store.lock(source.record_id, timeout=FOREVER) as transaction:
        transaction.mark(None)
    source.mark = None
    return GETS[library](server.api_url, auth=auth).status_code == 200


def check(server, path, library, number):
    """Raise at one line; whatever is told holds no secret, and the login goes on."""
    kind = LineFailedError if number % 2 else KeyboardInterrupt
    auth, lines, error = raising(server, path, library, number, kind)
    assert lines.raised_at is not None
    if error is not None:
        for text, where in told_by_error(error, WRAPPING):
            watch.hear(text, where)
    assert watch.findings() == [], lines.raised_at
    try:
        assert goes_on(server, auth, library)
    except Exception as failure:
        failure.add_note(f"after an exception at {lines.raised_at}, number {number}")
        raise


# A socket that an exception parts from its owner is closed by nobody but the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("library", LIBRARIES)
class TestRaising:
    """An exception at any line tells no secret and blocks nothing that comes after."""

    @pytest.fixture
    def count(self, server, tmp_path, library):
        """The number of lines of a login's first request."""
        # The first one of a process imports modules, and so has more of them.
        raising(server, tmp_path / "first", library, None)
        _, lines, error = raising(server, tmp_path / "second", library, None)
        assert error is None
        assert lines.count > 3000
        return lines.count

    def test_at_some_lines(self, server, tmp_path, library, count):
        """The next request succeeds, for lines from all parts of the way. M66."""
        chosen = random.Random(library).sample(range(count // 100 * 90), SAMPLE)
        for number in chosen:
            check(server, tmp_path / str(number), library, number + 1)

    @pytest.mark.long
    def test_at_every_line(self, server, tmp_path, library, count):
        """The next request succeeds, whichever line it was. M66."""
        for number in range(count // 100 * 98):
            check(server, tmp_path / str(number), library, number + 1)
