"""`start`: what a new process pays for imports, and until its first header."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.candidate import RequestsCandidate
from benchmarks.candidates import TWIN, installed, peers
from benchmarks.floors import FixedRequests
from benchmarks.measure import Spread, ratio
from benchmarks.ours import OursRequests
from benchmarks.report import Column, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.options import Options

__all__ = ["run"]

_ROOT = Path(__file__).parent.parent
_MILLI = 1e3
_FLOOR = "floor: import requests"
_OURS = "from oauth_auth.http_clients.requests import RequestsAuth"
#: What a program imports first, by peer.
_IMPORTS = {
    "requests-oauthlib": "from requests_oauthlib import OAuth2Session",
    "Authlib": "from authlib.integrations.requests_client import OAuth2Session",
    "requests-oauth2client": "import requests_oauth2client",
    "requests-auth": "import requests_auth",
    "google-auth": (
        "from google.oauth2.credentials import Credentials; "
        "from google.auth.transport.requests import AuthorizedSession"
    ),
    "msal": "import msal, msal_extensions",
}
#: Prints the CPU seconds that some imports take, and the modules they add.
_TIMED = """
import sys, time
known = set(sys.modules)
start = time.process_time()
{imports}
taken = time.process_time() - start
import json
print(json.dumps([taken, sorted(set(sys.modules) - known)]))
"""


def run(options: Options) -> list[Table]:
    """Measure imports, and cold starts."""
    return [*_imports(options), _cold(options)]


def _imports(options: Options) -> list[Table]:
    here, notes = installed(peers(RequestsCandidate, wanted=options.peers))
    lines = {
        _FLOOR: "import requests",
        OursRequests.name: f"import requests; {_OURS}",
        TWIN: f"import requests; {_OURS}",
        "oauth_auth's OAuthAuth, so httpx and httpx2 too": (
            "import requests; from oauth_auth import OAuthAuth"
        ),
        **{peer.name: f"import requests; {_IMPORTS[peer.name]}" for peer in here},
    }
    if options.quick:  # each is a process
        lines = dict(list(lines.items())[:2])
    added: dict[str, list[str]] = {}

    def once(name: str) -> float:
        seconds, added[name] = _timed(lines[name])
        return seconds

    tries = {name: partial(once, name) for name in lines}
    figures = options.compare(tries, 15)
    floor = figures[_FLOOR]
    bare = set(added[_FLOOR])
    rows = [
        {
            "who": name,
            "time": Spread.of(values, _MILLI),
            "ratio": ratio(values, floor),
            "modules": len(set(added[name]) - bare),
        }
        for name, values in figures.items()
    ]
    more = sorted(set(added[OursRequests.name]) - bare)
    foreign = [module for module in more if not module.startswith("oauth_auth")]
    own = [module for module in more if module.startswith("oauth_auth")]
    return [
        Table(
            "Imports, from an interpreter that has just started.",
            [
                Column("who", "what else is imported"),
                Column("time", "CPU ms, median (min to max)"),
                Column("ratio", "against import requests"),
                Column("modules", "modules added"),
            ],
            rows,
            [
                "Goal: at most 1.05. For oauth_auth it is RequestsAuth that counts.",
                (
                    f"RequestsAuth adds {len(own)} modules of its own, and these: "
                    f"{', '.join(f'`{module}`' for module in foreign) or 'none'}."
                ),
                *notes,
            ],
        ),
        Table(
            "Where the import of RequestsAuth takes longest.",
            [Column("module", "module"), Column("time", "ms, itself alone")],
            _longest(_OURS, options.pick(8, 2)),
        ),
    ]


def _cold(options: Options) -> Table:
    ours = OursRequests()
    here, notes = installed(peers(RequestsCandidate, wanted=options.peers))
    everybody: list[tuple[str, RequestsCandidate]] = [
        (FixedRequests.name, FixedRequests()),
        (ours.name, ours),
        *([] if options.quick else [(TWIN, ours)]),
        *((peer.name, peer) for peer in here),
    ]

    def once(key: str, directory: Path) -> float:
        output = _python(["-m", "benchmarks.cold", key, str(directory)])
        return float(output)

    tries: dict[str, Callable[[], float]] = {
        "floor: AES-GCM by hand": partial(
            lambda: float(_python(["-m", "benchmarks.cold", "--floor"]))
        )
    }
    tries |= {
        name: partial(once, candidate.key, options.place(candidate).directory)
        for name, candidate in everybody
    }
    figures = options.compare(tries, 15)
    return Table(
        "A new process, from the end of `import requests` to the first header.",
        [Column("who", "who"), Column("time", "CPU ms, median (min to max)")],
        [
            {"who": who, "time": Spread.of(values, _MILLI)}
            for who, values in figures.items()
        ],
        [
            (
                "Goal: at most 10 ms. oauth_auth opens a sealed file; the peers read "
                "plain ones."
            ),
            *notes,
        ],
    )


def _timed(imports: str) -> tuple[float, list[str]]:
    program = _TIMED.format(imports=imports)
    seconds, modules = json.loads(_python(["-c", program]))
    return seconds, modules


def _longest(imports: str, count: int) -> list[dict[str, Any]]:
    process = _process(["-X", "importtime", "-c", f"import requests\n{imports}"])
    found: dict[str, float] = {}
    # import time: self [us] | cumulative | imported package
    for line in process.stderr.splitlines():
        own, _, rest = line.removeprefix("import time:").partition("|")
        if own.strip().isdecimal():
            found[rest.rpartition("|")[2].strip()] = int(own) / _MILLI
    # requests comes first; what follows its own line is ours.
    names = list(found)
    ours = names[names.index("requests") + 1 :]
    ours.sort(key=lambda name: -found[name])
    return [{"module": name, "time": found[name]} for name in ours[:count]]


def _python(arguments: Sequence[str]) -> str:
    return _process(arguments).stdout


def _process(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OAUTH_AUTH_")}
    # What pip installs is compiled; a source tree has to be, at its first import.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, *arguments],
        env={**kept, "PYTHONPATH": path},
        capture_output=True,
        check=True,
        text=True,
    )
