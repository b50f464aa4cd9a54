"""What is printed: plain lines that fit the terminal, coloured where that is wanted.

Nothing here writes a control character to what is no terminal, nor any colour where
NO_COLOR is set or ``--no-color`` is given: click takes them out then.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "clean",
    "complain",
    "encodable",
    "facts",
    "fitting",
    "no_color_option",
    "paragraph",
    "say",
    "set_color",
    "table",
    "width",
]

#: Wider lines are hard to read; narrower terminals wrap by themselves.
_WIDEST: Final = 100
_NARROWEST: Final = 40


def set_color(context: click.Context, *, off: bool = False) -> None:
    """Decide about colour for a command; https://no-color.org says how."""
    if off or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        context.color = False


def no_color_option() -> click.Option:
    """Return the option ``--no-color``, which every command has."""

    def switch(context: click.Context, _option: click.Parameter, value: object) -> None:
        set_color(context, off=bool(value))

    return click.Option(
        ["--no-color"],
        is_flag=True,
        expose_value=False,
        callback=switch,
        help="Print no colours; so does the variable NO_COLOR.",
    )


def say(text: str = "", *, err: bool = False, style: str = "") -> None:
    """Print a line.

    Args:
        text: The line.
        err: To standard error.
        style: A colour's name, with "bold" before it if that is wanted.
    """
    click.echo(_styled(encodable(text, err=err), style), err=err)


def encodable(text: str, *, err: bool = False) -> str:
    """Return a text without the characters that the stream cannot show.

    A name in another alphabet must not end a command with a UnicodeEncodeError.
    """
    stream = sys.stderr if err else sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def paragraph(text: str, *, err: bool = False, indent: str = "") -> None:
    """Print a text, wrapped where a terminal shows it."""
    say(_wrapped(text, indent, err=err), err=err)


def complain(text: str, *, style: str = "red") -> None:
    """Print to standard error what went wrong, with the program's name before it."""
    say(_wrapped(f"oauth-auth: {text}", "", err=True), err=True, style=style)


def fitting(text: str, before: str = "") -> str:
    """Return a text wrapped as standard error shows it.

    Args:
        text: The text.
        before: What somebody else will write before it.
    """
    return _wrapped(before + text, "", err=True).removeprefix(before)


def facts(rows: Iterable[tuple[str, str, str]], *, err: bool = False) -> None:
    """Print labels and values in two columns, without those that are empty.

    Args:
        rows: Label, value, and the value's style.
        err: To standard error.
    """
    kept = [row for row in rows if row[1]]
    column = max((len(label) for label, _, _ in kept), default=0)
    for label, value, style in kept:
        indent = " " * (column + 4)
        text = _wrapped(value, indent, err=err).removeprefix(indent)
        say(f"  {_styled(label.ljust(column), 'dim')}  {_styled(text, style)}", err=err)


def table(head: Sequence[str], rows: Iterable[Sequence[tuple[str, str]]]) -> None:
    """Print a table whose last column may be as wide as it likes.

    Args:
        head: The columns' names.
        rows: Text and style of each cell.
    """
    from rich.cells import cell_len, set_cell_size

    kept = [list(row) for row in rows]
    sizes = [
        max(cell_len(head[i]), *(cell_len(row[i][0]) for row in kept)) if kept else 0
        for i in range(len(head))
    ]
    _shrink(sizes, head)
    for row in ([(name, "dim") for name in head], *kept):
        cells = [
            _styled(set_cell_size(_cut(text, size), size), style)
            for (text, style), size in zip(row[:-1], sizes[:-1], strict=True)
        ]
        text, style = row[-1]
        say("  ".join([*cells, _styled(_cut(text, sizes[-1]), style)]))


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else f"{text[: size - 3]}..."


def _shrink(sizes: list[int], head: Sequence[str]) -> None:
    """Take from the widest columns what a terminal has no room for."""
    if not sys.stdout.isatty():
        return
    room = shutil.get_terminal_size().columns - 2 * (len(sizes) - 1)
    while sum(sizes) > room:
        widest = max(range(len(sizes)), key=lambda i: sizes[i])
        if sizes[widest] <= max(len(head[widest]), 8):
            return
        sizes[widest] -= 1


def clean(text: object) -> str:
    """Return a text of somebody else's in one line that cannot repaint a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def width() -> int:
    """Return how many columns a text may have."""
    return max(_NARROWEST, min(shutil.get_terminal_size().columns, _WIDEST))


def _wrapped(text: str, indent: str, *, err: bool) -> str:
    stream = sys.stderr if err else sys.stdout
    if not stream.isatty():
        # Programs read lines, and whoever pages or mails them wraps them anew.
        return indent + text
    return textwrap.fill(
        text,
        width() - 1,
        initial_indent=indent,
        subsequent_indent=indent,
        # A path or URL that is cut cannot be copied.
        break_long_words=False,
        break_on_hyphens=False,
    )


def _styled(text: str, style: str) -> str:
    if not style or not text:
        return text
    words = style.split()
    color = next((w for w in words if w not in {"bold", "dim"}), None)
    return click.style(
        text, fg=color, bold="bold" in words or None, dim="dim" in words or None
    )
