"""The group of all commands; a new command is a line here."""

from __future__ import annotations

import click

from oauth_auth.cli.demo.command import demo
from oauth_auth.cli.keys import keys

__all__ = ["cli"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="oauth-auth", message="%(prog)s %(version)s")
def cli() -> None:
    """OAuth 2 for requests, httpx and httpx2.

    \b
    Start with:
      oauth-auth demo        see many workers share one login
      oauth-auth keys new    make a key for a store that machines share

    \b
    Exit codes:
      0  done
      1  failed; a message says why
      2  the command was not understood, or the extra "cli" is not installed
    """  # noqa: D301  # click looks for the backspace character


cli.add_command(demo)
cli.add_command(keys)
