"""Forked and spawned workers: before, during and after the use of an auth object."""

import contextlib
import threading
import time

import filelock  # noqa: F401  # its fork hooks must not be new amid a fork
import pytest

from oauth_auth.testing import TestingServer
from tests.processes.children import CHILDREN, FORKS, STARTS, send
from tests.processes.programs import LIMIT
from tests.processes.relay import Relay
from tests.processes.through import login_through, machine_through

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")


@pytest.fixture(scope="module")
def _server():
    with TestingServer() as server:
        yield server


@pytest.fixture
def server(_server):
    """The strictest server: rotation, family revocation, no grace."""
    _server.reset()
    return _server


@pytest.fixture
def relay(server):
    """The token endpoint that all logins here use."""
    relay = Relay(server)
    yield relay
    relay.close()


class Sending(threading.Thread):
    """Sends the parent's own request meanwhile."""

    def __init__(self, *work):
        super().__init__(daemon=True)  # one that hangs fails its test, and no more
        self._work = work
        self.status = None
        self.start()

    def run(self):
        self.status = send(*self._work)

    def result(self):
        self.join(LIMIT)
        return self.status


def wait_until(condition):
    """Wait for something that another thread or process brings about."""
    give_up = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.002)


@contextlib.contextmanager
def let_go_when(relay, condition):
    """Hold the relay up until something has come about, and let it go then."""
    relay.hold_up()

    def wait():
        wait_until(condition)
        relay.there.set()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        relay.there.set()
        thread.join(LIMIT)


class Family:
    """A parent that has an auth object, and starts children that use it too."""

    def __init__(self, server, relay, path, build, start):
        self._server, self._start = server, start
        self._begun = path / "begun"
        self._begun.mkdir()
        seed = server.issue()["refresh_token"]
        self.auth = build(relay.url, server, path / "store", seed)
        self._work = self.auth, server.api_url, self._begun

    def use(self):
        """Have a token in memory, and all that its renewal leaves behind."""
        assert send(*self._work) == 200

    def end_token(self):
        """Let the API refuse the token."""
        self._server.revoke_access_tokens()
        self._server.reset_counts()

    def begin(self):
        """Send the parent's own request on a thread."""
        return Sending(*self._work)

    def send(self):
        """Send a request from the parent and from each child; return what came."""
        mine = self.begin()
        theirs = self._start(*self._work)
        return [*map(str, theirs), str(mine.result())]

    def at_work(self):
        """Whether the parent and all children have begun."""
        return len(list(self._begun.iterdir())) == CHILDREN + 1

    def check(self, statuses):
        """All went well, and the token was asked for once."""
        assert statuses == ["200"] * (CHILDREN + 1)
        counts = self._server.counts()
        assert counts.token_requests == 1
        assert counts.reuse_detected == counts.families_revoked == 0


_FORKED = [(how, build) for how in FORKS for build in (login_through, machine_through)]


@pytest.mark.parametrize(("how", "build"), _FORKED)
def test_an_object_that_was_only_built(server, relay, tmp_path, how, build):
    """Parent and children that need the first token ask for it once. M69, M75."""
    family = Family(server, relay, tmp_path, build, STARTS[how])
    family.check(family.send())


@pytest.mark.parametrize(("how", "build"), [*_FORKED, ("forkserver", machine_through)])
def test_an_object_that_was_used(server, relay, tmp_path, how, build):
    """Children with the parent's token in memory replace it once among all. M69."""
    family = Family(server, relay, tmp_path, build, STARTS[how])
    family.use()
    family.end_token()
    with let_go_when(relay, family.at_work):
        statuses = family.send()
    family.check(statuses)


@pytest.mark.parametrize(
    ("how", "build"),
    [*_FORKED, ("spawn", login_through)],
)
def test_an_object_amid_a_renewal(server, relay, tmp_path, how, build):
    """Children start while the token request is under way: all wait for it. M69."""
    family = Family(server, relay, tmp_path, build, STARTS[how])
    family.use()
    family.end_token()
    with let_go_when(relay, family.at_work):
        renewing = family.begin()
        assert relay.held.wait(LIMIT)
        statuses = family.send()
    family.check(statuses)
    assert renewing.result() == 200
