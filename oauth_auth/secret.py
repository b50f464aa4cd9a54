"""Values that must not be seen, and where else a secret may be read from.

Tracebacks with captured locals, logs and debuggers print the ``repr`` of what a
frame holds. Inside the package a secret therefore travels as a `Secret`, and is
revealed only in the expression that puts it on the wire or seals it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NoReturn, Protocol, final, runtime_checkable

__all__ = ["FromEnv", "FromFile", "Secret", "SecretSource"]

#: How often a file is looked for.
_TRIES: Final = 3


@runtime_checkable
class SecretSource(Protocol):
    """Anything that can hand out a secret when it is needed."""

    def reveal(self) -> str:
        """Return the secret itself."""
        ...


@final
class Secret:
    """A literal secret, whose ``repr`` and ``str`` do not show it.

    Args:
        value: The secret.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value: Final = value

    def reveal(self) -> str:
        """Return the secret itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(...)"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Secret does not pickle by itself, since a pickle is readable by "
            "anyone; pickle the OAuthAuth that holds it, which seals it"
        )

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Secret:
        return self


class _Reference:
    """A secret kept elsewhere: equal, printable and picklable by its name."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name: Final = name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.name == self.name

    def __hash__(self) -> int:
        return hash((type(self), self.name))

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return type(self), (self.name,)


@final
class FromEnv(_Reference):
    """A secret read from an environment variable each time it is needed.

    Args:
        name: The variable's name.

    Example:
        >>> FromEnv("REPORTS_CLIENT_SECRET")
        FromEnv('REPORTS_CLIENT_SECRET')
    """

    __slots__ = ()

    def reveal(self) -> str:
        """Return the variable's value.

        Raises:
            ConfigurationError: The variable is not set, or is empty.
        """
        value = os.environ.get(self.name, "")
        if not value:
            from oauth_auth.errors import ConfigurationError

            raise ConfigurationError(
                f"environment variable {self.name} is not set; "
                "it should hold a secret that this configuration refers to"
            )
        return value


@final
class FromFile(_Reference):
    """A secret read from a file each time it is needed; one final newline is dropped.

    Args:
        name: The file's path.
    """

    __slots__ = ()

    def reveal(self) -> str:
        """Return the file's content.

        Raises:
            ConfigurationError: The file cannot be read, or is empty.
        """
        try:
            value = Secret(_content(self.name).removesuffix("\n").removesuffix("\r"))
        except (OSError, UnicodeDecodeError) as error:
            # Outside the clause: a UnicodeDecodeError holds the file's content.
            failure = f"cannot be read: {error}"
        else:
            if value:
                return value.reveal()
            failure = "is empty"
        from oauth_auth.errors import ConfigurationError

        raise ConfigurationError(
            f"the secret file {self.name} {failure}; it should hold a secret that "
            "this configuration refers to"
        )


def _content(path: str) -> str:
    for _ in range(_TRIES - 1):
        try:
            return Path(path).read_text("utf-8")
        except FileNotFoundError:
            # Kubernetes replaces mounted files by moving a symlink and removing where
            # it led to: who was on the way there finds nothing.
            continue
    return Path(path).read_text("utf-8")


def as_source(value: str | SecretSource | None) -> SecretSource | None:
    """Wrap a literal; leave references as they are."""
    return Secret(value) if isinstance(value, str) else value


def takes_time(source: object) -> bool:
    """Whether a secret may come over a network, or after somebody has been asked."""
    own: bool | None = getattr(source, "takes_time", None)
    if own is not None:
        return own
    return source is not None and not isinstance(source, Secret | FromEnv | FromFile)
