"""The servers that keep records, seen alike."""

from oauth_auth import PostgresStore, RedisStore
from tests.processes.fleet import until


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

    def put_back(self, record_id):
        """Return what puts a record back as it is now, as a failover may do."""
        client = RedisStore(self.url)._rows._server.client()
        key = f"oauth_auth:{{{record_id}}}"
        kept = client.dump(key)
        return lambda: client.restore(key, 0, kept, replace=True)

    def cut(self):
        """End all connections, as a restart of something in between does."""
        client = RedisStore(self.url)._rows._server.client()
        client.client_kill_filter(_type="normal", skipme=True)

    def connection_of(self, store):
        """Return the number of the connection on which a store asks next."""
        return store._rows._server.call("client_id")

    def lapse(self, record_id):
        """Have the lease of whoever holds a record end, as time does."""
        client = RedisStore(self.url)._rows._server.client()
        key = f"oauth_auth:{{{record_id}}}"
        client.delete(f"{key}:lease")
        if client.hexists(f"{key}:beside", "until"):
            client.hset(f"{key}:beside", "until", 1)


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

    def put_back(self, record_id):
        """Return what puts a record back as it is now, as a failover may do."""
        server = PostgresStore(self.url)._rows._server
        columns = "sealed, lineage, generation, writing, claim"
        (kept,) = server.ask(
            f"SELECT {columns} FROM oauth_auth_records WHERE name = %(name)s",
            {"name": record_id},
        )
        names = columns.split(", ")
        setting = ", ".join(f"{name} = %({name})s" for name in names)
        facts = {**dict(zip(names, kept, strict=True)), "name": record_id}
        return lambda: server.ask(
            f"UPDATE oauth_auth_records SET {setting} WHERE name = %(name)s", facts
        )

    def cut(self):
        """End all connections, as a restart of something in between does."""
        PostgresStore(self.url)._rows._server.ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
            {},
        )

    def connection_of(self, store):
        """Return the number of the connection on which a store asks next."""
        return store._rows._server.ask("SELECT pg_backend_pid()", {})[0][0]

    def lapse(self, record_id):
        """Have the session of whoever holds a record end, and be forgotten."""
        server = PostgresStore(self.url)._rows._server
        server.ask(
            "SELECT pg_terminate_backend(pid) FROM pg_locks "
            "WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()",
            {},
        )
        count = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        until(lambda: server.ask(count, {}) == [(0,)], "end of a session")
