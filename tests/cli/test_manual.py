"""`docs/cli.md`: its commands exist, and its exit codes are those of the code."""

import re
import shlex
from pathlib import Path

import click
import pytest

from oauth_auth.cli.codes import Exit, exit_code_of
from oauth_auth.cli.group import cli
from oauth_auth.errors import (
    AccessDeniedError,
    ConfigurationError,
    EndpointUnreachable,
    InvalidGrantError,
    KeyMismatch,
    LoginFailed,
    LoginRequired,
    OAuthAuthError,
    ServerError,
    StoreCorrupt,
    StoreLocked,
    StoreNotWritable,
)

MANUAL = Path(__file__).parents[2] / "docs" / "cli.md"
TEXT = MANUAL.read_text("utf-8")


def known_options(path):
    """Return all options of a command."""
    command = cli
    for name in path:
        command = command.commands[name]
    return {name for option in command.params for name in option.opts}


EXAMPLES = re.findall(r"^\s*\$ (oauth-auth .+)$", TEXT, re.MULTILINE)


@pytest.mark.parametrize("line", EXAMPLES)
def test_the_manuals_commands_are_understood(line):
    """Each example names a command that exists, and options that it has."""
    words = shlex.split(line.partition(" | ")[0])[1:]
    path = [words.pop(0)]
    while isinstance(cli.commands[path[0]], click.Group) and len(path) < 2:
        path.append(words.pop(0))
    given = {word for word in words if re.match(r"-{1,2}[a-zA-Z]", word)}
    assert given <= known_options(path)


def test_the_manual_has_every_command_and_option_of_login():
    """Nothing is left out that a reader would look for."""
    for name in cli.commands:
        assert f"\n## {name}\n" in TEXT
    hidden = {"--no-color", "--help", "-h"}
    assert {name for name in known_options(["login"]) if name not in TEXT} <= hidden


def test_the_exit_codes_are_those_of_the_code():
    """The manual's table, the help's list and the code say the same numbers."""
    rows = re.findall(r"^\| ([\d, ]+) \|", TEXT, re.MULTILINE)
    numbers = {int(number) for row in rows for number in row.split(",")}
    assert numbers == {int(code) for code in Exit}
    help_text = cli.help.partition("Exit codes:")[2]
    listed = re.findall(r"^ +([\d, ]*\d)  ", help_text, re.MULTILINE)
    assert {int(n) for part in listed for n in part.split(",")} <= numbers
    for number in numbers:
        assert re.search(rf"\b{number}\b", help_text)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (LoginRequired, 3),
        (LoginFailed, 5),
        (AccessDeniedError, 5),
        (InvalidGrantError, 5),
        (EndpointUnreachable, 4),
        (ServerError, 4),
        (StoreLocked, 4),
        (StoreNotWritable, 6),
        (StoreCorrupt, 6),
        (KeyMismatch, 6),
        (ConfigurationError, 2),
        (OAuthAuthError, 1),
    ],
)
def test_each_error_has_its_exit_code(kind, code):
    """Who is to act decides: a person, time, the server, the store, the caller."""
    assert exit_code_of(kind("something happened")) == code
