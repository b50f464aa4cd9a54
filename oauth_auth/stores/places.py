"""Which store an address means: a directory, or the URL of a server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from oauth_auth.secret import FromEnv
from oauth_auth.stores.address import place_of, source_of

if TYPE_CHECKING:
    from oauth_auth.secret import SecretSource
    from oauth_auth.stores.base import TokenStore

__all__ = ["STORE_VARIABLE", "is_url", "own_store", "store_at"]

STORE_VARIABLE: Final = "OAUTH_AUTH_STORE"
_REDIS: Final = ("redis://", "rediss://", "unix://")
_POSTGRES: Final = ("postgresql://", "postgres://")

_own: dict[SecretSource, TokenStore] = {}


def is_url(address: str) -> bool:
    """Whether an address is a server's, and not a directory.

    Example:
        >>> is_url("redis://cache.example.com"), is_url("/var/lib/reports")
        (True, False)
    """
    return address.startswith((*_REDIS, *_POSTGRES))


def store_at(address: str | SecretSource) -> TokenStore:
    """Return the store at a URL, or in a directory.

    Args:
        address: It, or a reference to a URL.

    Raises:
        ConfigurationError: The reference leads nowhere.
    """
    if isinstance(address, str) and not is_url(address):
        from oauth_auth.stores.file import FileStore

        return FileStore(address)
    source = source_of(address)
    if source.reveal().startswith(_REDIS):
        from oauth_auth.stores.redis import RedisStore

        return RedisStore(source)
    from oauth_auth.stores.postgres import PostgresStore

    return PostgresStore(source)


def own_store() -> TokenStore:
    """Return the store that is used where none is named.

    It is the one at the URL in ``OAUTH_AUTH_STORE``, else the user's `FileStore`; the
    same object for the same environment.
    """
    if is_url(os.environ.get(STORE_VARIABLE, "")):
        # A reference, so that a pickle holds no password.
        source = FromEnv(STORE_VARIABLE)
        address = place_of(source)
        return _own.get(address) or _own.setdefault(address, store_at(source))
    from oauth_auth.stores.file import default_store

    return default_store()
