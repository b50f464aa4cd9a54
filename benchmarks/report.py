"""What is printed: the machine, and tables that are Markdown and readable as text."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Column", "Table", "environment", "environment_lines"]

_DISTRIBUTIONS = (
    *("oauth-auth", "requests", "httpx", "httpx2", "cryptography", "filelock"),
    *("requests-oauthlib", "oauthlib", "Authlib", "httpx-auth", "requests-auth"),
    *("requests-oauth2client", "google-auth", "msal", "msal-extensions"),
)
_HUNDRED, _TEN = 100, 10


class Column(NamedTuple):
    """A column of a table: the key of its values, and what stands above them."""

    key: str
    title: str


class Table:
    """Some rows, and what to know about them.

    Args:
        title: One line.
        columns: What is shown; rows may have more, for plots.
        rows: Plain values by key: numbers, texts, None, or the three of a `Spread`.
        notes: Sentences below the table.
    """

    def __init__(
        self,
        title: str,
        columns: list[Column],
        rows: list[dict[str, Any]],
        notes: list[str] | None = None,
    ) -> None:
        self.title = title
        self.columns = columns
        self.rows = rows
        self.notes = notes or []

    def to_json(self) -> dict[str, Any]:
        """Return plain data for `from_json`."""
        return {
            "title": self.title,
            "columns": [column._asdict() for column in self.columns],
            "rows": self.rows,
            "notes": self.notes,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Table:
        """Read what `to_json` wrote."""
        columns = [Column(**column) for column in data["columns"]]
        return cls(data["title"], columns, data["rows"], data["notes"])

    def render(self) -> str:
        """Return the table as Markdown, padded so that it reads well as it is."""
        cells = [[column.title for column in self.columns]]
        cells += [[_shown(row.get(c.key)) for c in self.columns] for row in self.rows]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "| "
            + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True))
            + " |"
            for line in cells
        ]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        notes = [f"\n{note}" for note in self.notes]
        return "\n".join([f"{self.title}\n", *lines, *notes])


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        middle, low, high = map(_number, value)
        return f"{middle} ({low} to {high})"
    return _number(value) if isinstance(value, float) else str(value)


def _number(value: float) -> str:
    """Return a number with three digits that mean something."""
    size = abs(value)
    if size >= _HUNDRED:
        return f"{value:,.0f}"
    if size >= _TEN:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 1 or size == 0 else f"{value:.3g}"


def environment() -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load": [round(load, 2) for load in _load()],
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.release()}",
        "versions": dict(filter(None, map(_version, _DISTRIBUTIONS))),
    }


def environment_lines(found: dict[str, Any]) -> str:
    """Return what `environment` found, for people."""
    load = ", ".join(map(str, found["load"])) or "unknown"
    versions = ", ".join(f"{name} {v}" for name, v in found["versions"].items())
    return (
        f"{found['date']}, commit {found['commit']}: {found['cpu']}, "
        f"{found['cores']} cores, load {load}; {found['python']}, {found['system']}; "
        f"{versions}"
    )


def _load() -> tuple[float, ...]:
    # Windows has none.
    return os.getloadavg() if hasattr(os, "getloadavg") else ()


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.processor() or platform.machine()


def _commit() -> str:
    try:
        return subprocess.check_output(
            ["git", "describe", "--always", "--dirty"],  # whichever it is
            cwd=Path(__file__).parent,
            stderr=subprocess.DEVNULL,
            text=True,
        ).strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _version(distribution: str) -> tuple[str, str] | None:
    try:
        return distribution, importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
