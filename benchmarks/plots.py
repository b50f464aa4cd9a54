"""The plots of README.md, for `storm`, `handoff` and `steady`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib import ticker

mpl.use("agg")

from matplotlib import pyplot as plt  # after the choice of a backend

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from benchmarks.report import Table

__all__ = ["draw"]

_OURS, _FLOOR, _OTHER, _LOST = "#1f6f8b", "#8a8f98", "#c9892b", "#b5483a"
_STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#b9bdc4",
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "figure.dpi": 110,
    "font.size": 10,
    "grid.color": "#e8eaee",
    "legend.frameon": False,
    "savefig.bbox": "tight",
}
#: Where a legend covers nothing.
_BESIDE: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
_SLACK = 1.25


def draw(tables: dict[str, list[Table]], directory: Path) -> dict[str, str]:
    """Write a PNG for each benchmark that has a plot; return the names of the files."""
    drawn = {}
    with mpl.rc_context(_STYLE):
        for name, plot in (
            ("handoff", _handoff),
            ("storm", _storm),
            ("steady", _steady),
        ):
            if name not in tables:
                continue
            figure = plot(tables[name][0])
            # Without what changes at every run, so that versions compare well.
            figure.savefig(directory / f"{name}.png", metadata={"Software": None})
            plt.close(figure)
            drawn[name] = f"{name}.png"
    return drawn


def _colour(who: str) -> str:
    if who.startswith("floor"):
        return _FLOOR
    return _OURS if who.startswith("oauth_auth") else _OTHER


def _shown(table: Table) -> list[dict[str, Any]]:
    """Return the rows without the twin."""
    return [row for row in table.rows if "again" not in row["who"]]


def _handoff(table: Table) -> Any:
    figure, axes = plt.subplots(figsize=(7.5, 3.2))
    for row in _shown(table):
        times = row["times"]
        shares = [(n + 1) / len(times) * 100 for n in range(len(times))]
        late = [
            (seconds - (times[-1] - row["late"][0] / 1e3)) * 1e3 for seconds in times
        ]
        axes.step(
            late, shares, where="post", label=row["who"], color=_colour(row["who"])
        )
    axes.axvline(0, color="#d5d8dd", linewidth=1)
    axes.set_xlabel("milliseconds after one token round trip")
    axes.set_ylabel("% of processes that have it")
    axes.set_ylim(0, 102)
    axes.set_title("One renewal, handed to all waiting processes")
    axes.legend(**_BESIDE)
    return figure


def _storm(table: Table) -> Any:
    rows = _shown(table)[::-1]
    total = next(c.title for c in table.columns if c.key == "succeeded").split()[1]
    names = [row["who"] for row in rows]
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(9.5, 0.42 * len(rows) + 1.2), sharey=True
    )
    for axes, key, title in (
        (left, "mean_succeeded", f"requests that succeeded, of {total}"),
        (right, "mean_requests", "token requests (log scale)"),
    ):
        values = [row[key] for row in rows]
        colours = [
            _LOST if not row["lost"].startswith("0 ") else _colour(row["who"])
            for row in rows
        ]
        axes.barh(names, values, color=colours, height=0.62)
        axes.set_title(title)
        axes.grid(visible=False, axis="y")
        for number, value in enumerate(values):
            axes.annotate(
                f" {value:.0f}", (max(value, 0), number), va="center", fontsize=9
            )
    left.set_xlim(0, int(total) * _SLACK)
    right.set_xscale("log")
    right.set_xlim(0.7, int(total) * 4)
    right.xaxis.set_major_formatter(ticker.ScalarFormatter())
    figure.suptitle(
        "Every worker finds the token expired (red: the login is lost)",
        x=0.01,
        ha="left",
        fontsize=11,
    )
    figure.tight_layout()
    return figure


def _steady(table: Table) -> Any:
    figure, axes = plt.subplots(figsize=(7.5, 3.2))
    for row in _shown(table):
        # The distance from 100 % is what the scale shows.
        parts = [1 - min(part, 1 - 1 / row["requests"]) for part, _ in row["curve"]]
        style = "--" if row["who"].endswith("False") else "-"
        axes.plot(
            parts,
            [value for _, value in row["curve"]],
            style,
            label=row["who"],
            color=_colour(row["who"]),
        )
    _percent_scale(axes)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(ticker.ScalarFormatter())
    axes.set_xlabel("% of requests")
    axes.set_ylabel("answered within, ms")
    axes.set_title("Latency under steady load, over many expiries")
    axes.legend(**_BESIDE)
    return figure


def _percent_scale(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.invert_xaxis()
    marks = (0.5, 0.1, 0.01, 0.001)
    axes.set_xticks(marks, [f"{(1 - mark) * 100:g}" for mark in marks])
    axes.minorticks_off()
