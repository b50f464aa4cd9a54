"""Redis in pairs: a primary, its replica, and a Sentinel that has them change roles."""

import contextlib

import redis
from redis.sentinel import MasterNotFoundError, Sentinel

from oauth_auth import RedisStore
from tests.processes.fleet import until
from tests.servers import machines

#: Nobody waits for a dead server, nor a replica for others that may want to copy too.
_AT_ONCE = ("--repl-diskless-sync-delay", "0")
#: A Sentinel looks at its servers often, in milliseconds; by default each second.
_OFTEN = {
    "info-period": 100,
    "ping-period": 100,
    "publish-period": 100,
    "min-link-reconnect-period": 100,
}
#: A password that no server has.
_REFUSED = "not-the-password"


class ReplicatedRedis:
    """Two servers and who watches them, seen as a backend of `tests.fleet.steps`."""

    def __init__(self):
        self._stack = contextlib.ExitStack()

    def _started(self, kind, name, *args):
        path = self._stack.enter_context(machines.directory_for(name))
        return self._stack.enter_context(kind(path, *args))

    def __enter__(self):
        self.primary = self._started(machines.Redis, "primary", *_AT_ONCE)
        self.replica = self._started(machines.Redis, "replica", *_AT_ONCE)
        self._follow()
        self.sentinel = self._started(machines.Sentinel, "sentinel", self.primary)
        with contextlib.suppress(redis.ResponseError):  # before Redis 7 it takes longer
            for word, milliseconds in _OFTEN.items():
                self._ask(
                    self.sentinel,
                    "execute_command",
                    "SENTINEL DEBUG",
                    word,
                    milliseconds,
                )
        self._wait_until_watched()
        return self

    def __exit__(self, *_):
        self._stack.close()

    @property
    def url(self):
        """A client of whichever is the primary."""
        settings = {"socket_timeout": 1.0, "socket_connect_timeout": 1.0}
        place = ("127.0.0.1", self.sentinel.port)
        name = machines.Sentinel.name
        return Sentinel([place], **settings).master_for(name, **settings)

    kind = RedisStore

    def copied(self):
        """Wait until the replica has all that was written."""
        # Not WAIT, which speaks of what its own connection has written.
        until(lambda: self._offset(self.replica) == self._offset(self.primary), "copy")

    def cut_off(self):
        """Have the replica get nothing more."""
        self._ask(self.replica, "config_set", "masteruser", "nobody")
        self._ask(self.replica, "config_set", "masterauth", _REFUSED)
        self._ask(self.primary, "client_kill_filter", _type="replica")
        until(lambda: not self._is_up(), "end of the link")

    def fail_over(self):
        """Kill the primary, and wait until the replica has replaced it."""
        self.primary.stop(self.primary.end)
        self.primary, self.replica = self.replica, self.primary
        until(lambda: self._elected() == self.primary.port, "failover")

    def repair(self):
        """Start the one that was killed anew, as a replica of the other."""
        for setting in ("masteruser", "masterauth"):
            self._ask(self.primary, "config_set", setting, "")
        self.replica.start()
        self._follow()
        self._wait_until_watched()

    def _follow(self):
        self._ask(self.replica, "replicaof", "127.0.0.1", self.primary.port)
        until(self._is_up, "replica")

    def _wait_until_watched(self):
        until(self._watched, "replica that the Sentinel knows of")

    def _watched(self):
        replicas = self._ask(self.sentinel, "sentinel_slaves", machines.Sentinel.name)
        return any(
            found["port"] == self.replica.port
            and not found["is_disconnected"]
            and not found["is_sdown"]
            and found["flags"] == "slave"
            for found in replicas
        )

    def _is_up(self):
        found = self._ask(self.replica, "info", "replication")
        return found.get("master_link_status") == "up"

    def _offset(self, machine):
        found = self._ask(machine, "info", "replication")
        return found[f"{found['role']}_repl_offset"]

    def _elected(self):
        with contextlib.suppress(MasterNotFoundError):
            master = self.url.connection_pool.get_master_address()
            return master[1]
        return None

    @staticmethod
    def _ask(machine, command, *args, **options):
        with redis.Redis(port=machine.port, decode_responses=True) as client:
            return getattr(client, command)(*args, **options)
