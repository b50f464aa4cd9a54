"""The way to a Redis server: one client per process, and errors of this package."""

from __future__ import annotations

import contextlib
import weakref
from typing import TYPE_CHECKING, Any, Final, final
from urllib.parse import urlsplit

from oauth_auth import forking
from oauth_auth.lazy_errors import errors
from oauth_auth.stores.address import place_of
from oauth_auth.stores.idle import Idle

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from oauth_auth.secret import SecretSource
    from oauth_auth.stores.redis_scripts import Script

__all__ = ["RedisServer"]

#: Seconds to wait for a connection, or for one answer.
_TIMEOUT: Final = 5.0
_SCHEMES: Final = ("redis", "rediss", "unix")
#: What a server says when somebody else must do something first.
_FULL: Final = ("OOM", "MISCONF")
#: And when it will be ready by itself.
_PASSING: Final = (
    "READONLY",
    "LOADING",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "NOREPLICAS",
    "BUSY",
)
_REFUSALS: Final = ("AuthenticationError", "AuthorizationError", "NoPermissionError")
_LOST: Final = ("ConnectionError", "TimeoutError", "ClusterDownError", "OSError")
#: The base classes of redis-py and valkey-py.
_BASES: Final = ("RedisError", "ValkeyError")

#: Stores for the same URL share connections, since programs build them anew for every
#: call.
_servers: weakref.WeakValueDictionary[SecretSource, RedisServer] = (
    weakref.WeakValueDictionary()
)


@final
class RedisServer:
    """Runs commands at a server, or through a client that the caller has made.

    Args:
        source: The URL, or the client.
    """

    def __init__(self, source: SecretSource | Any, *, is_url: bool) -> None:
        self._source: Final[Any] = source
        self._is_url: Final = is_url
        self._name: str | None = None
        self._speaks_tls: Final = _speaks_tls(source, is_url=is_url)
        self._client: Any = None
        self._unused: Final = Idle(self._close_idle)

    @classmethod
    def at(cls, source: SecretSource) -> RedisServer:
        """Return this process's only one for that URL."""
        # By what it says now: a variable may change.
        url = place_of(source)
        return _servers.get(url) or _servers.setdefault(url, cls(source, is_url=True))

    @property
    def name(self) -> str:
        """The server, for people: no password."""
        if self._name is None:
            name = (
                _name_of_url(self._source)
                if self._is_url
                else _name_of_client(self._source)
            )
            if name is None:
                raise errors.ConfigurationError(
                    "a RedisStore needs a URL that begins with redis://, rediss:// or "
                    "unix://, or a client of redis-py"
                )
            self._name = name
        return self._name

    @property
    def is_cluster(self) -> bool:
        """Whether the keys of a script must lie in one slot."""
        return not self._is_url and hasattr(self._source, "get_primaries")

    def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """Run a script; it may be run twice if its first answer is lost.

        Raises:
            StoreNotWritable: The server refuses.
            StoreUnreachable: It does not answer, or is not ready.
        """
        with self._translating():
            client = self.client()
            try:
                return client.evalsha(script.sha, len(keys), *keys, *arguments)
            except Exception as error:
                if type(error).__name__ != "NoScriptError":
                    raise
            return client.eval(script.text, len(keys), *keys, *arguments)

    def call(self, command: str, *arguments: Any) -> Any:
        """Run a command.

        Raises:
            StoreNotWritable: The server refuses.
            StoreUnreachable: It does not answer, or is not ready.
        """
        with self._translating():
            return getattr(self.client(), command)(*arguments)

    def keys(self, pattern: str) -> Iterator[str]:
        """Yield the names of all keys that match, each once.

        Raises:
            StoreNotWritable: The server refuses.
            StoreUnreachable: It does not answer, or is not ready.
        """
        with self._translating():
            found = self.client().scan_iter(match=pattern, count=1000)
        seen = set()
        while True:
            with self._translating():
                key = next(found, None)
            if key is None:
                return
            name = key.decode() if isinstance(key, bytes) else key
            if name not in seen:
                seen.add(name)
                yield name

    def client(self) -> Any:
        """Return the client, whose pool of connections begins anew after a fork."""
        if not self._is_url:
            return self._source
        if self._client is None:
            self._client = _client(self._source)
        self._unused.touch()
        return self._client

    def _close_idle(self) -> None:
        self._client.connection_pool.disconnect(inuse_connections=False)

    @contextlib.contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            # TLS must not begin amid a fork.
            with forking.brief() if self._speaks_tls else contextlib.nullcontext():
                yield
        except errors.OAuthAuthError:
            raise
        except Exception as error:
            translated = _translated(error, self.name)
            if translated is None:
                raise
        else:
            return
        # Outside the clause: the library's frames hold the password.
        raise translated


def _speaks_tls(source: SecretSource | Any, *, is_url: bool) -> bool:
    if is_url:
        return bool(source.reveal().startswith("rediss:"))
    pool = getattr(source, "connection_pool", None)
    kind = getattr(pool, "connection_class", None)
    # Of a cluster's pools, which are made later, nothing is known.
    return kind is None or "SSL" in kind.__name__


def _client(source: SecretSource) -> Any:
    try:
        with forking.importing("redis"):
            import redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry
    except ImportError:
        raise errors.ConfigurationError(
            'a RedisStore with a URL needs redis-py: pip install "oauth-auth[redis]"'
        ) from None
    try:
        return redis.Redis.from_url(
            source.reveal(),
            socket_timeout=_TIMEOUT,
            socket_connect_timeout=_TIMEOUT,
            # A connection that a restart has cut is made anew, once and at once.
            retry=Retry(NoBackoff(), 1),
            protocol=2,
        )
    except (ValueError, TypeError) as error:
        reason = type(error).__name__  # its text may hold the password
    raise errors.ConfigurationError(
        f"the URL of {_name_of_url(source)} cannot be used ({reason}); write "
        "redis://HOST:PORT/DATABASE, or pass a client"
    )


def _name_of_url(source: SecretSource) -> str | None:
    # Nothing is raised here, where the password is.
    try:
        parts = urlsplit(source.reveal())
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _SCHEMES:
        return None
    if parts.scheme == "unix":
        return f"unix://{parts.path}"
    host = parts.hostname or "localhost"
    if ":" in host:
        host = f"[{host}]"
    return f"{parts.scheme}://{host}:{port or 6379}/{parts.path.strip('/') or 0}"


def _name_of_client(client: Any) -> str:
    pool = getattr(client, "connection_pool", None)
    settings = getattr(pool, "connection_kwargs", None) or {}
    service = getattr(pool, "service_name", None)
    if service is not None:
        return f"redis+sentinel://{service}/{settings.get('db') or 0}"
    nodes = getattr(client, "get_primaries", None)
    if nodes is not None:
        names = sorted(str(node.name) for node in nodes())
        return f"redis+cluster://{names[0] if names else ''}"
    if "path" in settings:
        return f"unix://{settings['path']}"
    host, port = settings.get("host", "localhost"), settings.get("port", 6379)
    return f"redis://{host}:{port}/{settings.get('db') or 0}"


def _translated(error: Exception, name: str) -> Exception | None:
    kinds = [kind.__name__ for kind in type(error).__mro__]
    if not any(base in kinds for base in (*_BASES, "OSError")):
        return None
    text = " ".join(str(error).split())[:200]
    word = text.partition(" ")[0]
    if any(kind in kinds for kind in _REFUSALS) or word in ("NOAUTH", "NOPERM"):
        return errors.StoreNotWritable(
            f"{name} refuses this client ({text}); check the user and password, and "
            "that the user may run scripts on keys oauth_auth:*"
        )
    if word in _FULL or "OutOfMemoryError" in kinds:
        return errors.StoreNotWritable(
            f"{name} takes no more writes ({text}); give it more memory or disk"
        )
    if any(kind in kinds for kind in _LOST):
        return errors.StoreUnreachable(f"{name} does not answer ({text}); try again")
    if word in _PASSING or "ReadOnlyError" in kinds:
        return errors.StoreUnreachable(f"{name} is not ready ({text}); try again")
    return errors.StoreNotWritable(f"{name} refuses ({text})")
