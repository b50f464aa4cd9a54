"""`oauth-auth doctor`: its options, and what is printed."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from typing import TYPE_CHECKING, Final

import click

from oauth_auth.cli.base import Command
from oauth_auth.cli.codes import Exit
from oauth_auth.cli.names import known_names, profile_argument
from oauth_auth.cli.screen import clean, paragraph, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from oauth_auth.cli.doctor.check import Check

__all__ = ["doctor"]

_STYLES: Final = {"ok": "green", "warning": "bold yellow", "problem": "bold red"}


@click.command(cls=Command)
@profile_argument(required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(name: str | None, *, as_json: bool) -> int:
    """Find out what keeps logins from working, and say what to do.

    Looks at this machine and at every profile, or at the one that is named. Servers
    are asked for their metadata; nothing is renewed, and nothing is sent to an API.

    \b
    Examples:
      oauth-auth doctor
      oauth-auth doctor github --json | jq '.[] | select(.state != "ok")'

    \b
    Exit codes:
      0  no problem, warnings perhaps
      1  a problem
      2  there is no such profile
    """  # noqa: D301  # click looks for the backspace character
    from oauth_auth.cli.doctor.machine import check_machine
    from oauth_auth.cli.doctor.profile import check_profile
    from oauth_auth.profiles import Profiles
    from oauth_auth.stores.file import default_store

    if name is not None:
        Profiles().load(name)
    found: list[tuple[str | None, Check]] = []

    def look(profile: str | None, checks: Iterable[Check]) -> None:
        if not as_json:
            say(f"{profile or 'This machine'}:", style="bold")
        for check in checks:
            found.append((profile, check))
            if not as_json:
                _print(check)
        if not as_json:
            say()

    with _quiet():
        look(None, check_machine(default_store()))
        for each in [name] if name else known_names():
            look(each, check_profile(each))
    count = {
        state: sum(check.state == state for _, check in found) for state in _STYLES
    }
    if as_json:
        plain = [{"profile": profile, **check._asdict()} for profile, check in found]
        click.echo(json.dumps(plain))
    else:
        _print_end(count)
    return Exit.FAILED if count["problem"] else Exit.DONE


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep back the library's warnings, which the checks say in their own words."""
    log = logging.getLogger("oauth_auth")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def _print(check: Check) -> None:
    label = click.style(
        f"{check.state:>9}",
        fg=_STYLES[check.state].split()[-1],
        bold=check.state != "ok",
    )
    indent = " " * 11
    text = clean(f"{check.name}: {check.found}")
    _hanging(f"{label}  ", text, indent)
    if check.remedy:
        _hanging(indent, f"-> {clean(check.remedy)}", indent)


def _hanging(first: str, text: str, indent: str) -> None:
    import textwrap

    from oauth_auth.cli.screen import width

    if not sys.stdout.isatty():
        say(first + text)
        return
    lines = textwrap.wrap(
        text,
        width() - 1 - len(indent),
        break_long_words=False,
        break_on_hyphens=False,
    )
    say(first + f"\n{indent}".join(lines))


def _print_end(count: dict[str, int]) -> None:
    if count["problem"]:
        paragraph(f"{count['problem']} to mend, {count['warning']} to look at.")
    elif count["warning"]:
        paragraph(f"No problem; {count['warning']} to look at.")
    else:
        say("All is well.", style="green")
