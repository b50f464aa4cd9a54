"""WWW-Authenticate: what a server says about a 401 (RFC 9110 section 11.6.1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Challenge", "parse_challenges"]

# RFC 9110 section 5.6.2; \w would let letters of all alphabets through.
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_EQUALS: Final = re.compile(r"[ \t]*=[ \t]*")
# An end quote may be missing where a proxy has cut the header.
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"?', re.DOTALL)
# Wider than a token: servers write URLs without quotes.
_BARE: Final = re.compile(r'[^\s,"]*')
# RFC 9110 section 11.2, as in "Negotiate YII=": nothing here wants it.
_TOKEN68: Final = re.compile(r"[ \t]+[0-9A-Za-z._~+/-]+=*[ \t]*(?=,|$)")
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_GAP: Final = re.compile(r"[\s,]*")


class Challenge(NamedTuple):
    """One challenge: a scheme and its parameters, both named in lower case."""

    scheme: str
    params: Mapping[str, str]


def parse_challenges(header_values: Iterable[str]) -> tuple[Challenge, ...]:
    """Read the challenges of WWW-Authenticate, skipping what is none.

    A 401 is answered by what can be understood of it, so nothing here raises.

    Args:
        header_values: The values of all fields of that name.

    Returns:
        The challenges in their order; of a parameter sent twice, the first one.

    Example:
        >>> parse_challenges(['Bearer realm="api", error="invalid_token"'])[0].params
        {'realm': 'api', 'error': 'invalid_token'}
    """
    return tuple(challenge for value in header_values for challenge in _parse(value))


def _parse(text: str) -> list[Challenge]:
    found: list[Challenge] = []
    params: dict[str, str] = {}
    position = 0
    while position < len(text):
        gap = _GAP.match(text, position)
        begins = position == 0 or (gap is not None and "," in gap.group())
        position = gap.end() if gap else position
        name = _TOKEN.match(text, position)
        if name is None:
            # Garbage; its quotes are taken as one, lest their content be read.
            garbage = _QUOTED.match(text, position)
            position = garbage.end() if garbage else position + 1
            continue
        position = name.end()
        equals = _EQUALS.match(text, position)
        if equals is not None:
            position, value = _value(text, equals.end())
            params.setdefault(name.group().lower(), value)
        elif begins:
            # A word elsewhere is the rest of a value that should have been quoted.
            params = {}
            found.append(Challenge(name.group().lower(), params))
            token68 = _TOKEN68.match(text, position)
            position = token68.end() if token68 else position
    return found


def _value(text: str, position: int) -> tuple[int, str]:
    quoted = _QUOTED.match(text, position)
    if quoted is not None:
        return quoted.end(), _ESCAPE.sub(r"\1", quoted.group(1))
    bare = _BARE.match(text, position)
    return (bare.end(), bare.group()) if bare else (position, "")
