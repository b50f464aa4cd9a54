"""A profile's secrets that are kept sealed in its store: ``{ store = true }``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

from oauth_auth.identity import Identifier
from oauth_auth.lazy_errors import errors
from oauth_auth.secret import Secret
from oauth_auth.stores.base import replaceable

if TYPE_CHECKING:
    from oauth_auth.stores.base import TokenStore

__all__ = [
    "FromStore",
    "forget_client_secret",
    "keep_client_secret",
    "load_client_secret",
]

#: Nobody holds the lock of such a record for longer than a write takes.
_LOCK_SECONDS: Final = 30.0
_CLIENT_SECRET: Final = "client_secret"  # noqa: S105  # a key's name


def keep_client_secret(
    store: TokenStore, profile_name: str, secret: Secret, *, key: str = _CLIENT_SECRET
) -> None:
    """Keep a profile's secret, sealed, in its store.

    Args:
        store: The profile's store.
        profile_name: The profile, which says ``client_secret = { store = true }``.
        secret: The secret.
        key: Which secret it is: ``"client_secret"`` or ``"refresh_token"``.

    Raises:
        ConfigurationError: The secret is empty.
        TokenStoreError: It cannot be kept.
    """
    if not secret:
        raise errors.ConfigurationError(f"the {key} of profile {profile_name} is empty")
    record_id = _record_id(store, profile_name, key)
    with store.lock(record_id, timeout=_LOCK_SECONDS) as transaction:
        # A damaged one is replaced by what is there to replace it.
        record = replaceable(transaction)
        transaction.save(
            record.succeed(
                document={key: secret.reveal()}, about={"profile": profile_name}
            )
        )


def load_client_secret(
    store: TokenStore, profile_name: str, *, key: str = _CLIENT_SECRET
) -> Secret | None:
    """Return a secret that `keep_client_secret` has kept; None if there is none.

    Raises:
        TokenStoreError: The store cannot be read.
    """
    record = store.read(_record_id(store, profile_name, key))
    if record is None or record.document is None:
        return None
    return Secret(str(record.document[key]))


def forget_client_secret(
    store: TokenStore, profile_name: str, *, key: str = _CLIENT_SECRET
) -> None:
    """Remove what `keep_client_secret` has kept.

    Raises:
        TokenStoreError: The store cannot be written.
    """
    record_id = _record_id(store, profile_name, key)
    if store.read(record_id) is None:
        return
    with store.lock(record_id, timeout=_LOCK_SECONDS) as transaction:
        transaction.save(replaceable(transaction).succeed(document=None, about={}))


def _record_id(store: TokenStore, profile_name: str, key: str) -> str:
    return Identifier.of(store).record_id({"profile": profile_name, "secret": key})


@final
class FromStore:
    """A secret read from a token store each time it is needed.

    Args:
        store: The store; None for the user's own.
        profile: The profile whose secret it is.
        key: Which of its secrets it is.
    """

    __slots__ = ("key", "profile", "store")

    def __init__(self, store: TokenStore | None, profile: str, key: str) -> None:
        self.store: Final = store
        self.profile: Final = profile
        self.key: Final = key

    @property
    def name(self) -> str:
        """Whose secret it is, and which."""
        return f"{self.profile}:{self.key}"

    def reveal(self) -> str:
        """Return the secret.

        Raises:
            ConfigurationError: There is none.
            TokenStoreError: The store cannot be read.
        """
        store = self.store
        if store is None:
            from oauth_auth.stores.places import own_store

            store = own_store()
        secret = load_client_secret(store, self.profile, key=self.key)
        if secret is None:
            raise errors.ConfigurationError(
                f"{store!r} keeps no {self.key} for profile {self.profile}; run: "
                f"oauth-auth login {self.profile}"
            )
        return secret.reveal()

    def __repr__(self) -> str:
        return f"FromStore({self.store!r}, {self.profile!r}, {self.key!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FromStore) and other._state() == self._state()

    def __hash__(self) -> int:
        return hash(self._state())

    def _state(self) -> tuple[Any, ...]:
        return self.store, self.profile, self.key

    def __reduce__(self) -> tuple[Any, ...]:
        return FromStore, self._state()
