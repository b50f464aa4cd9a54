"""Times in words."""

from __future__ import annotations

from typing import Final

__all__ = ["duration", "moment"]

_UNITS: Final = (("days", 86400), ("h", 3600), ("min", 60))
#: A unit is used from twice its length on, since "90 min" says more than "1 h".
_FROM: Final = 2


def duration(seconds: float) -> str:
    """Return a length of time in one unit, rounded down.

    Example:
        >>> duration(2530), duration(90), duration(200000)
        ('42 min', '90 s', '2 days')
    """
    for name, size in _UNITS:
        if seconds >= _FROM * size:
            return f"{int(seconds // size)} {name}"
    return f"{int(seconds)} s"


def moment(at: float, now: float) -> str:
    """Return when something is, seen from now; both in seconds since the epoch.

    Example:
        >>> moment(1000 + 2530, 1000), moment(1000, 1000 + 90)
        ('in 42 min', '90 s ago')
    """
    if at >= now:
        return f"in {duration(at - now)}"
    return f"{duration(now - at)} ago"
