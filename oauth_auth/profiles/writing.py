"""Writing ``profiles.toml``: what others wrote there stays, comments and all.

tomlkit keeps them. Only who writes profiles needs it, so it comes with the command
line.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from oauth_auth.lazy_errors import errors
from oauth_auth.secret import Secret
from oauth_auth.stores import disk
from oauth_auth.stores.file_lock import FileLock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from oauth_auth.profiles.profile import Profile

__all__ = ["rewriting", "with_profile", "without_profile"]

_LOCK_SECONDS: Final = 10.0


@contextlib.contextmanager
def rewriting(path: Path) -> Iterator[Callable[[Secret], None]]:
    """Hold the lock of a file of profiles, and give what replaces it in one step.

    Args:
        path: The file. A symbolic link stays, and what it leads to is replaced.

    Raises:
        StoreLocked: Another process holds the lock.
        TokenStoreError: The file cannot be locked or written.
    """
    # The lock lies beside the file itself, so that all links to it share it.
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        disk.make_private_directory(target.parent)

    def write(text: Secret) -> None:
        # The repr of a memoryview shows nothing.
        disk.write_private(target, memoryview(text.reveal().encode()), durable=True)

    with FileLock(target.with_name(f".{target.name}.lock"), _LOCK_SECONDS):
        yield write


def with_profile(text: Secret, profile: Profile) -> Secret:
    """Return the text with a profile put in, at its old place if it has one."""
    tomlkit = _tomlkit()
    document = _document(tomlkit, text)
    table = tomlkit.table()
    for key, value in profile.to_dict().items():
        table.add(key, _inline(tomlkit, value))
    if profile.name not in document and len(document):
        document.add(tomlkit.nl())
    document[profile.name] = table
    return Secret(tomlkit.dumps(document))


def without_profile(text: Secret, name: str) -> Secret:
    """Return the text without a profile."""
    tomlkit = _tomlkit()
    document = _document(tomlkit, text)
    del document[name]
    return Secret(tomlkit.dumps(document))


def _document(tomlkit: ModuleType, text: Secret) -> Any:
    try:
        return tomlkit.parse(text.reveal())
    except Exception as error:  # noqa: BLE001  # tomllib has read it
        failure = type(error).__name__
    raise errors.ConfigurationError(
        f"the file of profiles is beyond tomlkit ({failure}); edit it by hand"
    )


def _inline(tomlkit: ModuleType, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inline = tomlkit.inline_table()
    inline.update(value)
    return inline


def _tomlkit() -> ModuleType:
    try:
        import tomlkit
    except ImportError:
        raise errors.ConfigurationError(
            'writing profiles needs: pip install "oauth-auth[cli]"; or edit the file '
            "by hand"
        ) from None
    return tomlkit
