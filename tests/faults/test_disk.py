"""A whole login on a failing disk: each of its system calls fails in turn.

What fails before the refresh token is sent keeps it from being sent. What fails after
it costs nobody the token. Who needs no person to get a token goes on without the disk.
"""

import collections
import errno
import itertools
import os
import threading
import time

import pytest

from oauth_auth import (
    ClientCredentials,
    FileStore,
    OAuthAuth,
    RefreshToken,
    endpoint,
    errors,
    sources,
    turn,
)
from tests.fake_server import ISSUER, FakeServer
from tests.stores.children import in_child
from tests.stores.syscalls import NAMES, OTHERS, Syscalls

#: What each failure's error tells the user to do.
REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "the quota is used up",
    errno.EIO: "check the disk",
    errno.EROFS: "the filesystem is read-only",
    errno.EFBIG: "ulimit -f",
    errno.EMFILE: "ulimit -n",
    errno.ENFILE: "close some programs",
    errno.ENOLCK: "use a local directory",
}
FULL = (errno.ENOSPC, errno.EDQUOT)
#: How each call can fail; those that only look fail with EIO.
FAILURES = {
    "create": (*FULL, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EIO),
    "open": (errno.EIO, errno.EMFILE, errno.ENFILE),
    "mkdir": (*FULL, errno.EROFS, errno.EIO),
    "write": (*FULL, errno.EFBIG, errno.EIO),
    "posix_fallocate": (*FULL, errno.EFBIG, errno.EIO),
    "ftruncate": (*FULL, errno.EIO),
    "fsync": (*FULL, errno.EIO),
    "close": (*FULL, errno.EIO),
    "replace": (*FULL, errno.EROFS, errno.EIO),
    "unlink": (errno.EROFS, errno.EIO),
    "flock": (errno.ENOLCK, errno.EIO),
    "unlock": (errno.ENOLCK, errno.EIO),
    "scandir": (errno.EIO, errno.EMFILE, errno.ENFILE),
}


def failures_of(name, args):
    """Return how a call can fail."""
    if name == "open" and args[0] & (os.O_CREAT | os.O_RDWR):
        name = "create"
    return FAILURES.get(name, (errno.EIO,))


class VirtualTime:
    """The module `time` for saving again, which need not really wait in between."""

    time = staticmethod(time.time)

    def __init__(self):
        self._slept = 0.0

    def monotonic(self):
        return time.monotonic() + self._slept

    def sleep(self, seconds):
        self._slept += seconds


@pytest.fixture
def calls(monkeypatch, tmp_path):
    monkeypatch.setattr(turn, "time", VirtualTime())
    monkeypatch.setattr(turn, "_SAVE_PAUSE", 4.0)
    return Syscalls(monkeypatch, tmp_path, NAMES + OTHERS)


def settle():
    """Wait for what goes on behind the callers' backs."""
    for thread in threading.enumerate():
        if thread.name == "oauth_auth renewal":
            thread.join()


def forget_everything():
    """Be like a process that has just started."""
    sources._sources.clear()
    sources._identifiers.clear()
    endpoint._found.clear()


class Person:
    """A login that only a person can repeat, at the strictest server there is."""

    def __init__(self, path):
        self.path = path
        self.server = FakeServer()
        self.seed = self.server.seed()
        self.auth = self.worker()

    def grant(self):
        return RefreshToken(ISSUER, client_id="app", refresh_token=self.seed)

    def worker(self):
        """Return what a process that starts now builds."""
        return OAuthAuth(
            self.grant(), store=FileStore(self.path), http=self.server.http
        )

    def record(self):
        return FileStore(self.path).read(self.auth._resolved().record_id)


class Machine(Person):
    """A client that gets a token whenever it asks."""

    def grant(self):
        return ClientCredentials(ISSUER, client_id="machine", client_secret="s3cr3t")


def first_use(login):
    return login.auth.token()


def renewal(login):
    return login.auth.renew()


def cases(calls, tmp_path, kind, act, *, lasting, thorough=False):
    """Have each system call of a login fail in turn.

    The calls are those of a run in which all goes well, so that a new one is among
    them by itself. Of those that are alike one fails, and in one way, or if `thorough`
    each of them in every way.

    Yields:
        The login, how many token requests it had made, the failing call, the failure,
        and what came of it: a token or an error.
    """
    numbers = itertools.count()

    def ready():
        forget_everything()
        login = kind(tmp_path / str(next(numbers)))
        if act is not first_use:
            first_use(login)
            settle()
        return login, login.server.token_requests

    login, before = ready()
    steps, files = {}, {}

    def note(name, path, args):
        file = files.setdefault(path, len(files))
        key = (name, file, login.server.token_requests)
        steps.setdefault(
            len(calls.calls) if thorough else key, (len(calls.calls), name, args)
        )

    calls.start()
    calls.before = note
    act(login)
    settle()
    calls.before = None
    assert len(steps) > 25, "hardly a call was made"
    ways = itertools.count()
    for number, name, args in steps.values():
        failures = failures_of(name, args)
        if not thorough:
            failures = [failures[next(ways) % len(failures)]]
        for failure in failures:
            calls.start()
            login, before = ready()

            def fails_too(name, args, failure=failure):
                # Freeing a lock fails once: it would be left to chance when the
                # next try, that of the garbage collector, is made.
                return name != "unlock" and failure in failures_of(name, args)

            calls.start(number, failure, fails_too if lasting else None)
            try:
                outcome = act(login)
            except errors.OAuthAuthError as error:
                outcome = error
            settle()
            failed = calls.calls[number]
            calls.start()
            assert failed[0] == name
            yield login, before, failed, failure, outcome


def check_error(error, login, failure):
    """It says where, what happened and what to do."""
    assert isinstance(error, errors.StoreNotWritable)
    assert str(login.path) in str(error)
    assert os.strerror(failure) in str(error)
    assert REMEDIES[failure] in str(error)


def check_recovered(login, served):
    """The disk works again: nothing is lost, all is saved, others go on from it.

    Args:
        login: Whose disk it was.
        served: The token that came of the failure, if any.
    """
    auth, server = login.auth, login.server
    auth._resolved().quiet_until = 0.0  # the pause after a failure is over
    token = auth.token()
    settle()
    if served is not None:
        assert auth.token() == served == token
    assert login.record().token == auth.token()
    forget_everything()
    other = login.worker()
    assert other.token() == auth.token()
    requests = server.token_requests
    assert other.renew() != token
    settle()
    assert server.token_requests == requests + 1
    assert server.families_revoked == 0
    leftovers = {path.name for path in login.path.rglob("*") if path.is_file()}
    assert not [n for n in leftovers if n.endswith((".next", ".new", ".mark"))]


def long(*values):
    return pytest.param(*values, marks=pytest.mark.long)


#: What is done, whether all later calls fail too, and whether in every way.
RUNS = [
    (first_use, False, False),
    (renewal, False, False),
    (renewal, True, False),
    long(first_use, True, False),
    *(long(act, lasting, True) for act in (first_use, renewal) for lasting in (0, 1)),
]


@pytest.mark.parametrize(("act", "lasting", "thorough"), RUNS)
class TestEveryStep:
    def test_a_login_outlives_it(self, calls, tmp_path, act, lasting, thorough):
        """What fails before the token request prevents it; later the token is served.

        It is saved when the disk works again, and no refresh token is sent twice. M14,
        M83, M88.
        """
        refused = served = 0
        for login, before, call, failure, outcome in cases(
            calls, tmp_path, Person, act, lasting=lasting, thorough=thorough
        ):
            asked = login.server.token_requests - before
            if isinstance(outcome, Exception):
                assert asked == 0, call
                check_error(outcome, login, failure)
                check_recovered(login, None)
                refused += 1
            else:
                assert asked == 1, call
                check_recovered(login, outcome)
                served += 1
        assert refused > 10
        assert served > 10

    def test_a_machine_does_without_the_disk(
        self, calls, tmp_path, act, lasting, thorough, caplog
    ):
        """It gets its token as if nothing was, and says once that it has it in memory.

        Whatever step fails, reading included, a machine needs no store.
        """
        served = in_memory = 0
        for login, before, call, _failure, outcome in cases(
            calls, tmp_path, Machine, act, lasting=lasting, thorough=thorough
        ):
            said = [record.getMessage() for record in caplog.records]
            said = [text for text in said if "in memory only" in text]
            caplog.clear()
            assert len(said) <= 1, call
            served += 1
            in_memory += bool(said)
            assert login.server.token_requests == before + 1, call
            assert login.auth.token() == outcome
            assert login.auth.renew() != outcome
            settle()
            forget_everything()
            login.worker().token()
        assert served > 25
        assert in_memory > 10


def test_every_call_is_among_those_that_fail(tmp_path):
    """Whatever touches the files goes through the functions that these tests fail.

    Python itself reports each file that is opened, renamed, removed, locked or listed.
    """
    names = {
        "open": "open",
        "os.rename": "replace",
        "os.remove": "unlink",
        "os.mkdir": "mkdir",
        "os.scandir": "scandir",
    }

    def work():
        import sys

        reported = collections.Counter()
        root = f"{tmp_path}/"

        def hear(event, args):
            if (
                args
                and isinstance(args[0], str)
                and args[0].startswith(root)
                and not args[0].endswith(".bell")
            ):
                reported[names.get(event, event)] += 1

        with pytest.MonkeyPatch.context() as patch:
            calls = Syscalls(patch, tmp_path, NAMES + OTHERS)
            login = Person(tmp_path / "login")
            sys.addaudithook(hear)
            first_use(login)
            settle()
            renewal(login)
            settle()
        made = collections.Counter(name for name, _ in calls.calls)
        expected = {name: made[name] for name in names.values()}
        return reported == expected and sum(reported.values()) > 50

    assert in_child(work) == "True"
