"""`oauth-auth` itself: help, version, and what it says without its extra."""

import re
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

import oauth_auth
from oauth_auth.cli.group import cli


def commands(command, path=()):
    """Yield all commands with their paths."""
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, (*path, name))


ALL = dict(commands(cli))


@pytest.mark.parametrize("path", ALL, ids=lambda path: " ".join(path) or "(group)")
def test_help_fits_80_columns(path):
    """Each command explains itself within 80 columns, its options included."""
    result = CliRunner().invoke(cli, [*path, "--help"], terminal_width=80)
    assert result.exit_code == 0
    assert "Usage:" in result.output
    assert [line for line in result.output.splitlines() if len(line) > 80] == []
    for option in ALL[path].params:
        if isinstance(option, click.Argument):
            continue  # the text is about it
        assert getattr(option, "help", None), f"{option.name} is not explained"


def test_help_shows_examples_and_exit_codes_line_by_line():
    """Examples and exit codes are lists, which click does not wrap into one line."""
    text = CliRunner().invoke(cli, ["demo", "--help"]).output
    assert "\n    oauth-auth demo --seconds 60 --workers 16\n" in text
    assert re.findall(r"^    (\d)  ", text, re.MULTILINE) == ["0", "1", "2"]


def test_examples_in_help_texts_are_valid():
    """Every example in a help text is a command that exists, with its options."""
    examples = [
        line.split()[1:]
        for command in ALL.values()
        for line in (command.help or "").splitlines()
        if line.strip().startswith("oauth-auth ")
    ]
    assert len(examples) >= 4
    for example in examples:
        command, context = cli, click.Context(cli)
        words = [word for word in example if word not in {"|", "jq", ".renewals"}]
        while isinstance(command, click.Group) and words:
            _, command, words = command.resolve_command(context, words)
        known = {name for option in command.params for name in option.opts}
        assert {word for word in words if word.startswith("--")} <= known


def test_version():
    """--version names the package's version."""
    result = CliRunner().invoke(cli, ["--version"], prog_name="oauth-auth")
    assert result.output == f"oauth-auth {oauth_auth.__version__}\n"
    assert result.exit_code == 0


def test_unknown_command_is_exit_code_2():
    """What is not understood ends with 2, and says so."""
    result = CliRunner().invoke(cli, ["lgoin"])
    assert result.exit_code == 2
    assert "lgoin" in result.output


@pytest.mark.parametrize("module", ["click", "rich", "httpx2", "tomlkit"])
def test_missing_extra_is_one_clear_line(module):
    """Without one of the extra's packages a line says what to install, with code 2."""
    code = f"import sys; sys.modules[{module!r}] = None; sys.argv = ['x', 'keys']"
    code += "; from oauth_auth.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        'oauth-auth: the command line needs: pip install "oauth-auth[cli]"\n'
    )


def test_blocked_import_counts_as_missing():
    """An import hook that forbids click leads to the same line, not to a traceback."""
    code = """
import sys
class Forbid:
    def find_spec(self, name, *_):
        if name == "click":
            raise ModuleNotFoundError("no click here", name=name)
sys.meta_path.insert(0, Forbid())
from oauth_auth.cli import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "oauth-auth[cli]" in done.stderr


def test_help_imports_no_http_library():
    """--help is not slowed down by what only the demo needs."""
    code = """
import sys
from oauth_auth.cli import main
sys.argv = ["oauth-auth", "demo", "--help"]
try:
    main()
except SystemExit:
    print(sorted({"requests", "httpx", "httpx2", "rich"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_as_a_module():
    """It is there for interpreters whose scripts are not on the path."""
    done = subprocess.run(
        [sys.executable, "-m", "oauth_auth", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"oauth-auth {oauth_auth.__version__}\n"
