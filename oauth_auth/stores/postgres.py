"""PostgresStore: records in PostgreSQL, shared by workers on many machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

from oauth_auth.lazy_errors import errors
from oauth_auth.secret import Secret, SecretSource
from oauth_auth.stores.address import Address, source_of
from oauth_auth.stores.postgres_rows import PostgresRows
from oauth_auth.stores.postgres_server import PostgresServer
from oauth_auth.stores.shared import SharedStore

if TYPE_CHECKING:
    from oauth_auth.stores.keys import Keys

__all__ = ["PostgresStore"]


@final
class PostgresStore(SharedStore):
    """Keeps records in PostgreSQL, for workers on several machines.

    A record is held by an advisory lock, which the server frees when its holder dies.
    What was saved is as durable as any committed transaction of the database.

    The table is made at first use; where the user may not do that, its owner runs
    ``oauth-auth store init``. A transaction-mode pooler (pgbouncer) may stand in
    between. A renewal uses two connections, which are closed when nothing was to be
    done for ten seconds.

    Args:
        dsn: ``postgresql://user@host/database``, or another DSN of libpq, or a
            reference to it (`FromEnv`, `FromFile`). A password may come from
            ``PGPASSWORD`` or a ``.pgpass`` file.
        keys: Sealing keys in base64 (32 bytes each), oldest to newest: one, or a
            list, or references to them. None means ``OAUTH_AUTH_KEY``. All workers
            need the same.

    Raises:
        ConfigurationError: The DSN is neither.

    Example:
        >>> PostgresStore("postgresql://reports:secret@db.example.com/tokens")
        PostgresStore('postgresql://db.example.com:5432/tokens')
    """

    def __init__(self, dsn: str | SecretSource, *, keys: Keys = None) -> None:
        source = source_of(dsn)
        if not isinstance(source, SecretSource):
            raise errors.ConfigurationError(
                f"a PostgresStore needs a DSN, not a {type(source).__name__}"
            )
        self._source: Final = source
        super().__init__(PostgresRows(PostgresServer.at(source)), source, keys)

    def _address(self) -> Any:
        if not isinstance(self._source, Address | Secret):
            return self._source
        from oauth_auth.stores.postgres_driver import has_password

        if has_password(self._source):
            raise errors.ConfigurationError(
                f"the DSN of {self.name} holds a password, and a pickle is readable by "
                'anyone; put the DSN into a variable, and pass FromEnv("..."), or the '
                "password into PGPASSWORD"
            )
        return self._source.reveal()
