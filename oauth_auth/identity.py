"""Record ids and fingerprints: keyed hashes, so that a store tells nothing by name.

They are keyed with the store's id key, 32 random bytes made once per store and kept
like a record, so that rotating the sealing keys changes no id. Without it no record has
a name any more, so the store keeps it twice, and one copy heals the other.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
import logging
import marshal
import os
from typing import TYPE_CHECKING, Any, Final, final

from oauth_auth.lazy_errors import errors
from oauth_auth.secret import Secret
from oauth_auth.stores.base import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_auth.secret import SecretSource
    from oauth_auth.stores.base import TokenStore, Transaction

__all__ = ["Identifier"]

_ID_KEY: Final = "id-key"
#: Written before the id key itself, so that where that is this is too.
_COPY: Final = "id-key-copy"
#: Only a holder of the id key's lock asks for that of the copy.
_LOCK_SECONDS: Final = 5.0
_DIGITS: Final = 40
#: What a record id is made of as it is; everything else is a secret.
_PLAIN: Final = (str, list, dict)
#: How many configurations' ids are remembered.
_IDS_KEPT: Final = 1024
#: In this format of marshal equal values are equal bytes, and no others are.
_MARSHAL: Final = 2
#: Made once, since an encoder for every text takes as long as the text.
_canonical: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


@final
class Identifier:
    """Derives a store's record ids and fingerprints.

    Args:
        key: The store's id key.
        kept: Whether the key is in the store, so that other processes share the ids.
    """

    __slots__ = ("_ids", "_key", "_record", "_secret", "kept")

    def __init__(self, key: Secret, *, kept: bool) -> None:
        self._key: Final = key
        self.kept: Final = kept
        # Copying a hash that has the key in it is faster than beginning another.
        self._record: Final = _begun(key, b"record")
        self._secret: Final = _begun(key, b"secret")
        #: By the inputs, in which secrets are fingerprints. Objects are made for every
        #: request, and the id takes longer than all the rest.
        self._ids: Final[dict[bytes, str]] = {}

    @classmethod
    def of(cls, store: TokenStore) -> Identifier:
        """Return the store's identifier, making its id key at first use.

        Raises:
            TokenStoreError: The store cannot be read, or the key cannot be made.
        """
        try:
            key = _made(store)
        except errors.StoreCorrupt as error:
            damage = _without_remedy(error)
        else:
            return cls(key, kept=True)
        raise errors.StoreCorrupt(
            f"no record can be found, since their names come from the id key, and "
            f"that is lost: {damage}. Put the store back from a backup, or remove it "
            "as a whole and log in again"
        )

    @classmethod
    def unkept(cls) -> Identifier:
        """Return one with a key of its own, for a store that cannot be written."""
        return cls(_new_id_key(), kept=False)

    def write_back(self, store: TokenStore) -> None:
        """Give the key back to a store that has lost it.

        Else other workers, which make another one, would look for all records in vain.
        """
        for name in (_COPY, _ID_KEY):
            with (
                contextlib.suppress(errors.TokenStoreError),
                store.lock(name, timeout=0) as transaction,
            ):
                record = transaction.read()
                if self.kept and record.document is None:
                    transaction.save(
                        record.succeed(document={"key": self._key.reveal()})
                    )

    def record_id(self, inputs: Mapping[str, Any]) -> str:
        """Return the record id of a configuration.

        Args:
            inputs: What can change which token is issued: plain data, and secrets,
                which count by fingerprint. Absent and empty ones do not count, so
                that a new kind of input changes no id until it is used.
        """
        plain = {
            name: value if isinstance(value, _PLAIN) else self.fingerprint(value)
            for name, value in inputs.items()
            if value
        }
        try:
            key = marshal.dumps(plain, _MARSHAL)
        except ValueError:  # a text or list of a class of the caller's own
            return self._record_id(plain)
        record_id = self._ids.get(key)
        if record_id is None:
            record_id = self._record_id(plain)
            if len(self._ids) >= _IDS_KEPT:
                self._ids.clear()
            self._ids[key] = record_id
        return record_id

    def _record_id(self, plain: Mapping[str, Any]) -> str:
        return _finished(self._record, Secret(_canonical(plain)))

    def fingerprint(self, secret: SecretSource) -> str:
        """Return a keyed hash by which a secret can be recognised again."""
        return _finished(self._secret, secret)


def _begun(key: Secret, purpose: bytes) -> hmac.HMAC:
    return hmac.new(base64.b64decode(key.reveal()), purpose + b"\0", "sha256")


def _finished(begun: hmac.HMAC, text: SecretSource) -> str:
    digest = begun.copy()
    # A variable with odd bytes in it reads as half surrogates, and is a secret.
    digest.update(text.reveal().encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:_DIGITS]


def _without_remedy(error: Exception) -> str:
    """Return what an error says, but not what to do, which is for other records."""
    return str(error).partition(";")[0]


def _new_id_key() -> Secret:
    return Secret(base64.b64encode(os.urandom(32)).decode())


def _kept_key(record: Record | None) -> Secret | None:
    if record is None or record.document is None:
        return None
    return Secret(str(record.document["key"]))


def _made(store: TokenStore) -> Secret:
    def make(transaction: Transaction) -> Secret:
        record = transaction.read()
        key = _kept_key(record)
        if key is None:
            key = _copied(store)
            transaction.save(record.succeed(document={"key": key.reveal()}))
        return key

    def look() -> Secret | None:
        return _kept_key(store.read(_ID_KEY))

    try:
        key = look()
        if key is not None:
            return key
        from oauth_auth.stores.once import made_once  # for a store's first program

        # Two workers that start together must come to the same ids.
        return made_once(look, store.lock(_ID_KEY, timeout=0), make)
    except errors.StoreCorrupt as error:
        key = _kept_key(store.read(_COPY))
        if key is None:
            raise
        damage = _without_remedy(error)
        logging.getLogger("oauth_auth").warning("%s; its copy is used", damage)
    # Another worker may be doing so, or the store not be writable: the copy will do.
    with (
        contextlib.suppress(errors.TokenStoreError),
        store.lock(_ID_KEY, timeout=0) as transaction,
    ):
        transaction.save(Record().succeed(document={"key": key.reveal()}))
    return key


def _copied(store: TokenStore) -> Secret:
    """Return the key that the copy keeps; a new one is copied first."""
    with store.lock(_COPY, timeout=_LOCK_SECONDS) as transaction:
        record = transaction.read()
        key = _kept_key(record)
        if key is None:
            key = _new_id_key()
            transaction.save(record.succeed(document={"key": key.reveal()}))
        return key
