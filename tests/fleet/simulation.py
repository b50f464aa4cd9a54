"""Any number of workers that share one login, in one thread under a made-up time.

Their renewals are the real code. What is made up is what is around it: the clock, the
authorization server, and the server that keeps the records, each a network away. A
worker that waits (for a lock, an answer, a moment) is a greenlet that another one
replaces meanwhile.
"""

import contextlib
import heapq
import itertools
import json
import logging
import random
import threading
import time
from collections import Counter
from types import SimpleNamespace
from typing import NamedTuple
from unittest import mock

import greenlet

from oauth_auth import RefreshToken, Token, flight
from oauth_auth.identity import Identifier
from oauth_auth.message import Response
from oauth_auth.renewal import Terms, TokenSource
from oauth_auth.secret import Secret
from oauth_auth.stores.base import Record
from oauth_auth.stores.keys import new_key
from oauth_auth.stores.shared import SharedStore
from oauth_auth.stores.shared_rows import Row, Version

BASE = 1_700_000_000.0
RECORD = "r"


class Setting(NamedTuple):
    """What is simulated; all times are in seconds."""

    workers: int
    #: Whether they all start within a second and find an expired token; else they
    #: go through one life of a token that they have.
    start: bool = False
    life: float = 3600.0
    #: Between two requests of one worker, on average.
    interval: float = 300.0
    token_request: float = 0.2
    store: float = 0.001


class Figures(NamedTuple):
    """What came of it."""

    token_requests: int
    #: Questions to the store: reads of the record, tries to hold it, and all others.
    reads: int
    tries: int
    others: int
    #: Of any kind, in the second with the most.
    peak: int
    #: Requests to the API, and how long the slowest of them waited for its token.
    requests: int
    longest_wait: float
    failures: int


class Hub:
    """The clock, and who goes on when."""

    def __init__(self):
        self.now = 0.0
        self._later = []
        self._numbers = itertools.count()
        self._hub = None

    def at(self, moment, work):
        """Have a function called, or a greenlet go on, at a moment."""
        heapq.heappush(self._later, (moment, next(self._numbers), work))

    def sleep(self, seconds):
        """Let others go on for so long."""
        self.at(self.now + seconds, greenlet.getcurrent())
        self._hub.switch()

    def wait(self):
        """Let others go on until somebody has this one scheduled."""
        self._hub.switch()

    def run(self):
        """Go on until nobody has anything left to do."""
        self._hub = greenlet.getcurrent()
        while self._later:
            self.now, _, work = heapq.heappop(self._later)
            if isinstance(work, greenlet.greenlet):
                work.switch()
            else:
                work()

    def spawn(self, work):
        """Start a greenlet."""
        self.at(self.now, greenlet.greenlet(work, parent=self._hub))


class Event:
    """A `threading.Event` among greenlets."""

    def __init__(self, hub):
        self._hub = hub
        self._set = False
        self._waiting = []

    def set(self):
        """Let all go on that wait."""
        self._set = True
        for each in self._waiting:
            self._hub.at(self._hub.now, each)

    def wait(self, timeout=None):
        """Wait for it, however long that takes."""
        if not self._set:
            self._waiting.append(greenlet.getcurrent())
            self._hub.wait()
        return True


class Server:
    """The server that keeps the one record: `Rows`, and what was asked."""

    name = "made-up"

    def __init__(self, hub, delay):
        self._hub = hub
        self._delay = delay
        self.row = None
        self.owner = None
        self.asked = Counter()
        self.by_second = Counter()

    def ask(self, what):
        """Take the time that a question takes, and count it."""
        self._hub.sleep(self._delay / 2)
        self.asked[what] += 1
        self.by_second[int(self._hub.now)] += 1
        self._hub.sleep(self._delay / 2)

    def read(self, record_id):
        self.ask("read")
        return self.row

    def lease(self, record_id):
        return Lease(self)

    def read_claim(self, fingerprint):
        self.ask("other")

    def write_claim(self, fingerprint, sealed):
        self.ask("other")

    def drop_claim(self, fingerprint):
        self.ask("other")


class Lease:
    """One worker's `Lease`."""

    def __init__(self, server):
        self._server = server

    def take(self):
        self._server.ask("try")
        if self._server.owner in (None, self):
            self._server.owner = self
            return True
        return False

    def free(self):
        self._server.ask("other")
        if self._server.owner is self:
            self._server.owner = None

    def reserve(self, journal, seconds, expected):
        self._server.ask("other")
        return self._server.row.version == expected

    def still_held(self, expected):
        self._server.ask("other")
        return True

    def save(self, row, expected, writing, *, aside):
        self._server.ask("other")
        self._server.row = row
        return True

    def mark(self, mark, *, ends_journal):
        self._server.ask("other")
        self._server.row = self._server.row._replace(mark=mark)
        return True


class Network:
    """The way to the authorization server: `Reach`."""

    library = http = None
    timeout = 10.0

    def __init__(self, hub, delay, life):
        self._hub = hub
        self._delay = delay
        self._life = life
        self.requests = 0

    def exchange(self, request):
        self.requests += 1
        number = self.requests
        self._hub.sleep(self._delay)
        answer = {
            "access_token": f"access-{number}",
            "token_type": "Bearer",
            "expires_in": self._life,
            "refresh_token": f"refresh-{number}",
        }
        return Response(200, {}, json.dumps(answer).encode())


class Simulation:
    """One run of one setting."""

    def __init__(self, setting, seed=1):
        self._setting = setting
        self._chance = random.Random(seed)
        self._hub = Hub()
        self._server = Server(self._hub, setting.store)
        self._network = Network(self._hub, setting.token_request, setting.life)
        self._requests = self._failures = 0
        self._longest = 0.0
        grant = RefreshToken(
            token_endpoint="https://auth.test/token",
            client_id="app",
            refresh_token="refresh-0",
        )
        self._terms = Terms(
            grant=grant,
            reach=self._network,
            identifier=Identifier(Secret("A" * 43 + "="), kept=True),
            leeway=30.0,
            background=True,
            account=None,
            configuration="c",
        )

    def run(self):
        """Run it; return its figures."""
        with self._made_up():
            self._start()
            self._hub.run()
        asked = self._server.asked
        return Figures(
            self._network.requests,
            asked["read"],
            asked["try"],
            asked["other"],
            max(self._server.by_second.values(), default=0),
            self._requests,
            self._longest,
            self._failures,
        )

    def _start(self):
        setting = self._setting
        token = Token(
            "access-0",
            refresh_token="refresh-0",
            obtained_at=BASE - (setting.life + 1 if setting.start else 0),
            expires_at=BASE - (1 if setting.start else -setting.life),
        )
        record = Record(lineage="l", generation=1, token=token)
        sealer = None
        key = new_key()
        for _ in range(setting.workers):
            store = SharedStore(self._server, object(), key)
            # One for all, as they have one key: this is one process.
            sealer = store._sealer = sealer or store._sealer
            source = TokenSource(store, RECORD)
            if not setting.start:
                source._adopt(record)
            self._later(source, 1.0 if setting.start else setting.interval)
        self._server.row = Row(Version("l", 1), store._opener(RECORD).sealed(record))

    def _later(self, source, within):
        moment = self._hub.now + self._chance.uniform(0.0, 2.0 * within)
        if self._setting.start:
            moment = self._chance.uniform(0.0, within)
        if moment < self._setting.life:
            self._hub.at(moment, lambda: self._request(source))

    def _request(self, source):
        self._requests += 1
        if source.in_memory(self._terms) is None:
            self._hub.spawn(lambda: self._obtain(source))
        if not self._setting.start:
            self._later(source, self._setting.interval)

    def _obtain(self, source):
        began = self._hub.now
        try:
            source.obtain(self._terms)
        except Exception:
            self._failures += 1
            raise
        self._longest = max(self._longest, self._hub.now - began)

    @contextlib.contextmanager
    def _made_up(self):
        hub = self._hub

        def wall():
            return BASE + hub.now

        def monotonic():
            return hub.now

        logger = logging.getLogger("oauth_auth")
        level, logger.level = logger.level, logging.CRITICAL
        waiting = SimpleNamespace(
            Event=lambda: Event(hub),
            Lock=threading.Lock,
            main_thread=threading.main_thread,
        )
        try:
            with (
                mock.patch.object(time, "time", wall),
                mock.patch.object(time, "monotonic", monotonic),
                mock.patch.object(time, "sleep", hub.sleep),
                mock.patch.object(flight, "threading", waiting),
                mock.patch.object(flight, "_start", hub.spawn),
            ):
                yield
        finally:
            logger.level = level
