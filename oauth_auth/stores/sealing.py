"""Sealing: AES-256-GCM under a key list, bound to what is sealed and where it lies."""

from __future__ import annotations

import binascii
import os
from typing import TYPE_CHECKING, Final, final

from oauth_auth.lazy_errors import errors
from oauth_auth.secret import Secret
from oauth_auth.stores.base import from_newer

if TYPE_CHECKING:
    from oauth_auth.stores.keys import Key, KeyChain

__all__ = ["Sealer", "key_id_of"]

#: A name, and one character for the format.
_MAGIC: Final = b"oaa1"
_FORMAT: Final = slice(3, 4)
#: A checksum of all the rest, here in every later format too, tells damage from a
#: foreign key and from a newer format, which would look the same: damage may be
#: replaced, what another key or a newer version sealed never.
_CHECKSUM: Final = slice(4, 8)
_CHECKED: Final = slice(8, None)
_KEY_ID: Final = slice(8, 16)
_NONCE: Final = slice(16, 28)
_CIPHERTEXT: Final = slice(28, None)

#: What to do about a damaged thing, by its kind.
_REMEDIES: Final = {
    "record": "the next login keeps it aside and starts anew",
    "claim": "remove it, and start with the newest refresh token there is",
    "pickle": "make the pickle again",
}


@final
class Sealer:
    """Seals and unseals texts.

    The associated data names the kind, the id and the format, so that a sealed file
    cannot be put in another's place. It does not stop somebody who can write there
    from putting back an older version of the same file.

    Args:
        chain: The keys.
    """

    def __init__(self, chain: KeyChain) -> None:
        self.chain: Final = chain

    def seal(self, kind: str, name: str, text: Secret) -> bytes:
        """Return the sealed text, under the newest key."""
        key = self.chain.all()[-1]
        # Random nonces are safe for 2**32 messages under one key (NIST SP 800-38D).
        nonce = os.urandom(12)
        sealed = key.aead.encrypt(nonce, text.reveal().encode(), _bound(kind, name))
        body = key.id + nonce + sealed
        return _MAGIC + _checksum(body) + body

    def unseal(self, kind: str, name: str, sealed: bytes, where: object) -> Secret:
        """Return the text.

        Args:
            kind: What it is: "record", "mark", "journal", "claim".
            name: Which one it is.
            sealed: The output of `seal`.
            where: The place it was read from, for the error.

        Raises:
            KeyMismatch: No key of ours sealed it.
            StoreCorrupt: It was changed since it was sealed.
            TokenStoreError: A newer version of this package sealed it.
        """
        magic = _MAGIC[: _FORMAT.start] + sealed[_FORMAT]
        if not sealed.startswith(magic) or (
            sealed[_CHECKSUM] != _checksum(sealed[_CHECKED], magic)
        ):
            raise _damaged(kind, where)
        if magic != _MAGIC:
            raise from_newer(where)
        key = self._key(sealed[_KEY_ID], where)
        from cryptography.exceptions import InvalidTag

        try:
            return Secret(
                key.aead.decrypt(
                    sealed[_NONCE], sealed[_CIPHERTEXT], _bound(kind, name)
                ).decode()
            )
        except (InvalidTag, ValueError):
            damaged = _damaged(kind, where)
        raise damaged

    def _key(self, key_id: bytes, where: object) -> Key:
        # Read once more if need be: another worker may have rotated them meanwhile.
        for keys in (self.chain.all, self.chain.reload):
            for key in keys():
                if key.id == key_id:
                    return key
        known = ", ".join(key.id.hex() for key in self.chain.all())
        raise errors.KeyMismatch(
            f"{where} was sealed with key {key_id.hex()}, which is not among the keys "
            f"in use ({known}); put that key back in front of the others, or log in "
            "again with another store"
        )


def key_id_of(sealed: bytes) -> bytes | None:
    """Return the id of the key that sealed something; None if it is no such thing."""
    return sealed[_KEY_ID] if sealed.startswith(_MAGIC) else None


def _bound(kind: str, name: str) -> bytes:
    return f"oauth_auth|1|{kind}|{name}".encode()


def _checksum(data: bytes, magic: bytes = _MAGIC) -> bytes:
    return binascii.crc32(data, binascii.crc32(magic)).to_bytes(4, "big")


def _damaged(kind: str, where: object) -> Exception:
    remedy = _REMEDIES.get(kind, "remove it")
    return errors.StoreCorrupt(
        f"{where} is damaged: it is not what this store sealed there; {remedy}"
    )
