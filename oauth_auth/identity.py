"""Record ids and fingerprints: keyed hashes, so that a store tells nothing by name.

They are keyed with the store's id key, 32 random bytes made once per store and kept
like a record, so that rotating the sealing keys changes no id.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
from typing import TYPE_CHECKING, Any, Final, final

from oauth_auth.lazy_errors import errors
from oauth_auth.secret import Secret
from oauth_auth.stores.base import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_auth.secret import SecretSource
    from oauth_auth.stores.base import TokenStore

__all__ = ["Identifier"]

_ID_KEY: Final = "id-key"
#: A first use may meet another process that is making the key, which is quick.
_LOCK_SECONDS: Final = 10.0
_DIGITS: Final = 40


@final
class Identifier:
    """Derives a store's record ids and fingerprints.

    Args:
        key: The store's id key.
        kept: Whether the key is in the store, so that other processes share the ids.
    """

    __slots__ = ("_key", "kept")

    def __init__(self, key: Secret, *, kept: bool) -> None:
        self._key: Final = key
        self.kept: Final = kept

    @classmethod
    def of(cls, store: TokenStore) -> Identifier:
        """Return the store's identifier, making its id key at first use.

        Raises:
            TokenStoreError: The store cannot be read, or the key cannot be made.
        """
        record = store.read(_ID_KEY)
        if record is None or record.document is None:
            record = _made(store)
        return cls(Secret(str((record.document or {})["key"])), kept=True)

    @classmethod
    def unkept(cls) -> Identifier:
        """Return one with a key of its own, for a store that cannot be written."""
        return cls(_new_id_key(), kept=False)

    def record_id(self, inputs: Mapping[str, Any]) -> str:
        """Return the record id of a configuration.

        Args:
            inputs: What can change which token is issued: plain data, and secrets,
                which count by fingerprint. Absent and empty ones do not count, so
                that a new kind of input changes no id until it is used.
        """
        plain = {
            name: value
            if isinstance(value, str | list | dict)
            else self.fingerprint(value)
            for name, value in inputs.items()
            if value
        }
        text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
        return self._hash(b"record", text.encode())

    def fingerprint(self, secret: SecretSource) -> str:
        """Return a keyed hash by which a secret can be recognised again."""
        return self._hash(b"secret", secret.reveal().encode())

    def _hash(self, purpose: bytes, data: bytes) -> str:
        key = base64.b64decode(self._key.reveal())
        return hmac.digest(key, purpose + b"\0" + data, "sha256").hex()[:_DIGITS]


def _new_id_key() -> Secret:
    return Secret(base64.b64encode(os.urandom(32)).decode())


def _made(store: TokenStore) -> Record:
    with store.lock(_ID_KEY, timeout=_LOCK_SECONDS) as transaction:
        record = transaction.read()
        if record.document is None:
            record = Record(generation=1, document={"key": _new_id_key().reveal()})
            transaction.save(record)
    if record.document is None or "key" not in record.document:
        raise errors.StoreCorrupt("the store's id key is not readable")
    return record
