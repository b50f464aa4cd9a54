"""`oauth-auth token`: a fresh access token, for curl and the like."""

from __future__ import annotations

import json
import time

import click

from oauth_auth.cli.base import Command
from oauth_auth.cli.names import auth_of, profile_argument

__all__ = ["token"]


@click.command(cls=Command)
@profile_argument()
@click.option("--json", "as_json", is_flag=True, help="Print expiry and scope, too.")
@click.option("--header", is_flag=True, help='Print "Authorization: Bearer ...".')
def token(name: str, *, as_json: bool, header: bool) -> None:
    """Print a fresh access token, and nothing else.

    It is renewed first if it has expired or is about to. Whoever has the token can
    do what it allows, so mind where it goes: a file, a log, the shell's history.

    \b
    Examples:
      curl -H "$(oauth-auth token github --header)" https://api.github.com/user
      oauth-auth token github --json | jq .expires_in

    \b
    Exit codes:
      0  printed
      2  there is no such profile, or it cannot work
      3  a person has to log in: oauth-auth login NAME
      4  the server cannot be reached, or asks to wait; try again
      5  the server refused
      6  the token store cannot be read or written
    """  # noqa: D301  # click looks for the backspace character
    if as_json and header:
        raise click.UsageError("--json and --header exclude each other")
    auth = auth_of(name)
    found = auth.token()
    if header:
        click.echo(f"Authorization: {auth._authorization(auth._held())}")
    elif as_json:
        expires_at = found.expires_at
        left = None if expires_at is None else max(0, int(expires_at - time.time()))
        click.echo(
            json.dumps(
                {
                    "access_token": found.access_token,
                    "token_type": found.token_type,
                    "expires_at": expires_at,
                    "expires_in": left,
                    "scope": found.scope,
                }
            )
        )
    else:
        click.echo(found.access_token)
