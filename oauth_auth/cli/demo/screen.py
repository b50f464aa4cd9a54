"""Progress: a live table in a terminal, lines elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from oauth_auth.cli.demo.run import ACCESS_TOKEN_LIFETIME, GRACE

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import Self, TextIO

    from oauth_auth.cli.demo.figures import Figures, View

__all__ = ["Screen", "console_on", "screen_on", "style_of"]

#: Seconds between two lines where there is no terminal.
_LINE_EVERY: Final = 2.0
_NAMES: Final = (
    "requests",
    "failures",
    "renewals",
    "expiries",
    "logouts",
    "reuse",
    "killed",
)
_SHARED: Final = "{n} processes, one login, one encrypted token cache"
_SHARED_WHY: Final = (
    f"An access token lives {ACCESS_TOKEN_LIFETIME:g} s. A refresh token works once: "
    f"sent again after {GRACE:g} s, it ends the login for all. Now and then a worker "
    "is killed and replaced."
)
_ALONE: Final = "The same {n} processes, each with a cache of its own"
_ALONE_WHY: Final = (
    "All start from the same refresh token, which works once; this server ends the "
    "login at once when it is sent again. Nobody is killed."
)


class Screen(Protocol):
    """Where progress is shown."""

    def show(self, view: View) -> None:
        """Show a moment of a run."""
        ...


def console_on(stream: TextIO) -> Console:
    """Return a console without escape codes where there is no terminal.

    FORCE_COLOR and the like do not count: the live table moves the cursor.
    """
    return Console(file=stream, force_terminal=stream.isatty(), highlight=False)


def screen_on(console: Console) -> AbstractContextManager[Screen]:
    """Return the screen that fits the console."""
    if console.is_terminal and not console.is_dumb_terminal:
        return _LiveScreen(console)
    return _Lines(console)


def style_of(name: str, value: int) -> str:
    """Return the colour of a figure; the number says the same without."""
    if name not in {"failures", "logouts", "reuse", "reuse_detected"}:
        return ""
    return "bold red" if value else "green"


class _LiveScreen:
    """A table that is drawn anew in its place, and gone at the end."""

    def __init__(self, console: Console) -> None:
        self._live: Final = Live(console=console, auto_refresh=False, transient=True)

    def show(self, view: View) -> None:
        # The workers come last: of many, a small terminal cuts off some of them.
        self._live.update(
            Group(
                Text(_title(view), style="bold"),
                Text(_why(view)),
                "",
                _progress(view),
                "",
                _totals(view.figures),
                "",
                _workers(view),
                # The cursor rests here: a "^C" from the terminal must not wrap.
                "",
            ),
            refresh=True,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()


class _Lines:
    """A line every few seconds."""

    def __init__(self, console: Console) -> None:
        self._console: Final = console
        self._shared: bool | None = None
        self._next = 0.0

    def show(self, view: View) -> None:
        if view.shared is not self._shared:
            if self._shared is not None:
                self._console.print()
            self._shared = view.shared
            self._next = _LINE_EVERY
            self._console.print(f"{_title(view)}\n\n{_why(view)}\n")
            self._console.print("    time" + "".join(f"{n:>10}" for n in _NAMES))
        elif view.elapsed >= min(self._next, view.seconds):
            numbers = "".join(f"{number:>10,}" for number in view.figures)
            self._console.print(f"{view.elapsed:6.0f} s{numbers}")
            self._next = view.elapsed + _LINE_EVERY

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._console.print()


def _title(view: View) -> str:
    return (_SHARED if view.shared else _ALONE).format(n=len(view.rows))


def _why(view: View) -> str:
    return _SHARED_WHY if view.shared else _ALONE_WHY


def _progress(view: View) -> Table:
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(ratio=1)
    grid.add_column(justify="right")
    grid.add_row(
        ProgressBar(total=view.seconds, completed=view.elapsed),
        f"{view.elapsed:.0f} of {view.seconds:g} s",
    )
    return grid


def _totals(figures: Figures) -> Table:
    table = Table(box=None, padding=(0, 0), expand=True, header_style="dim")
    cells = []
    for name, number in zip(_NAMES, figures, strict=True):
        table.add_column(name, justify="right", ratio=1)
        cells.append(Text(f"{number:,}", style=f"bold {style_of(name, number)}"))
    table.add_row(*cells)
    return table


def _workers(view: View) -> Table:
    table = Table(box=None, padding=(0, 0), expand=True, header_style="dim")
    table.add_column("worker", justify="right", ratio=2)
    table.add_column("  library", ratio=4)
    for name in ("pid", "requests", "failures", "last"):
        table.add_column(name, justify="right", ratio=3)
    for row in view.rows:
        good = row.last in {"200", "ready", "starting"}
        table.add_row(
            str(row.number),
            f"  {row.library}",
            str(row.pid),
            f"{row.requests:,}",
            Text(f"{row.failures:,}", style=style_of("failures", row.failures)),
            Text(row.last, style="" if good else "bold yellow"),
        )
    return table
