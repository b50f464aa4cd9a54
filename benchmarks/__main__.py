"""`python -m benchmarks`: the command line."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.report import Table, environment, environment_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

_BENCHMARKS = {
    "warm": "attach a token that is there",
    "calls": "whole calls that are sent nowhere, and new objects",
    "start": "imports, and a new process's first header",
    "handoff": "processes that wait for one renewal",
    "storm": "processes x threads that find the token expired at once",
    "tasks": "tasks of one loop that find the token expired at once",
    "steady": "constant load over many expiries",
    "growth": "more records, more processes, longer tokens",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say."""
    parsed = _parser().parse_args(arguments)
    if parsed.command == "publish":
        from benchmarks.publish import publish

        publish(parsed.file)
        return 0
    # Imported here, since worker processes import this module too.
    from benchmarks.options import Options

    names = list(_BENCHMARKS) if parsed.command == "all" else [parsed.command]
    found = environment()
    print(environment_lines(found), file=sys.stderr)
    results: dict[str, Any] = {"environment": found, "benchmarks": {}}
    with tempfile.TemporaryDirectory(prefix="oauth-auth-bench-") as scratch:
        options = Options(
            Path(scratch),
            quick=parsed.quick,
            peers=parsed.peers,
            rounds=parsed.rounds,
            processes=parsed.processes,
            threads=parsed.threads,
            seed=parsed.seed,
        )
        for name in names:
            began = time.monotonic()
            tables: list[Table] = importlib.import_module(f"benchmarks.{name}").run(
                options
            )
            seconds = time.monotonic() - began
            results["benchmarks"][name] = {
                "seconds": round(seconds, 1),
                "tables": [table.to_json() for table in tables],
            }
            out = sys.stderr if parsed.json == "-" else sys.stdout
            print(f"\n== {name} ({seconds:.0f} s)", file=out)
            for table in tables:
                print(f"\n{table.render()}", file=out, flush=True)
            if parsed.json not in {None, "-"}:
                # After each of them, so that an end half way loses nothing.
                Path(parsed.json).write_text(json.dumps(results, indent=1), "utf-8")
    if parsed.json == "-":
        print(json.dumps(results))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure oauth_auth against floors and peers. See README.md here.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, what in [*_BENCHMARKS.items(), ("all", "all of them")]:
        command = commands.add_parser(name, help=what, description=what)
        command.add_argument(
            "--json", metavar="FILE", help="write the figures there, - for stdout"
        )
        command.add_argument(
            "--quick", action="store_true", help="tiny sizes, to see that it works"
        )
        command.add_argument(
            "--no-peers", dest="peers", action="store_false", help="without the peers"
        )
        command.add_argument("--rounds", type=_count, metavar="N", help="repeats")
        command.add_argument(
            "--processes", type=_count, metavar="N", help="of handoff and storm"
        )
        command.add_argument("--threads", type=_count, metavar="N", help="of storm")
        command.add_argument(
            "--seed", type=int, default=0, metavar="N", help="decides the orders"
        )
    publish = commands.add_parser(
        "publish", help="draw the plots, and write the results into README.md"
    )
    publish.add_argument("file", type=Path, help="what all --json has written")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
