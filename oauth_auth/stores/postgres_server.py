"""The way to a PostgreSQL server: few connections per process, and our errors."""

from __future__ import annotations

import atexit
import contextlib
import os
import socket
import threading
import weakref
from typing import TYPE_CHECKING, Any, Final, final

from oauth_auth import forking
from oauth_auth.lazy_errors import errors
from oauth_auth.stores import postgres_sql as sql
from oauth_auth.stores.address import place_of
from oauth_auth.stores.idle import Idle

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from oauth_auth.secret import SecretSource

__all__ = ["PostgresServer"]

#: Seconds to wait for a connection, or for one answer.
_TIMEOUT: Final = 5.0
_IDLE_KEPT: Final = 8
#: A pooler may have several sessions that the server has ended.
_TRIES: Final = 6
_NO_TABLE: Final = "42P01"
#: SQLSTATEs (or their classes) of a session that was ended, by the server or a pooler.
_ENDED: Final = ("57P", "08")
#: And of what passes by itself.
_PASSING: Final = ("08", "57", "53300", "25006", "40", "55P03", "25P03")
_FULL: Final = ("53100", "53200")
_REFUSALS: Final = ("28", "42501", "3D000")
#: How a refusal reads where the server names no SQLSTATE, amid connecting.
_REFUSED: Final = ("authentication failed", "pg_hba.conf", "does not exist", "denied")

#: Stores for the same place share connections, since programs build them anew for
#: every call.
_servers: weakref.WeakValueDictionary[SecretSource, PostgresServer] = (
    weakref.WeakValueDictionary()
)
#: What a child has inherited from its parent, and must neither use nor close.
_inherited: list[Any] = []


@final
class PostgresServer:
    """Asks a server, through connections in autocommit that are used again.

    Nothing relies on a session, so that a pooler may stand in between that hands out
    servers for a transaction each.

    Args:
        source: Where it is, and as whom: a DSN of libpq.
    """

    def __init__(self, source: SecretSource) -> None:
        self._source: Final = source
        self._name: str | None = None
        self._start_anew()

    @classmethod
    def at(cls, source: SecretSource) -> PostgresServer:
        """Return this process's only one for that place."""
        # By what it says now: a variable may change.
        dsn = place_of(source)
        return _servers.get(dsn) or _servers.setdefault(dsn, cls(source))

    def _start_anew(self) -> None:
        self._guard = threading.Lock()  # guards what follows
        #: Connections; the one that was used last is the last.
        self._idle: list[Any] = []
        self._unused = Idle(self._drop_idle)

    @property
    def name(self) -> str:
        """The server, for people: no password."""
        if self._name is None:
            self._name = _name_of(self._source)
        if self._name is None:
            raise errors.ConfigurationError(
                "a PostgresStore needs postgresql://HOST:PORT/DATABASE, or another DSN "
                "that libpq understands; what it was given is none"
            )
        return self._name

    def ask(self, question: str, facts: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Ask something; it may be asked twice if its first answer is lost.

        Raises:
            StoreNotWritable: The server refuses.
            StoreUnreachable: It does not answer, or is not ready.
        """
        with self.connection(question, facts) as (_, rows):
            return rows

    @contextlib.contextmanager
    def connection(
        self, question: str, facts: Mapping[str, Any] | None = None
    ) -> Iterator[tuple[Any, list[tuple[Any, ...]]]]:
        """Ask something, and have the connection to go on with; see `ask`."""
        connection, rows = self.begin(question, facts)
        try:
            yield connection, rows
        finally:
            self.give(connection)

    def begin(
        self, question: str, facts: Mapping[str, Any] | None = None
    ) -> tuple[Any, list[tuple[Any, ...]]]:
        """Ask something, and keep the connection, until it is given back."""
        for left in reversed(range(_TRIES)):
            connection, used = self._take()
            try:
                return connection, _execute(connection, question, facts)
            except Exception as error:  # noqa: BLE001  # psycopg may not be loaded
                state = getattr(error, "sqlstate", None) or ""
                translated = _translated(error, self.name)
            # Outside the clause: the library's frames hold what was asked.
            if state == _NO_TABLE and left:
                with contextlib.suppress(errors.TokenStoreError):
                    # What fails amid "BEGIN; ..." leaves the transaction open.
                    self.say(connection, "ROLLBACK")
                self.give(connection)
                self.prepare()
                continue
            connection.close()
            if used:
                # As after a restart; others that lie there are no better.
                self._drop_idle()
            ended = state.startswith(_ENDED) or (used and not state)
            if not left or not ended:
                break
        raise translated

    def say(self, connection: Any, what: str) -> None:
        """Say something on a connection that was kept.

        Raises:
            StoreUnreachable: The connection is lost, and closed.
        """
        try:
            _execute(connection, what, None)
        except Exception:  # noqa: BLE001  # whatever psycopg says, it is of no use
            connection.close()
        else:
            return
        raise errors.StoreUnreachable(f"{self.name} has ended a session; try again")

    def prepare(self) -> None:
        """Make the table, unless it is there.

        Raises:
            StoreNotWritable: It cannot be made.
        """
        connection, found = self.begin(sql.FIND)
        try:
            if found[0][0] is None:
                _execute(connection, sql.CREATE, None)
        except Exception as error:  # noqa: BLE001  # psycopg may not be loaded
            connection.close()
            translated = _translated(error, self.name)
        else:
            self.give(connection)
            return
        raise translated

    def _take(self) -> tuple[Any, bool]:
        with self._guard:
            if self._idle:
                return self._idle.pop(), True
        return self._connected(), False

    def _connected(self) -> Any:
        name = self.name
        try:
            # TLS and passwords are OpenSSL's, which must not begin amid a fork.
            with forking.brief():
                return _driver().Connection.connect(
                    self._source.reveal(),
                    autocommit=True,
                    # A pooler's servers do not know each other's statements.
                    prepare_threshold=None,
                    connect_timeout=int(_TIMEOUT),
                    fallback_application_name=(
                        f"oauth_auth {socket.gethostname()} {os.getpid()}"
                    ),
                )
        except errors.OAuthAuthError:
            raise
        except Exception as error:  # noqa: BLE001  # psycopg's
            translated = _translated(error, name)
        raise translated

    def give(self, connection: Any) -> None:
        """Take a connection back, to be used again if it is as good as new."""
        if connection.closed or connection.broken or not _is_idle(connection):
            connection.close()
            return
        with self._guard:
            self._idle.append(connection)
            spare = self._idle.pop(0) if len(self._idle) > _IDLE_KEPT else None
        if spare is not None:
            spare.close()
        self._unused.touch()

    def _drop_idle(self) -> None:
        with self._guard:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def __del__(self) -> None:
        self._drop_idle()


def _execute(
    connection: Any, question: str, facts: Mapping[str, Any] | None
) -> list[tuple[Any, ...]]:
    """Ask on a connection; return the rows of all answers together."""
    cursor = connection.execute(question, facts)
    rows = []
    while True:
        if cursor.description is not None:
            rows += cursor.fetchall()
        if not cursor.nextset():
            return rows


def _is_idle(connection: Any) -> bool:
    return bool(connection.info.transaction_status == 0)


def _driver() -> Any:
    try:
        with forking.importing("psycopg"):
            from oauth_auth.stores import postgres_driver
    except ImportError:
        raise errors.ConfigurationError(
            'a PostgresStore needs psycopg: pip install "oauth-auth[postgres]"'
        ) from None
    return postgres_driver


def _name_of(source: SecretSource) -> str | None:
    # Nothing is raised here, where the password is.
    parts = _driver().parsed(source)
    if parts is None:
        return None
    host = parts.get("host") or parts.get("hostaddr") or "localhost"
    place = f"{host}:{parts.get('port') or 5432}"
    return f"postgresql://{place}/{parts.get('dbname') or parts.get('user') or ''}"


def _translated(error: Exception, name: str) -> Exception:
    kinds = [kind.__name__ for kind in type(error).__mro__]
    if "Error" not in kinds and not isinstance(error, OSError):
        raise error
    state = getattr(error, "sqlstate", None) or ""
    text = " ".join(str(error).split())[:300]
    if state == "42501":
        return errors.StoreNotWritable(
            f"{name} does not allow this user to use the table {sql.TABLE} ({text}); "
            "have its owner run: oauth-auth store init, and GRANT SELECT, INSERT, "
            f"UPDATE, DELETE ON {sql.TABLE}"
        )
    if state.startswith(_REFUSALS) or (
        not state and any(word in text for word in _REFUSED)
    ):
        return errors.StoreNotWritable(f"{name} refuses this client: {text}")
    if state in _FULL:
        return errors.StoreNotWritable(
            f"{name} takes no more writes ({text}); give it more memory or disk"
        )
    if not state or state.startswith(_PASSING):
        return errors.StoreUnreachable(f"{name} does not answer ({text}); try again")
    return errors.StoreNotWritable(f"{name} refuses ({text})")


def _after_fork_in_child() -> None:
    for server in list(_servers.values()):
        _inherited.extend(server._idle)
        server._start_anew()


def _at_exit() -> None:
    # A server logs each connection that just breaks off.
    for server in list(_servers.values()):
        server._drop_idle()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
atexit.register(_at_exit)
