"""The servers that keep records, seen alike."""

from oauth_auth import PostgresStore, RedisStore


class RedisBackend:
    """Redis, and what only its tests need to know."""

    kind = RedisStore

    def __init__(self, machine):
        self.machine = machine
        self.url = machine.url

    def address(self, port):
        """Return its URL at another port, as of a proxy."""
        return f"redis://127.0.0.1:{port}/0"

    def empty(self):
        """Remove all that it keeps."""
        RedisStore(self.url)._rows._server.call("flushall")


class PostgresBackend:
    """PostgreSQL, and what only its tests need to know."""

    kind = PostgresStore

    def __init__(self, machine):
        self.machine = machine
        self.url = machine.dsn()

    def address(self, port):
        """Return its URL at another port, as of a proxy."""
        return self.machine.dsn(port)

    def empty(self):
        """Remove all that it keeps."""
        server = PostgresStore(self.url)._rows._server
        server.ask("DROP TABLE IF EXISTS oauth_auth_records", {})
