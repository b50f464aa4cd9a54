"""A QR code in the terminal, so that nobody types an address into a phone."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

__all__ = ["qr_code"]

#: Modules of white around it. ISO/IEC 18004 asks for four; cameras need no more.
_BORDER: Final = 2
#: Black on white whatever the terminal's theme makes of its first sixteen colours.
#: Not every camera reads the reverse.
_COLOURS: Final = "\x1b[38;5;16;48;5;231m"
_RESET: Final = "\x1b[0m"
#: Two modules in one character, by which of them are black: upper, lower.
_HALVES: Final = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}


def qr_code(text: str, stream: TextIO, *, beside: int = 1) -> str:
    """Return a QR code as lines to be written to a terminal.

    Args:
        text: What is in it, such as a URL.
        stream: Where it would be written.
        beside: Lines that have to be seen beside it.

    Returns:
        The lines; empty where it cannot be shown: segno (extra ``cli``) is not
        installed, `stream` is no terminal, is too small, or knows no such characters.
    """
    if not stream.isatty() or os.environ.get("TERM") == "dumb":
        return ""
    try:
        "".join(_HALVES.values()).encode(stream.encoding or "ascii")
        import segno

        code = segno.make_qr(text)
    except (ImportError, ValueError, LookupError):
        return ""  # UnicodeEncodeError, and segno's "too much data", are ValueErrors
    rows = [list(row) for row in code.matrix_iter(border=_BORDER)]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    size = shutil.get_terminal_size()
    if len(rows[0]) >= size.columns or len(rows) // 2 + beside > size.lines:
        return ""
    return "".join(
        f"{_COLOURS}{_line(upper, lower)}{_RESET}\n"
        for upper, lower in zip(rows[::2], rows[1::2], strict=True)
    )


def _line(upper: Sequence[int], lower: Sequence[int]) -> str:
    return "".join(
        _HALVES[bool(above), bool(below)]
        for above, below in zip(upper, lower, strict=True)
    )
