"""The sealing keys: a list, oldest to newest; the newest seals, all unseal.

They come from, in this order: the argument, the environment variable
``OAUTH_AUTH_KEY``, a keyring if that is configured, a key file beside the records.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import threading
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

from oauth_auth.lazy_errors import errors
from oauth_auth.secret import FromEnv, Secret, SecretSource, as_source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["KeyChain", "new_key"]

#: What a caller may pass as ``keys``: one or several keys in base64 (32 bytes each),
#: references to them, or ``"keyring"``.
Keys: TypeAlias = "str | SecretSource | Sequence[str | SecretSource] | None"

KEY_VARIABLE: Final = "OAUTH_AUTH_KEY"
KEYRING_VARIABLE: Final = "OAUTH_AUTH_KEYRING"
KEY_BYTES: Final = 32
_KEYRING_SERVICE: Final = "oauth_auth"
#: A headless machine's keyring may wait for a person who is not there.
_KEYRING_SECONDS: Final = 3.0


def new_key() -> Secret:
    """Return a new random sealing key, in base64url."""
    return Secret(base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode())


@final
class Key:
    """One sealing key; its ``repr`` shows its id alone."""

    __slots__ = ("_aead", "_secret", "id")

    def __init__(self, secret: Secret, number: int, where: str) -> None:
        raw = _decoded(secret)
        if raw is None:
            raise errors.ConfigurationError(
                f"key {number} in {where} is not {KEY_BYTES} bytes of base64; "
                "make one with: oauth-auth keys new"
            )
        self._secret: Final = raw
        self._aead: AESGCM | None = None
        digest = hashlib.sha256(b"oauth_auth key id\0" + raw.value)
        #: 8 bytes which name the key in every sealed header, and tell nothing of it.
        self.id: Final = digest.digest()[:8]

    @property
    def aead(self) -> AESGCM:
        """The cipher, made at first use because its import takes milliseconds."""
        if self._aead is None:
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
        raw = _Bytes(base64.b64decode(secret.reveal(), altchars=b"-_"))
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw.value) == KEY_BYTES else None


@final
class KeyChain:
    """The keys of one store.

    Args:
        keys: Keys given by the caller, or None for the other sources.
        key_file: Returns the text of the key file, made if need be; None for stores
            on other machines, which never make one.
    """

    def __init__(self, keys: Keys, key_file: Callable[[], Secret] | None) -> None:
        self._given: Final = keys
        self._key_file: Final = key_file
        self._lock = threading.Lock()
        self._keys: tuple[Key, ...] = ()

    def all(self) -> tuple[Key, ...]:
        """Return the keys, oldest to newest; read once, then kept."""
        return self._keys or self.reload()

    def reload(self) -> tuple[Key, ...]:
        """Read the keys again from where they are, as after a rotation."""
        with self._lock:
            self._keys = self._load()
            return self._keys

    @property
    def given_literally(self) -> bool:
        """Whether the caller passed a key itself, not a reference to one."""
        given = self._given
        if given is None or given == "keyring":
            return False
        values = [given] if isinstance(given, str | SecretSource) else given
        return any(isinstance(value, str | Secret) for value in values)

    @property
    def given(self) -> Keys:
        """What the caller passed, for a copy of the store elsewhere."""
        return self._given

    def _load(self) -> tuple[Key, ...]:
        if self._given is not None and self._given != "keyring":
            given = self._given
            values = [given] if isinstance(given, str | SecretSource) else list(given)
            sources = [as_source(value) for value in values]
            return _parsed([s.reveal for s in sources if s], "keys=")
        if os.environ.get(KEY_VARIABLE, "").strip():
            return _parsed([FromEnv(KEY_VARIABLE).reveal], KEY_VARIABLE)
        if self._given == "keyring" or os.environ.get(KEYRING_VARIABLE, "") == "1":
            return _parsed([_from_keyring().reveal], "the keyring")
        if self._key_file is None:
            raise errors.ConfigurationError(
                f"this store needs a sealing key that all its machines share: set "
                f"{KEY_VARIABLE}, or pass keys=; make one with: oauth-auth keys new"
            )
        return _parsed([self._key_file().reveal], "the key file")


def _parsed(reveals: Sequence[Callable[[], str]], where: str) -> tuple[Key, ...]:
    parts = [
        Secret(part)
        for reveal in reveals
        for part in re.split(r"[\s,]+", reveal())
        if part
    ]
    if not parts:
        raise errors.ConfigurationError(f"{where} holds no key")
    return tuple(Key(part, n, where) for n, part in enumerate(parts, 1))


def _from_keyring() -> Secret:
    """Return the key kept in the system's keyring, made there at first use.

    Raises:
        ConfigurationError: The keyring is not installed, fails, or does not answer
            within three seconds. It was asked for, so nothing else is tried.
    """
    answer: list[Any] = []

    def ask() -> None:
        try:
            import keyring

            kept = keyring.get_password(_KEYRING_SERVICE, "sealing-key")
            if kept is None:
                keyring.set_password(
                    _KEYRING_SERVICE, "sealing-key", new_key().reveal()
                )
                kept = keyring.get_password(_KEYRING_SERVICE, "sealing-key")
            answer.append(Secret(kept or ""))
        except Exception as error:  # noqa: BLE001  # a backend may raise anything
            answer.append(f"{type(error).__name__}: {error}")

    # Daemon: a backend that waits for a person must not keep the process alive.
    thread = threading.Thread(target=ask, name="oauth_auth keyring", daemon=True)
    thread.start()
    thread.join(_KEYRING_SECONDS)
    result = answer[0] if answer else f"no answer within {_KEYRING_SECONDS:.0f} s"
    if not isinstance(result, Secret):
        raise errors.ConfigurationError(
            f"the keyring was configured for the sealing key, and failed: {result}; "
            f"repair it, or set {KEY_VARIABLE} instead"
        )
    return result
