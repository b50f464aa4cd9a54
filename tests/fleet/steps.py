"""Workers on a real server whose steps fail, are cut off, or are their last.

A *step* is one question to the server that keeps the records. Each worker has a store
and a source of its own, as if it were a process on another machine.
"""

import threading

from oauth_auth import errors
from oauth_auth.http_clients.base import RequestAuth
from oauth_auth.renewal import TokenSource


class Died(BaseException):
    """The end of a worker, which does nothing more."""


#: What may happen to a step, and whether the server still did it.
FAULTS = {
    "refused": False,
    "answer lost": True,
    "cut off before": False,
    "cut off after": True,
    "died before": False,
    "died after": True,
    "stood still": False,
}


class Trouble:
    """The way to a server, and what happens on it.

    Args:
        server: A `RedisServer` or `PostgresServer`.
    """

    def __init__(self, server):
        self._server = server
        #: The step that meets a fault, and which one.
        self.number, self.fault = None, None
        self.steps = []
        self.cut = self.dead = False
        #: What happens while this worker stands still.
        self.meanwhile = None
        self._awake = threading.Event()
        self._awake.set()
        self._connections = []

    @property
    def name(self):
        return self._server.name

    @property
    def is_cluster(self):
        return False

    def keys(self, pattern):
        """Find the names of records."""
        return self._server.keys(pattern)

    def run(self, script, *args):
        """Do a step at Redis."""
        return self._step(lambda: self._server.run(script, *args))

    def call(self, *args):
        """Do a step at Redis."""
        return self._step(lambda: self._server.call(*args))

    def ask(self, *args):
        """Do a step at PostgreSQL."""
        return self._step(lambda: self._server.ask(*args))

    def begin(self, *args):
        """Do a step at PostgreSQL, and keep the connection."""

        def work():
            connection, rows = self._server.begin(*args)
            self._connections.append(connection)
            return connection, rows

        return self._step(work)

    def say(self, *args):
        """Do a step on a connection that was kept."""
        return self._step(lambda: self._server.say(*args))

    def give(self, connection):
        """Take a connection back."""
        if connection in self._connections:
            self._connections.remove(connection)
        self._server.give(connection)

    def prepare(self):
        """Make the table."""
        self._server.prepare()

    def _step(self, work):
        beats = threading.current_thread().name == "oauth_auth lease"
        if self.dead and not beats:
            raise Died
        if self.cut or self.dead:
            raise errors.StoreUnreachable("cut off; try again")
        if beats:
            self._awake.wait()
            return work()  # when it comes, chance decides
        number = len(self.steps)
        self.steps.append(None)
        if number != self.number:
            return work()
        if self.fault == "stood still":
            self._awake.clear()
            self.meanwhile()
            self._awake.set()
            return work()
        if FAULTS[self.fault]:
            work()
        # The server notices: it gets an end of the connection, not nothing.
        for connection in self._connections:
            connection.close()
        self.dead = self.fault.startswith("died")
        self.cut = self.fault.startswith("cut")
        if self.dead:
            raise Died
        raise errors.StoreUnreachable("no answer; try again")


class OwnStore:
    """A store that is equal to no other, as if it were in a process of its own."""

    def __init__(self, store):
        self.trouble = store._rows._server = Trouble(store._rows._server)
        self.pauses = store.pauses
        self.read = store.read
        self.lock = store.lock
        self.records = store.records
        self.claim = store.claim
        self.sealer = store.sealer


class Worker:
    """One worker of a login.

    Args:
        backend: Where the records are.
        grant: The login.
        server: The authorization server.
        settings: For its auth object.
    """

    def __init__(self, backend, grant, server, **settings):
        store = OwnStore(backend.kind(backend.url))
        self.trouble = store.trouble
        settings = {"timeout": 2.0, "http": server.http, **settings}
        self.auth = RequestAuth(grant, store=store, **settings)

    def forget(self):
        """Know of the record, and not what is in it: what follows is a renewal."""
        source = self.auth._resolved()
        self.auth._source = TokenSource(source.store, source.record_id)
        self.auth._terms_for(None)
        self.trouble.steps.clear()
        return self

    def token(self):
        """Return its token, or the error, or None if it died."""
        try:
            return self.auth.token()
        except errors.OAuthAuthError as error:
            return error
        except Died:
            return None

    def expire(self):
        """Age the token in the store, and forget it."""
        source = self.auth._resolved()
        with source.store.lock(source.record_id, timeout=5) as transaction:
            record = transaction.read()
            old = record.token
            aged = type(old)(
                old._access_token,
                expires_at=2.0,
                obtained_at=1.0,
                refresh_token=old._refresh_token,
            )
            transaction.save(record.succeed(token=aged))
        return self.forget()
