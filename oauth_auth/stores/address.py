"""A server's URL, of which only the password is a secret."""

from __future__ import annotations

from typing import Final, final

from oauth_auth.secret import Secret, SecretSource

__all__ = ["Address", "holds_password", "place_of", "source_of"]


@final
class Address:
    """A URL whose password is kept apart: a `SecretSource` of the whole.

    Args:
        before: The URL up to the password.
        password: The password, as it is written in the URL; None for none.
        after: What follows it.
    """

    __slots__ = ("_after", "_before", "_password")

    def __init__(self, before: str, password: Secret | None, after: str) -> None:
        self._before: Final = before
        self._password: Final = password
        self._after: Final = after

    def reveal(self) -> str:
        """Return the URL with its password."""
        password = self._password
        return f"{self._before}{password.reveal() if password else ''}{self._after}"

    @property
    def has_password(self) -> bool:
        """Whether there is one."""
        return bool(self._password)

    def _state(self) -> tuple[str, Secret | None, str]:
        return self._before, self._password, self._after

    def __repr__(self) -> str:
        before = self._before if self._password is None else self._before[:-1]
        return f"Address({f'{before}{self._after}'!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and other._state() == self._state()

    def __hash__(self) -> int:
        return hash(self._state())


def source_of(url: str | SecretSource) -> SecretSource:
    """Return a URL, or a reference to one, as a source of it.

    Where it is no URL, or a password stands elsewhere in it, all of it is secret.

    Example:
        >>> source_of("redis://me:s3cret@h/1"), source_of("host=h password=s3cret")
        (Address('redis://me@h/1'), Secret(...))
    """
    if not isinstance(url, str):
        return url
    scheme, found, rest = url.partition("://")
    user_info, at, host = rest.partition("/")[0].rpartition("@")
    user, colon, password = user_info.partition(":")
    if not found or "password" in url.partition("?")[2].lower():
        return Secret(url)
    if not at or not colon:
        return Address(url, None, "")
    path = rest[len(user_info) + len(at) + len(host) :]
    return Address(f"{scheme}://{user}:", Secret(password), f"@{host}{path}")


def place_of(source: SecretSource) -> SecretSource:
    """Return what a source says now, to tell places apart: a variable may change."""
    return source_of(source.reveal())


def holds_password(source: SecretSource) -> bool:
    """Whether a password is written in a URL, or may be."""
    return source.has_password if isinstance(source, Address) else True
