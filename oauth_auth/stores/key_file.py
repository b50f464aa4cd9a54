"""The key file of a new store, made once, by whoever of all its workers is first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from oauth_auth.lazy_errors import errors
from oauth_auth.secret import Secret
from oauth_auth.stores import disk
from oauth_auth.stores.keys import new_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["KeyFile"]


@final
class KeyFile:
    """The file ``keys`` in a store's directory.

    Args:
        directory: The store's directory.
        holds_sealed: Tells of a directory whether there is anything in the store that
            only an older key opens.
    """

    def __init__(self, directory: Path, holds_sealed: Callable[[Path], bool]) -> None:
        self._directory: Final = directory
        self._holds_sealed: Final = holds_sealed

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._directory / "keys"

    def reveal(self) -> Secret:
        """Return the file's text; the file is made first if the store is new.

        Raises:
            KeyMismatch: It is missing, and the store is not new.
            TokenStoreError: It cannot be read or made, or others can read it.
        """
        return self.kept_or_made(self._read, self._write, str(self.path))

    def kept_or_made(
        self,
        look: Callable[[], Secret | None],
        keep: Callable[[Secret], None],
        where: str,
    ) -> Secret:
        """Return the store's key from where it is kept, making it for a new store.

        Args:
            look: Returns what is kept.
            keep: Keeps a new key.
            where: The place, for the error.

        Raises:
            KeyMismatch: No key is kept, and the store is not new.
        """
        kept = look()
        if kept is not None:
            return kept
        # Only the first of all the store's programs comes here.
        from oauth_auth.stores.file_lock import FileLock
        from oauth_auth.stores.once import made_once

        directory = self._directory
        disk.make_private_directory(directory)

        def make(_held: object) -> Secret:
            kept = look()
            if kept is not None:
                return kept
            if self._holds_sealed(directory):
                raise errors.KeyMismatch(
                    f"there is no key in {where}, and {directory} holds what was "
                    "sealed with a key from there; put the key back, set "
                    "OAUTH_AUTH_KEY, or use another directory (OAUTH_AUTH_HOME)"
                )
            made = new_key()
            keep(made)
            return made

        # Two workers that start together would each seal under a key of their own.
        return made_once(look, FileLock(directory / "keys.lock", 0), make)

    def _read(self) -> Secret | None:
        data = disk.read_private(self.path, strict=True)
        return None if data is None else Secret(data.decode("ascii", "replace"))

    def _write(self, key: Secret) -> None:
        # The repr of a memoryview shows nothing, in a frame that an error may pass.
        text = memoryview(f"{key.reveal()}\n".encode())
        disk.write_private(self.path, text, durable=True)
