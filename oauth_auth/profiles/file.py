"""Profiles: the file ``profiles.toml``, read again only when it has changed.

Each table at the top is a profile. The file is written with its comments kept.
"""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

from oauth_auth.lazy_errors import errors
from oauth_auth.profiles.source import Source, parse
from oauth_auth.profiles.spelling import closest, shown
from oauth_auth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oauth_auth.profiles.profile import Profile

__all__ = ["Profiles", "default_path"]

FILE: Final = "profiles.toml"
#: A profile takes a few hundred bytes.
_LARGEST: Final = 1 << 20
#: A file that changed so lately may change again without its times telling, in seconds.
_SETTLED: Final = 1.0
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


class _Kept:
    """What was read of one file."""

    __slots__ = ("profiles", "settled", "source", "stamp")

    def __init__(
        self, stamp: tuple[int, ...], source: Source, *, settled: bool
    ) -> None:
        self.stamp: Final = stamp
        self.source: Final = source
        self.settled: Final = settled
        self.profiles: Final[dict[str, Profile]] = {}


_read: dict[Path, _Kept] = {}
_defaults: dict[tuple[str | None, ...], Path] = {}


def default_path() -> Path:
    """Return where the user's profiles are."""
    # Asked for every `OAuthAuth("name")`, so the answer is kept per environment.
    home = os.environ.get("OAUTH_AUTH_HOME")
    names = ("XDG_CONFIG_HOME", "HOME")
    key = (home,) if home else tuple(map(os.environ.get, names))
    path = _defaults.get(key)
    if path is None:
        if home:
            path = Path(home).absolute() / FILE
        else:
            import platformdirs

            path = platformdirs.user_config_path("oauth_auth", appauthor=False) / FILE
        _defaults[key] = path
    return path


@final
class Profiles:
    """The profiles of one file.

    Args:
        path: The file. None means ``profiles.toml`` in the directory that the
            environment variable ``OAUTH_AUTH_HOME`` names, else in the platform's
            place for a user's configuration.

    Example:
        >>> Profiles("/etc/reports/profiles.toml")
        Profiles('/etc/reports/profiles.toml')
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path: Final = Path(path).absolute() if path else default_path()

    def names(self) -> list[str]:
        """Return the names of all profiles, as the file orders them.

        Raises:
            ConfigurationError: The file cannot be read, is no TOML, or has a secret
                in it.
        """
        return self._kept().source.names()

    def load(self, name: str) -> Profile:
        """Return a profile.

        Raises:
            ConfigurationError: There is none of that name, it cannot work, or the
                file cannot be read, is no TOML, or has a secret in it.
        """
        kept = self._kept()
        profile = kept.profiles.get(name)
        if profile is None:
            if name not in kept.source.names():
                raise self._unknown(name, kept.source.names())
            profile = kept.source.profile(name)
            kept.profiles[name] = profile
        return profile

    def save(self, profile: Profile, *, replace: bool = False) -> None:
        """Write a profile into the file; all others stay as they are, with comments.

        Args:
            profile: The profile.
            replace: Whether it may replace another one of the same name.

        Raises:
            ConfigurationError: There is another one of that name, the file cannot be
                read or is no TOML, or the extra ``cli`` is not installed.
            TokenStoreError: The file cannot be written or locked.
        """
        from oauth_auth.profiles.writing import with_profile

        table = profile.to_dict()

        def changed(text: Secret, source: Source) -> Secret:
            if not source.differs_in(profile.name, table):
                return text  # several workers may set the same up at once
            if profile.name in source.names() and not replace:
                raise errors.ConfigurationError(
                    f"there is a profile {profile.name} in {self.path} already; remove "
                    f"it first: oauth-auth profiles remove {profile.name}"
                )
            return with_profile(text, profile)

        self._rewrite(profile.name, table, changed)

    def remove(self, name: str) -> None:
        """Remove a profile from the file. Its login and its secret stay in the store.

        Raises:
            ConfigurationError: There is none of that name, the file cannot be read or
                is no TOML, or the extra ``cli`` is not installed.
            TokenStoreError: The file cannot be written or locked.
        """
        from oauth_auth.profiles.writing import without_profile

        def changed(text: Secret, source: Source) -> Secret:
            if name not in source.names():
                raise self._unknown(name, source.names())
            return without_profile(text, name)

        self._rewrite(name, None, changed)

    # -- the file -------------------------------------------------------------------

    def _kept(self) -> _Kept:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            # No cache entry: the file may come any moment.
            return _Kept((), parse(self.path, Secret("")), settled=False)
        except OSError as error:
            raise self._unreadable(error) from None
        stamp = (found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev)
        kept = _read.get(self.path)
        if kept is None or kept.stamp != stamp or not kept.settled:
            settled = time.time() - found.st_mtime > _SETTLED
            kept = _Kept(stamp, parse(self.path, self._text()), settled=settled)
            _read[self.path] = kept
        return kept

    def _text(self) -> Secret:
        """Return the file's text, in which a secret may be that should not."""
        try:
            # A fifo would block its reader for ever.
            self._check(self.path.stat())
            with self.path.open("rb") as file:
                data = memoryview(file.read(_LARGEST + 1))
        except FileNotFoundError:
            return Secret("")
        except OSError as error:
            raise self._unreadable(error) from None
        if len(data) > _LARGEST:
            raise errors.ConfigurationError(
                f"{self.path} is larger than {_LARGEST} bytes, so it is no file of "
                "profiles"
            )
        try:
            return Secret(str(data, "utf-8-sig"))
        except UnicodeDecodeError as error:
            line = bytes(data[: error.start]).count(b"\n") + 1
        raise errors.ConfigurationError(f"{self.path}, line {line}: not UTF-8 text")

    def _check(self, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise errors.ConfigurationError(f"{self.path} is not a plain file")
        if hasattr(os, "geteuid") and found.st_mode & _OTHERS_WRITE:
            raise errors.ConfigurationError(
                f"others can write to {self.path} (mode {found.st_mode & 0o777:04o}), "
                "and could have secrets sent to a server of theirs; run: chmod 600 "
                f"{self.path}"
            )

    def _rewrite(
        self,
        name: str,
        table: Mapping[str, Any] | None,
        changed: Callable[[Secret, Source], Secret],
    ) -> None:
        from oauth_auth.profiles.writing import rewriting

        with rewriting(self.path) as write:
            text = self._text()
            source = parse(self.path, text)
            new = changed(text, source)
            # An unusual layout may be more than the writer can keep.
            if not source.differs_only_in(name, parse(self.path, new), table):
                raise errors.ConfigurationError(
                    f"{self.path} cannot be changed without changing more than "
                    f"profile {name}; edit it by hand"
                )
            if new != text:
                write(new)
        _read.pop(self.path, None)

    def _unreadable(self, error: OSError) -> Exception:
        return errors.ConfigurationError(
            f"{self.path} cannot be read: {error.strerror or error}; check owner and "
            "mode, or point OAUTH_AUTH_HOME elsewhere"
        )

    def _unknown(self, name: str, names: list[str]) -> Exception:
        meant = closest(name, names)
        has = f"it has: {', '.join(map(shown, names))};" if names else "it has none;"
        hint = f"did you mean {shown(meant)}? Else" if meant else has
        return errors.ConfigurationError(
            f"there is no profile {shown(name)} in {self.path}; {hint} make it with: "
            f"oauth-auth login {shown(name)} ..."
        )

    def __repr__(self) -> str:
        return f"Profiles({str(self.path)!r})"
