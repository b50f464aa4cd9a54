"""`publish`: the plots, and the results section of README.md, from a JSON file."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.goals import behind, reached
from benchmarks.peers import PEERS
from benchmarks.report import Table, environment_lines

__all__ = ["publish"]

#: A load average below this is the benchmarks' own start.
_IDLE = 0.5
_HERE = Path(__file__).parent
_BEGIN = "<!-- results: written by `python -m benchmarks publish` -->"
_END = "<!-- end of results -->"


def publish(file: Path, directory: Path = _HERE) -> None:
    """Draw the plots and write the results.

    Args:
        file: What ``all --json`` has written; a benchmark that is missing there is
            missing in the results.
        directory: Where README.md is.

    Raises:
        ValueError: README.md has no place for them.
    """
    results = json.loads(file.read_text("utf-8"))
    tables = {
        name: [Table.from_json(table) for table in found["tables"]]
        for name, found in results["benchmarks"].items()
    }
    lines = [_BEGIN, "", environment_lines(results["environment"]) + "."]
    if results["environment"]["load"][:1] > [_IDLE]:
        lines += [
            "",
            "**Rough figures: others used the machine meanwhile, as the load shows.**",
        ]
    drawn = _draw(tables, directory)
    goals = reached(tables)
    lines += ["", "### Goals", "", goals.render(), "", *behind(goals)]
    for name, those in tables.items():
        lines += ["", f"### {name}"]
        for table in those:
            lines += ["", table.render()]
        if name in drawn:
            lines += ["", f"![{name}]({drawn[name]})"]
    lines += ["", "### How each peer shares a token", ""]
    lines += [f"- {name}: {how}." for name, how in _sharing().items()]
    readme = directory / "README.md"
    before, begin, rest = readme.read_text("utf-8").partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"{readme} needs the lines {_BEGIN!r} and {_END!r}")
    text = "\n".join([*lines, "", end])
    readme.write_text(f"{before}{text}{after}", "utf-8")


def _sharing() -> dict[str, str]:
    return {peer.name: peer.shares for peer in PEERS}


def _draw(tables: dict[str, list[Table]], directory: Path) -> dict[str, str]:
    """Draw what there is a plot for; return the files by benchmark."""
    try:
        from benchmarks import plots
    except ImportError as error:
        print(f"no plots: {error.name} is not installed")
        return {}
    return plots.draw(tables, directory)
