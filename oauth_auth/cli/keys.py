"""`oauth-auth keys`: the keys that seal the token store."""

from __future__ import annotations

import click

from oauth_auth.stores.keys import new_key

__all__ = ["keys"]


@click.group()
def keys() -> None:
    """Make the keys that encrypt the token store."""


@keys.command()
def new() -> None:
    """Print a new sealing key: 32 random bytes in base64.

    On one machine the store makes a key of its own. Give all machines the same key
    where they share a store, or where a key file beside the records will not do.

    \b
    Example:
      export OAUTH_AUTH_KEY="$(oauth-auth keys new)"

    Keep it with your other secrets. Without it, the tokens it sealed are lost, and
    everybody has to log in again.
    """  # noqa: D301  # click looks for the backspace character
    click.echo(new_key().reveal())
