"""The goals, and whether a run reached them: the first table of the results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.ours import OursRequests
from benchmarks.report import Column, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["behind", "reached"]

_OURS = OursRequests.name


class _Goal(NamedTuple):
    """One goal: where its figure is, and what it may be at most."""

    what: str
    #: Benchmark, number of the table, and what the row has.
    benchmark: str
    table: int
    row: dict[str, str]
    #: The column of the figure.
    key: str
    most: float
    unit: str = ""


_GOALS = (
    _Goal(
        "attach in requests / floor",
        *("warm", 0, {"who": _OURS, "library": "requests"}, "ratio", 2.0),
    ),
    *(
        _Goal(
            f"attach in {library} / floor",
            *("warm", 0, {"who": _OURS, "library": library}, "ratio", 2.0),
        )
        for library in ("httpx", "httpx async", "httpx2", "httpx2 async")
    ),
    _Goal(
        "whole call, requests / fixed header",
        *("calls", 0, {"who": _OURS, "library": "requests"}, "ratio", 0.9),
    ),
    *(
        _Goal(
            f"whole call, {library} / fixed header",
            *("calls", 0, {"who": _OURS, "library": library}, "ratio", 1.01),
        )
        for library in ("httpx", "httpx async", "httpx2", "httpx2 async")
    ),
    *(
        _Goal(f"new: {what}", "calls", 1, {"what": what}, "time", 20.0, " us")
        for what in (
            "OAuthAuth and its ClientCredentials",
            "OAuthAuth, grant and store at hand",
            "OAuthAuth, RefreshToken and FileStore",
        )
    ),
    _Goal(
        "import requests and RequestsAuth / import requests",
        *("start", 0, {"who": _OURS}, "ratio", 1.05),
    ),
    _Goal(
        "a new process's first header",
        *("start", 2, {"who": _OURS}, "time", 10.0, " ms"),
    ),
    _Goal(
        "hand-off to all processes / round trip",
        *("handoff", 0, {"who": _OURS}, "ratio", 1.05),
    ),
    _Goal(
        "CPU of all waiters at a hand-off",
        *("handoff", 0, {"who": _OURS}, "waiters", 50.0, " ms"),
    ),
    _Goal(
        "token requests in a storm",
        *("storm", 0, {"who": _OURS}, "mean_requests", 1.0),
    ),
    _Goal("requests that fail in a storm", "storm", 0, {"who": _OURS}, "failed", 0.0),
    _Goal("logins lost in storms", "storm", 0, {"who": _OURS}, "logins_lost", 0.0),
    _Goal(
        "a storm / (valid token + round trip)",
        *("storm", 0, {"who": _OURS}, "ratio", 1.1),
    ),
    _Goal("token requests of tasks", "tasks", 0, {"who": _OURS}, "requests", 1.0),
    _Goal(
        "tasks / (valid token + round trip)",
        *("tasks", 0, {"who": _OURS}, "ratio", 1.1),
    ),
    _Goal(
        "longest stall of the loop",
        *("tasks", 0, {"who": _OURS}, "stall", 3.0, " ms"),
    ),
    _Goal(
        "requests that wait under steady load",
        *("steady", 0, {"who": _OURS}, "waited", 0.0),
    ),
)


def reached(tables: dict[str, list[Table]]) -> Table:
    """Return a table of the goals.

    Args:
        tables: What each benchmark gave; goals of one that is missing are left out.
    """
    rows = []
    for goal in _GOALS:
        if goal.benchmark not in tables:
            continue
        found = tables[goal.benchmark][goal.table].rows
        (mine,) = (row for row in found if goal.row.items() <= row.items())
        figure = _middle(mine[goal.key])
        best = min(_peers(goal, found), default=None)
        rows.append(
            {
                "what": goal.what,
                "goal": f"{goal.most:g}{goal.unit}",
                "figure": figure,
                "reached": "yes" if figure <= goal.most else "NO",
                "peer": best and best[0],
                "whose": best and best[1],
            }
        )
    return Table(
        "The goals, and this run.",
        [
            Column("what", "what"),
            Column("goal", "at most"),
            Column("figure", "median"),
            Column("reached", "reached"),
            Column("peer", "best peer"),
            Column("whose", "which"),
        ],
        rows,
    )


def behind(goals: Table) -> list[str]:
    """Return sentences that say where oauth_auth is behind.

    Args:
        goals: What `reached` returned.
    """
    missed = [row["what"] for row in goals.rows if row["reached"] != "yes"]
    beaten = [
        f"{row['what']} ({row['whose']})"
        for row in goals.rows
        if row["peer"] is not None and row["peer"] < row["figure"]
    ]
    count = f"{len(missed)} of {len(goals.rows)}"
    return [
        f"Behind its goals in {count}: {'; '.join(missed) or 'none'}.",
        "",
        f"Behind a peer in {len(beaten)}: {'; '.join(beaten) or 'none'}.",
    ]


def _peers(goal: _Goal, rows: list[dict[str, Any]]) -> Iterator[tuple[float, str]]:
    """Yield the peers' figures; losing the login in no time is none."""
    where = {key: value for key, value in goal.row.items() if key != "who"}
    for row in rows:
        who = row.get("who")
        if who is None or who.startswith(("oauth_auth", "floor", "filelock")):
            continue
        lost = goal.benchmark == "storm" and goal.key == "ratio" and row["logins_lost"]
        if where.items() <= row.items() and not lost:
            yield _middle(row[goal.key]), who


def _middle(value: Any) -> float:
    return float(value[0] if isinstance(value, list | tuple) else value)
