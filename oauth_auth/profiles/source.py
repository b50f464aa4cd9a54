"""The text of ``profiles.toml``, parsed: free of secrets, and what is in which line."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any, Final, final

from oauth_auth.lazy_errors import errors
from oauth_auth.profiles.profile import Profile
from oauth_auth.profiles.spelling import shown
from oauth_auth.profiles.values import is_secret, plaintext
from oauth_auth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["Source", "parse"]

_PLACE: Final = re.compile(r" ?\(at (?:line (\d+), column \d+|end of document)\)$")
#: Deeper tables than a profile can have; parsers fail on very deep ones.
_DEEPEST: Final = 8


@final
class Source:
    """What a file says. No secret is in it.

    Args:
        path: The file.
        text: Its text.
        tables: Its tables.
    """

    __slots__ = ("_path", "_tables", "_text")

    def __init__(self, path: Path, text: Secret, tables: dict[str, Any]) -> None:
        self._path: Final = path
        self._text: Final = text
        self._tables: Final = tables

    def names(self) -> list[str]:
        """Return the names of the profiles."""
        return list(self._tables)

    def profile(self, name: str) -> Profile:
        """Return a profile of the file.

        Raises:
            ConfigurationError: It cannot work; the message names the line.
        """
        try:
            return Profile.from_dict(name, self._tables[name])
        except errors.ConfigurationError as error:
            line = self.line_of(name, str(getattr(error, "key", "")))
            raise errors.ConfigurationError(
                f"{self._path}, line {line}: profile {shown(name)}: {error.message}"
            ) from None

    def differs_in(self, name: str, table: Mapping[str, Any]) -> bool:
        """Whether there is no profile of a name, or one with other settings."""
        return bool(self._tables.get(name) != table)

    def differs_only_in(
        self, name: str, other: Source, table: Mapping[str, Any] | None
    ) -> bool:
        """Whether another text says the same but for one profile.

        Args:
            name: The profile.
            other: The other text.
            table: What it has there; None if the profile is gone.
        """
        expected = {**self._tables, name: table}
        if table is None:
            del expected[name]
        return bool(expected == other._tables)

    def line_of(self, name: str, key: str) -> int:
        """Return the line of a setting; of its table if it is not found, else 1."""
        return _line_of(self._text, name, key)


@final
class _Document:
    """A parsed file that may hold secrets, so its ``repr`` shows nothing."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value: Final = value


def parse(path: Path, text: Secret) -> Source:
    """Parse a file of profiles.

    Raises:
        ConfigurationError: It is no TOML, has something else than profiles at the
            top, or a secret in it. The message names the line.
    """
    found = _parsed(text)
    if isinstance(found, str):
        place = _PLACE.search(found)
        line = place[1] if place and place[1] else text.reveal().count("\n") + 1
        raise errors.ConfigurationError(
            f"{path}, line {line}: not TOML: {_PLACE.sub('', found)}"
        )
    for name in found.value:
        table = _Document(found.value[name])
        if not isinstance(table.value, dict):
            line = _line_of(text, "", name)
            raise errors.ConfigurationError(
                f"{path}, line {line}: {shown(name)} is outside of any profile; a "
                "profile begins with its name in brackets, such as [github]"
            )
        for key in _secrets(table):
            error = plaintext(key)
            line = _line_of(text, name, key)
            raise errors.ConfigurationError(
                f"{path}, line {line}: profile {shown(name)}: {error}"
            )
    return Source(path, text, found.value)


def _parsed(text: Secret) -> _Document | str:
    try:
        return _Document(tomllib.loads(text.reveal()))
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        # Not raised from here: the error, and the frames it passed, hold the text.
        kind = isinstance(error, tomllib.TOMLDecodeError)
        return str(error) if kind else "a value cannot be read"


def _secrets(table: _Document, depth: int = 0) -> Iterator[str]:
    """Yield the names of secrets that are written out."""
    for name in table.value:
        inner = _Document(table.value[name])
        if is_secret(name, inner.value):
            yield name
        elif isinstance(inner.value, dict) and depth < _DEEPEST:
            yield from _secrets(inner, depth + 1)


def _line_of(text: Secret, name: str, key: str) -> int:
    """Find a setting as people write it; a multi-line text may mislead it."""
    key = key.rpartition(".")[2]
    header = re.compile(rf"""\s*\[\s*["']?{re.escape(name)}["']?\s*[].]""")
    setting = re.compile(rf"""(?:.*[{{,.\[])?\s*["']?{re.escape(key)}["']?\s*[].=]""")
    inside = not name
    found = 0
    for number, line in enumerate(map(Secret, text.reveal().split("\n")), 1):
        if name and line.reveal().lstrip().startswith("["):
            inside = header.match(line.reveal()) is not None
            if inside and not found:
                found = number
        if inside and key and setting.match(line.reveal()):
            return number
    return found or 1
