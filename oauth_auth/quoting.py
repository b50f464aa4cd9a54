"""Quoting a server: its words made fit for an error message.

A server may echo the refresh token back, answer with a page of HTML, or with control
characters that repaint a terminal. None of that may reach a log.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, quote_plus, urlsplit

from oauth_auth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from oauth_auth.message import Response
    from oauth_auth.secret import SecretSource

__all__ = ["FORM", "describe_body", "place", "quoted", "spellings"]

#: Characters of a server's text that an error message holds at most.
LONGEST: Final = 200
#: Characters that are looked at to find those.
_READ: Final = 2048
#: A shorter run in common with a secret is a coincidence.
_PIECE: Final = 8
#: A form as servers send it. Markup has angle brackets, JSON has braces, text spaces.
FORM: Final = re.compile(r'[^\s<>"{}=&]+=[^\s<>"{}]*')
#: What precedes a secret in a text that is neither JSON nor a form.
_RISKY: Final = re.compile(r"(?:token|secret|assertion)\W{0,3}[=:]", re.IGNORECASE)

# Each pattern stops at the next bracket, so that a page full of them costs no time.
_TITLE: Final = re.compile(r"<title[^<>]*>([^<]*)", re.IGNORECASE)
_HIDDEN_ELEMENT: Final = re.compile(r"<(?:script|style)[^<>]*>[^<]*", re.IGNORECASE)
_TAG: Final = re.compile(r"<[^<>]*>")


def spellings(sources: Iterable[SecretSource | None]) -> tuple[Secret, ...]:
    """Return secrets as they may come back: plain and form-encoded, in lower case.

    Some servers write escapes as %2f, some as %2F. A source that cannot be read any
    more is left out, since this runs between a token answer and its save.
    """
    found: list[Secret] = []
    for source in sources:
        try:
            secret = Secret(source.reveal()) if source else None
        except Exception:  # noqa: BLE001, S112  # users write sources too
            continue
        if secret:
            found += (
                Secret(secret.reveal().lower()),
                Secret(quote_plus(secret.reveal(), errors="replace").lower()),
                Secret(quote(secret.reveal(), safe="", errors="replace").lower()),
            )
    return tuple(dict.fromkeys(found))


def quoted(text: Secret, hidden: Sequence[Secret]) -> str:
    """Return a server's text: printable, without secrets, at most `LONGEST` long.

    Args:
        text: The text as it came; it may hold secrets.
        hidden: What must not be seen, from `spellings`. A piece of one (8 characters)
            is hidden as well: servers quote the beginning of a token.
    """
    text = Secret(text.reveal()[:_READ])
    covered = bytearray(len(text.reveal()))
    for secret in hidden:
        size = min(_PIECE, len(secret.reveal()))
        for start in range(len(covered) - size + 1):
            if text.reveal()[start : start + size].lower() in secret.reveal():
                covered[start : start + size] = b"\1" * size
    # \0 stands for a hidden run while the rest is cleaned.
    masked = "".join(
        "\0" if is_covered else char if char.isprintable() else " "
        for char, is_covered in zip(text.reveal(), covered, strict=True)
    )
    clean = " ".join(re.sub("\0+", "[hidden]", masked).split())
    return clean if len(clean) <= LONGEST else clean[: LONGEST - 3] + "..."


def describe_body(response: Response, hidden: Sequence[Secret]) -> str:
    """Say what a body is that is no OAuth answer.

    It is quoted only where that is safe: not after a success, and nothing that looks
    like JSON or a form, since those may hold tokens.
    """
    size = f"{len(response.body)} bytes"
    text = Secret(
        response.body.lstrip()[:_READ].decode("utf-8", "replace").strip("\ufeff\r\n ")
    )
    if not text:
        return f"a blank body ({size})" if response.body else "an empty body"
    if text.reveal()[0] in '{["':
        return f"not an OAuth answer (looks like JSON, {size})"
    if FORM.fullmatch(text.reveal()):
        return f"not an OAuth answer (looks like a form, {size})"
    if text.reveal().startswith("<"):
        kind = "XML" if text.reveal().startswith("<?xml") else "HTML"
        what = f"not JSON (looks like {kind}, {size})"
        title = _TITLE.search(text.reveal())
        text = Secret(
            title.group(1)
            if title
            else _TAG.sub(" ", _HIDDEN_ELEMENT.sub(" ", text.reveal()))
        )
    else:
        what = f"not JSON ({size})"
    if response.status < 400 or _RISKY.search(text.reveal()):  # noqa: PLR2004
        return what
    words = quoted(text, hidden)
    return f"{what}: {words}" if words else what


def place(url: str) -> str:
    """Return a URL without its user information, query and fragment."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "the endpoint"
    return quoted(Secret(f"{parts.scheme}://{host}{parts.path}"), ())
