"""What is said at the end, as text and as JSON."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table
from rich.text import Text

from oauth_auth.cli.demo.screen import style_of

if TYPE_CHECKING:
    from rich.console import Console

    from oauth_auth.cli.demo.figures import Outcome

__all__ = ["as_json", "print_summary"]

#: Failures whose text is shown.
_SHOWN: Final = 5


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Return the summary as plain data."""
    without = outcome.without
    return {
        **outcome.figures._asdict(),
        "seconds": round(outcome.seconds, 1),
        "workers": outcome.workers,
        "first_failures": [
            f"{failure.worker}: {failure.text}" for failure in outcome.failures[:_SHOWN]
        ],
        "without_shared_cache": without
        and {
            "requests": without.requests,
            "failures": without.failures,
            "logged_out_after_seconds": without.logged_out_after_seconds,
        },
    }


def print_summary(console: Console, outcome: Outcome) -> None:
    """Print the summary for a person."""
    console.print(_table(outcome))
    console.print()
    for sentence in (_shared(outcome), _alone(outcome)):
        console.print(sentence)
    if outcome.failures:
        console.print()
        _print_failures(console, outcome)


def _table(outcome: Outcome) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="bold")
    table.add_column("")
    table.add_column("shared cache", justify="right")
    shared, without = outcome.figures, outcome.without
    alone: dict[str, int] = {}
    if without is not None:
        table.add_column("a cache each", justify="right")
        alone = {
            "requests": without.requests,
            "failures": without.failures,
            "renewals": without.renewals,
            "logouts": int(without.logged_out_after_seconds is not None),
            "reuse_detected": without.reuse_detected,
            "workers_killed": 0,
        }
    for name, label in _LABELS.items():
        number = getattr(shared, name)
        cells = [Text(f"{number:,}", style=style_of(name, number))]
        if name in alone:
            style = style_of(name, alone[name])
            cells.append(Text(f"{alone[name]:,}", style=style))
        table.add_row(label, *cells)
    return table


_LABELS: Final = {
    "requests": "requests",
    "failures": "failures",
    "expiries": "access tokens expired",
    "renewals": "renewals",
    "logouts": "logouts",
    "reuse_detected": "reuse detected",
    "workers_killed": "workers killed",
}


def _shared(outcome: Outcome) -> str:
    figures = outcome.figures
    start = f"{outcome.workers} processes shared one login for {outcome.seconds:.0f} s"
    if not figures.clean:
        return f"{start}, and not all went well: please report this."
    kills = figures.workers_killed
    although = {0: "", 1: ", although a worker was killed"}.get(
        kills, f", although {kills} workers were killed"
    )
    return (
        f"{start}. Each time the access token was about to expire, one of them renewed "
        f"it for all. No request failed{although}."
    )


def _alone(outcome: Outcome) -> str:
    without = outcome.without
    if without is None:
        return "The demo was ended early; the run without a shared cache is not shown."
    if without.logged_out_after_seconds is None:
        return "Without a shared cache nobody was logged out this time."
    return (
        "With a cache each, the workers sent the same refresh token more than once, "
        "and the server ended the login for all of them after "
        f"{without.logged_out_after_seconds:.2f} s."
    )


def _print_failures(console: Console, outcome: Outcome) -> None:
    shown = outcome.failures[:_SHOWN]
    for failure in shown:
        clock = time.strftime("%H:%M:%S", time.localtime(failure.time))
        # Not console markup, whatever brackets an error message has.
        console.print(Text(f"{clock}  {failure.worker}: {failure.text}"))
    rest = outcome.figures.failures - len(shown)
    if rest > 0:
        console.print(f"... and {rest:,} more")
