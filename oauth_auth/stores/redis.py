"""RedisStore: records in Redis or Valkey, shared by workers on many machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

from oauth_auth.lazy_errors import errors
from oauth_auth.secret import Secret, SecretSource
from oauth_auth.stores.address import Address, holds_password, source_of
from oauth_auth.stores.redis_rows import RedisRows
from oauth_auth.stores.redis_server import RedisServer
from oauth_auth.stores.shared import SharedStore

if TYPE_CHECKING:
    from oauth_auth.stores.keys import Keys

__all__ = ["RedisStore"]


@final
class RedisStore(SharedStore):
    """Keeps records in Redis or Valkey, for workers on several machines.

    A record is held by a lease that lapses when its holder is no longer heard of, and
    not before what its holder may have sent must be over: about twice the ``timeout``
    of `OAuthAuth`, and ten seconds. A holder that stands still for longer than that,
    and then goes on, may spend a refresh token that another worker has spent.

    What a crash of the server takes along depends on its settings: with
    ``appendfsync everysec`` up to a second of writes, with a failover what the replica
    did not have yet. A refresh token that rotates may be among them; workers that have
    it in memory write it back. ``docs/fleet.md`` says what to set, and when to choose
    `PostgresStore`.

    Args:
        client_or_url: ``redis://``, ``rediss://`` or ``unix://``, as redis-py takes
            it, or a reference to it (`FromEnv`, `FromFile`); or a client that you
            have made: of a Sentinel's master, of a cluster, or of valkey-py. Clients
            of asyncio are not for this; async callers do not block all the same.
        keys: Sealing keys in base64 (32 bytes each), oldest to newest: one, or a
            list, or references to them. None means ``OAUTH_AUTH_KEY``. All workers
            need the same.

    Raises:
        ConfigurationError: It is neither.

    Example:
        >>> RedisStore("redis://:secret@cache.example.com/2")
        RedisStore('redis://cache.example.com:6379/2')
    """

    def __init__(
        self, client_or_url: str | SecretSource | Any, *, keys: Keys = None
    ) -> None:
        source = source_of(client_or_url)
        is_url = isinstance(source, SecretSource)
        if is_url:
            server = RedisServer.at(source)
        else:
            _check_client(source)
            server = RedisServer(source, is_url=False)
        self._source: Final[Any] = source
        self._is_url: Final = is_url
        if isinstance(source, Address | Secret):
            server.name  # noqa: B018  # a URL of another kind is told at once
        super().__init__(RedisRows(server), source if is_url else id(source), keys)

    def _address(self) -> Any:
        if not self._is_url:
            raise errors.ConfigurationError(
                f"the RedisStore at {self.name} was given a client, and a client "
                "stays in its process; give it a URL, or build it in each process"
            )
        if not isinstance(self._source, Address | Secret):
            return self._source
        if holds_password(self._source):
            raise errors.ConfigurationError(
                f"the URL of {self.name} holds a password, and a pickle is readable "
                'by anyone; put the URL into a variable, and pass FromEnv("...")'
            )
        return self._source.reveal()


def _check_client(client: Any) -> None:
    kind = type(client)
    if kind.__module__.startswith(("redis.asyncio", "valkey.asyncio")):
        raise errors.ConfigurationError(
            "a RedisStore needs redis.Redis(...), not redis.asyncio.Redis(...): its "
            "questions are asked on threads of its own, and block no event loop"
        )
    if not hasattr(client, "evalsha"):
        raise errors.ConfigurationError(
            f"a RedisStore needs a URL, or a client of redis-py, not a {kind.__name__}"
        )
