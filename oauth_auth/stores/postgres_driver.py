"""What is taken from psycopg, and one thing that it lacks: a limit for each answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

if TYPE_CHECKING:
    from collections.abc import Generator

    from oauth_auth.secret import SecretSource

__all__ = ["Connection", "has_password", "parsed"]

#: Seconds to wait for one answer: a network that is cut says nothing.
_TIMEOUT: Final = 5.0


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that gives up on an answer which does not come."""

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        """Wait for an answer, for so long.

        Raises:
            OperationalError: It did not come; the connection is of no use any more.
        """
        return super().wait(_bounded(gen), *args, **kwargs)


def _bounded(gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    # psycopg sends a word several times a second, while nothing comes.
    deadline = time.monotonic() + _TIMEOUT
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if time.monotonic() > deadline:
                raise psycopg.OperationalError(f"no answer within {_TIMEOUT:g} s")
            wanted = gen.send(ready) or wanted
    except StopIteration as end:
        return end.value


def parsed(source: SecretSource) -> dict[str, Any] | None:
    """Return the parts of a DSN without its password; None if it is none."""
    try:
        parts = conninfo_to_dict(source.reveal())
    except psycopg.Error:
        return None  # its text repeats what it could not read
    parts.pop("password", None)
    return dict(parts)


def has_password(source: SecretSource) -> bool:
    """Whether a DSN holds a password."""
    try:
        return bool(conninfo_to_dict(source.reveal()).get("password"))
    except psycopg.Error:
        return True
