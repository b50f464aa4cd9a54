"""Where a profile's secrets are: a profile holds references to them, never a secret."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

from oauth_auth.lazy_errors import errors
from oauth_auth.profiles.kept import FromStore
from oauth_auth.profiles.spelling import shown
from oauth_auth.secret import FromEnv, FromFile
from oauth_auth.stores.address import holds_password, source_of
from oauth_auth.stores.places import STORE_VARIABLE, is_url
from oauth_auth.stores.system_keyring import FromKeyring

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_auth.secret import SecretSource
    from oauth_auth.stores.base import TokenStore

__all__ = ["KINDS", "SecretReference", "own_path"]

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: How each kind is written.
KINDS: Final = {
    "env": '{ env = "NAME" }',
    "file": '{ file = "/path" }',
    "keyring": '{ keyring = "service:user" }',
    "store": "{ store = true }",
}


@final
@dataclass(frozen=True)
class SecretReference:
    """Where a secret is kept.

    Args:
        kind: ``"env"`` (an environment variable), ``"file"``, ``"keyring"`` or
            ``"store"`` (sealed in the profile's token store).
        name: The variable, the file's path, or ``"service:user"``; empty for the
            store.

    Example:
        >>> SecretReference("env", "GITHUB_CLIENT_SECRET").to_dict()
        {'env': 'GITHUB_CLIENT_SECRET'}
    """

    kind: str
    name: str = ""

    @classmethod
    def from_dict(cls, written: Mapping[str, Any], key: str) -> SecretReference:
        """Read a reference as it is written in TOML.

        Args:
            written: Such as ``{"env": "NAME"}``.
            key: Whose reference it is, for errors.

        Raises:
            ConfigurationError: It is none.
        """
        # Not with its value: who confuses the kinds may have written the secret there.
        kinds = sorted(map(str, written))
        if len(kinds) != 1 or kinds[0] not in KINDS:
            given = ", ".join(map(shown, kinds[: len(KINDS)])) or "nothing"
            raise _not_one(key, f"not one with {given} in it")
        kind = kinds[0]
        if kind == "store":
            if written[kind] is not True:
                raise _not_one(key, "store can only be true")
            return cls(kind)
        name = written[kind]
        if not isinstance(name, str) or not name or not name.isprintable():
            raise _not_one(key, f"{kind} takes a text")
        if kind == "env" and not _VARIABLE.fullmatch(name):
            # Perhaps the secret itself, so it is not repeated.
            raise _not_one(key, "env takes a variable's name, such as CLIENT_SECRET")
        if kind == "file":
            own_path(name, f"{key}.file")
        if kind == "keyring" and not all(FromKeyring(name).place):
            raise _not_one(key, "keyring takes a service and a user, with a colon")
        return cls(kind, name)

    def to_dict(self) -> dict[str, Any]:
        """Return the reference as it is written in TOML."""
        return {self.kind: True if self.kind == "store" else self.name}

    def source(self, profile: str, key: str, store: TokenStore | None) -> SecretSource:
        """Return what hands out the secret.

        Args:
            profile: The profile's name.
            key: Which of its secrets it is.
            store: The profile's store; None for the user's own.
        """
        if self.kind == "env":
            return FromEnv(self.name)
        if self.kind == "file":
            return FromFile(str(own_path(self.name, key)))
        if self.kind == "keyring":
            return FromKeyring(self.name)
        return FromStore(store, profile, key)


def own_path(text: str, key: str) -> Path:
    """Return a path that means the same wherever a program is started.

    Raises:
        ConfigurationError: It is relative.
    """
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:
        raise errors.ConfigurationError(f"{key}: {error}", key=key) from None
    if not path.is_absolute():
        raise errors.ConfigurationError(
            f'{key} must be an absolute path, or begin with "~/", not {text!r}, since '
            "programs start in any directory",
            key=key,
        )
    return path


def own_address(text: str, key: str) -> str:
    """Return a store's address: a URL, or an absolute path.

    Raises:
        ConfigurationError: The path is relative, or the URL holds a password, which
            everybody who may read the profile would know.
    """
    if not is_url(text):
        return str(own_path(text, key))
    if holds_password(source_of(text)):
        raise errors.ConfigurationError(
            f"{key} holds a password, which has no place in a profile; leave {key} "
            f"out, and put the URL into the environment variable {STORE_VARIABLE}",
            key=key,
        )
    return text


def _not_one(key: str, why: str) -> Exception:
    return errors.ConfigurationError(
        f"{key} must be a reference to a secret: {', '.join(KINDS.values())}; {why}",
        key=key,
    )
