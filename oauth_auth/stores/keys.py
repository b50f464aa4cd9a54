"""The sealing keys: a list, oldest to newest; the newest seals, all unseal.

They come from, in this order: the argument, the environment variable
``OAUTH_AUTH_KEY``, a keyring if that is configured, a key file beside the records.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, final

from oauth_auth import forking
from oauth_auth.lazy_errors import errors
from oauth_auth.secret import FromEnv, Secret, SecretSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from oauth_auth.stores.key_file import KeyFile

__all__ = ["KeyChain", "new_key"]

#: What a caller may pass as ``keys``: one or several keys in base64 (32 bytes each),
#: references to them, or ``"keyring"``.
Keys: TypeAlias = "str | SecretSource | Sequence[str | SecretSource] | None"

KEY_VARIABLE: Final = "OAUTH_AUTH_KEY"
KEYRING_VARIABLE: Final = "OAUTH_AUTH_KEYRING"
KEYRING: Final = "keyring"
KEY_BYTES: Final = 32
_STANDARD: Final = str.maketrans("-_", "+/")
_KEYRING_SERVICE: Final = "oauth_auth"
_KEYRING_NAME: Final = "sealing-key"


def new_key() -> Secret:
    """Return a new random sealing key, in base64url."""
    return Secret(base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode())


@final
class Key:
    """One sealing key; its ``repr`` shows its id alone."""

    __slots__ = ("_aead", "_secret", "id")

    def __init__(self, raw: _Bytes) -> None:
        self._secret: Final = raw
        self._aead: AESGCM | None = None
        digest = hashlib.sha256(b"oauth_auth key id\0" + raw.value)
        #: 8 bytes which name the key in every sealed header, and tell nothing of it.
        self.id: Final = digest.digest()[:8]

    @property
    def aead(self) -> AESGCM:
        """The cipher, made at first use because its import takes milliseconds."""
        if self._aead is None:
            with forking.importing("cryptography.hazmat.primitives.ciphers.aead"):
                from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            self._aead = AESGCM(self._secret.value)
        return self._aead

    def __repr__(self) -> str:
        return f"Key({self.id.hex()})"


class _Bytes:
    """Key bytes with a safe ``repr``."""

    __slots__ = ("value",)

    def __init__(self, value: bytes) -> None:
        self.value = value


def _decoded(secret: Secret) -> _Bytes | None:
    try:
        # 32 bytes need one "=" of padding, which some tools leave out.
        raw = _Bytes(
            base64.b64decode(
                secret.reveal().translate(_STANDARD).rstrip("=") + "=", validate=True
            )
        )
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw.value) == KEY_BYTES else None


@final
class KeyChain:
    """The keys of one store.

    Args:
        keys: Keys given by the caller, or None for the other sources.
        key_file: The store's key file; None for stores that several machines share,
            which never make a key.
    """

    def __init__(self, keys: Keys, key_file: KeyFile | None) -> None:
        #: What the caller passed, for a copy of the store elsewhere.
        self.given: Final = _wrapped(keys)
        self._key_file: Final = key_file
        self._keys: tuple[Key, ...] = ()

    def all(self) -> tuple[Key, ...]:
        """Return the keys, oldest to newest; read once, then kept.

        Raises:
            ConfigurationError: There is no usable key.
            KeyMismatch: The key is missing where the store's records were sealed.
            TokenStoreError: The key file cannot be read or made.
        """
        return self._keys or self.reload()

    def reload(self) -> tuple[Key, ...]:
        """Read the keys again from where they are, as after a rotation."""
        # No lock: it may be held at a fork, and threads that meet here read the same.
        self._keys = keys = self._load()
        return keys

    @property
    def given_literally(self) -> bool:
        """Whether the caller passed a key itself, not a reference to one."""
        return any(isinstance(source, Secret) for source in self.given or ())

    @property
    def source(self) -> Literal["argument", "variable", "keyring", "file", "nowhere"]:
        """Where the keys come from."""
        if self.given is not None and self.given != KEYRING:
            return "argument"
        if os.environ.get(KEY_VARIABLE, "").strip():
            return "variable"
        if self.given == KEYRING or os.environ.get(KEYRING_VARIABLE, "") == "1":
            return "keyring"
        return "file" if self._key_file is not None else "nowhere"

    def _load(self) -> tuple[Key, ...]:
        source = self.source
        if self.given is not None and self.given != KEYRING:
            return _parsed(self.given, "keys=")
        if source == "variable":
            return _parsed([FromEnv(KEY_VARIABLE)], KEY_VARIABLE)
        if source == "keyring":
            return _parsed([_from_keyring(self._key_file)], "the keyring")
        if self._key_file is None:
            raise errors.ConfigurationError(
                f"this store needs a sealing key that all its machines share: set "
                f"{KEY_VARIABLE}, or pass keys=; make one with: oauth-auth keys new"
            )
        return _parsed([self._key_file.reveal()], str(self._key_file.path))


def _wrapped(keys: Keys) -> tuple[SecretSource, ...] | Literal["keyring"] | None:
    if keys is None or keys == KEYRING:
        return keys  # type: ignore[return-value]  # no other text is equal to it
    values = [keys] if isinstance(keys, str | SecretSource) else keys
    return tuple(Secret(value) if isinstance(value, str) else value for value in values)


def _parsed(sources: Sequence[SecretSource], where: str) -> tuple[Key, ...]:
    parts: list[Secret] = []
    for source in sources:
        # No pattern: compiling one takes longer than all the rest.
        parts += map(Secret, source.reveal().replace(",", " ").split())
    if not parts:
        raise errors.ConfigurationError(
            f"{where} holds no key; make one with: oauth-auth keys new"
        )
    keys = []
    for number, part in enumerate(parts, 1):
        raw = _decoded(part)
        if raw is None:
            raise errors.ConfigurationError(
                f"key {number} in {where} is not {KEY_BYTES} bytes of base64; "
                "make one with: oauth-auth keys new"
            )
        keys.append(Key(raw))
    return tuple(keys)


def _from_keyring(key_file: KeyFile | None) -> Secret:
    """Return the key kept in the system's keyring, made there for a new store.

    Args:
        key_file: Where the key would be if not in the keyring; knows whether the
            store is new.

    Raises:
        ConfigurationError: The keyring is not installed, fails, or does not answer
            within three seconds. It was asked for, so nothing else is tried.
        KeyMismatch: It holds no key, and the store is not new.
    """
    from oauth_auth.stores.system_keyring import ask_keyring

    result = ask_keyring(lambda keyring: _asked(keyring, key_file))
    if isinstance(result, Secret):
        return result
    raise errors.ConfigurationError(
        f"the keyring was configured for the sealing key, and failed: {result}; "
        f"repair it, or set {KEY_VARIABLE} instead"
    )


def _asked(keyring: Any, key_file: KeyFile | None) -> Secret:
    def look() -> Secret | None:
        kept = keyring.get_password(_KEYRING_SERVICE, _KEYRING_NAME)
        return Secret(kept) if kept else None

    def keep(key: Secret) -> None:
        keyring.set_password(_KEYRING_SERVICE, _KEYRING_NAME, key.reveal())
        if look() != key:
            raise LookupError("it does not keep what it is given")

    if key_file is not None:
        return key_file.kept_or_made(look, keep, "the keyring")
    kept = look()
    if kept is None:
        raise LookupError("it holds no key")
    return kept
