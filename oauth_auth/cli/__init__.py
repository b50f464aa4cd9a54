"""The command `oauth-auth`.

Each command is a module here, listed in `group`. What only a command needs (rich, the
HTTP clients) is imported when it runs, so that `oauth-auth --help` answers at once.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Final

__all__ = ["main"]

#: What the extra brings; click alone is on many machines for other reasons.
_EXTRA: Final = ("click", "rich", "httpx2", "tomlkit")
_INTERRUPTED: Final = 130


def main() -> None:
    """Run the command line.

    Raises:
        SystemExit: Always; with 2 where the extra ``cli`` is not installed.
    """
    if not all(map(_installed, _EXTRA)):
        print(  # noqa: T201  # click, which would do it, may be what is missing
            'oauth-auth: the command line needs: pip install "oauth-auth[cli]"',
            file=sys.stderr,
        )
        sys.exit(2)
    try:
        from oauth_auth.cli.group import cli

        cli(prog_name="oauth-auth")
    except KeyboardInterrupt:
        # While the modules load; the commands see to it themselves.
        sys.exit(_INTERRUPTED)


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:
        return False
