"""What a misspelt name was meant to be."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final, NoReturn

from oauth_auth.lazy_errors import errors

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["closest", "refuse_unknown", "shown"]

#: How alike two names are for one to be taken for the other misspelt; 1 is equal. One
#: or two letters of six or more are.
_ALIKE: Final = 0.8
#: Longer names are nobody's slip.
_LONGEST: Final = 80


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like a misspelt one, if any is.

    Example:
        >>> closest("scopes", ["issuer", "scope"])
        'scope'
    """
    wanted = name[:_LONGEST].lower().replace("-", "_")
    by_spelling = {each.lower(): each for each in known}
    found = difflib.get_close_matches(wanted, by_spelling, n=1, cutoff=_ALIKE)
    return by_spelling[found[0]] if found else None


def shown(name: str) -> str:
    """Return a name fit for an error: in one line, and not too long."""
    if len(name) <= _LONGEST and name.isprintable():
        return name
    return repr(name[:_LONGEST])


def refuse_unknown(
    name: str, known: Iterable[str], what: str, **facts: str
) -> NoReturn:
    """Raise the error for a name that is not known.

    Args:
        name: The name.
        known: Those that are.
        what: What they are names of.
        facts: Attributes of the error.

    Raises:
        ConfigurationError: Always.
    """
    known = sorted(known)
    meant = closest(name, known)
    hint = f"did you mean {meant!r}?" if meant else f"known are: {', '.join(known)}"
    raise errors.ConfigurationError(
        f"unknown {what} {name[:_LONGEST]!r}; {hint}", **facts
    )
