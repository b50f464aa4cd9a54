"""The group of all commands; a new command is a line here."""

from __future__ import annotations

import click

from oauth_auth.cli.base import Group
from oauth_auth.cli.demo.command import demo
from oauth_auth.cli.doctor.command import doctor
from oauth_auth.cli.keys import keys
from oauth_auth.cli.login import login
from oauth_auth.cli.logout import logout
from oauth_auth.cli.profiles import profiles
from oauth_auth.cli.request import request
from oauth_auth.cli.status import status
from oauth_auth.cli.store import store
from oauth_auth.cli.token import token

__all__ = ["cli"]


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="oauth-auth", message="%(prog)s %(version)s")
def cli() -> None:
    """OAuth 2 for requests, httpx and httpx2.

    \b
    Start with:
      oauth-auth login NAME --issuer URL --client-id ID
      oauth-auth status
      oauth-auth token NAME

    \b
    Exit codes:
      0    done; "status": logged in
      1    failed; a message says why
      2    the command line, a profile or the configuration cannot work, or the
           extra "cli" is not installed
      3    a person has to log in: oauth-auth login NAME
      4    not now: a server or the network is down, or asks to wait; try again
      5    the authorization server, or the person at it, said no
      6    the token store cannot be read or written
      30, 40, 50   "request": the API answered 3xx, 4xx, 5xx
      130  ended by Ctrl-C
    """  # noqa: D301  # click looks for the backspace character


for command in (
    login,
    status,
    token,
    logout,
    request,
    profiles,
    doctor,
    keys,
    store,
    demo,
):
    cli.add_command(command)
