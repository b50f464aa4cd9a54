"""Sealing: AES-256-GCM under a key list, bound to what is sealed and where it lies."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, final

from oauth_auth.lazy_errors import errors
from oauth_auth.secret import Secret

if TYPE_CHECKING:
    from oauth_auth.stores.keys import KeyChain

__all__ = ["Sealer"]

_MAGIC: Final = b"oaa1"
_KEY_ID: Final = slice(4, 12)
_NONCE: Final = slice(12, 24)
_CIPHERTEXT: Final = slice(24, None)
#: The header and GCM's tag.
_OVERHEAD: Final = 24 + 16


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
        return (
            _MAGIC
            + key.id
            + nonce
            + key.aead.encrypt(nonce, text.reveal().encode(), _bound(kind, name))
        )

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
        """
        if len(sealed) < _OVERHEAD or not sealed.startswith(_MAGIC):
            raise _damaged(where)
        key_id = sealed[_KEY_ID]
        key = next((k for k in self.chain.all() if k.id == key_id), None)
        if key is None:
            # Another worker may have rotated the keys since they were read.
            key = next((k for k in self.chain.reload() if k.id == key_id), None)
        if key is None:
            known = ", ".join(k.id.hex() for k in self.chain.all())
            raise errors.KeyMismatch(
                f"{where} was sealed with key {key_id.hex()}, which is not among the "
                f"keys in use ({known}); put that key back in front of the others, "
                "or log in again with another store"
            )
        from cryptography.exceptions import InvalidTag

        try:
            return Secret(
                key.aead.decrypt(
                    sealed[_NONCE], sealed[_CIPHERTEXT], _bound(kind, name)
                ).decode()
            )
        except (InvalidTag, UnicodeDecodeError):
            damaged = _damaged(where)
        raise damaged


def _bound(kind: str, name: str) -> bytes:
    return f"oauth_auth|1|{kind}|{name}".encode()


def _damaged(where: object) -> Exception:
    return errors.StoreCorrupt(
        f"{where} is damaged: it is not what this store sealed there; the next login "
        "keeps it aside and starts anew"
    )
