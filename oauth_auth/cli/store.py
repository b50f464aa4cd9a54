"""`oauth-auth store`: stores that several machines share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from oauth_auth.cli.base import Group
from oauth_auth.cli.codes import Exit
from oauth_auth.cli.screen import complain, facts, paragraph, say
from oauth_auth.lazy_errors import errors

if TYPE_CHECKING:
    from oauth_auth.secret import SecretSource
    from oauth_auth.stores.moving import Moved

__all__ = ["name_of", "store", "store_named"]


@click.group(cls=Group)
def store() -> None:
    """Set up a store that several machines share, and move logins into it."""


@store.command()
@click.argument("where", required=False)
def init(where: str | None) -> None:
    """Make what a shared store needs: PostgreSQL's table. Redis needs nothing.

    Workers make it at their first use if they may; where they may not, run this as
    the one who may, and let them SELECT, INSERT, UPDATE and DELETE. WHERE is a URL, or
    env:NAME for the URL in that variable; without it OAUTH_AUTH_STORE is used.

    \b
    Examples:
      oauth-auth store init postgresql://admin@db.example.com/tokens
      oauth-auth store init env:TOKENS_ADMIN_URL
    """  # noqa: D301  # click looks for the backspace character
    from oauth_auth.stores.places import own_store

    found: Any = own_store() if where is None else store_named(where)
    prepare = getattr(found, "prepare", None)
    if prepare is None:
        raise click.UsageError(
            f"{name_of(found)} is a directory, which needs no preparation; name a URL"
        )
    prepare()
    say(f"{name_of(found)} is ready.", style="bold green")


@store.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def copy(source: str, target: str, *, as_json: bool) -> int:
    """Move all logins from one store into another, new one.

    Each login ends in FROM before it begins in TO, so that no refresh token is spent
    twice: workers that still use FROM are told that it was moved when they next renew.
    What no person has to log in for is copied. If this is interrupted, run it again.

    FROM and TO are directories or URLs, or env:NAME for the URL in that variable. TO
    is sealed with the keys in OAUTH_AUTH_KEY.

    \b
    Examples:
      oauth-auth store copy ~/.local/state/oauth_auth redis://cache.example.com/2
      oauth-auth store copy env:OLD_STORE env:OAUTH_AUTH_STORE

    \b
    Exit codes:
      0  everything is in TO
      2  TO has been used before, or an address or a key cannot work
      4  a store cannot be reached; run it again
      6  something could not be moved; it says what
    """  # noqa: D301  # click looks for the backspace character
    from oauth_auth.stores.moving import Moved, move

    old, new = _readable(store_named(source)), store_named(target)
    outcome = Moved()
    for outcome in move(old, new, name_of(new)):  # noqa: B007  # the last one counts
        continue
    if as_json:
        click.echo(
            json.dumps(
                {"from": name_of(old), "to": name_of(new), **outcome._asdict()},
                default=list,
            )
        )
    else:
        _print(name_of(old), name_of(new), outcome)
    return Exit.STORE if outcome.failures else Exit.DONE


def store_named(address: str) -> Any:
    """Return the store at a directory or URL, or at the URL in a variable (env:NAME).

    Raises:
        ConfigurationError: There is no such variable.
    """
    from oauth_auth.secret import FromEnv
    from oauth_auth.stores.places import is_url, store_at

    kind, _, name = address.partition(":")
    if kind != "env":
        return store_at(address)
    source = FromEnv(name)
    return store_at(source if is_url(source.reveal()) else source.reveal())


def _readable(store: Any) -> Any:
    """Return a store with the keys that it was sealed with.

    OAUTH_AUTH_KEY, which the other one needs, would hide the key file of a directory.
    """
    from oauth_auth.secret import FromEnv, FromFile
    from oauth_auth.stores.file import FileStore
    from oauth_auth.stores.keys import KEY_VARIABLE

    if not isinstance(store, FileStore):
        return store
    try:
        store.read("id-key")
    except errors.KeyMismatch:
        if not (store.path / "keys").exists():
            raise
        # The last one seals what its workers read.
        keys: list[SecretSource] = [
            FromEnv(KEY_VARIABLE),
            FromFile(str(store.path / "keys")),
        ]
        return FileStore(store.path, keys=keys)
    return store


def name_of(store: Any) -> str:
    """Return where a store is, for people."""
    return str(getattr(store, "name", None) or store.path)


def _print(old: str, new: str, outcome: Moved) -> None:
    if outcome.failures:
        number = len(outcome.failures)
        say(f"{number} records could not be moved.", style="bold red")
    else:
        say("Everything is moved.", style="bold green")
    say()
    facts(
        [
            ("from", old, ""),
            ("to", new, ""),
            ("logins moved", str(outcome.moved), ""),
            ("others copied", str(outcome.copied), ""),
            ("done before", str(outcome.already), ""),
        ]
    )
    for failure in outcome.failures:
        complain(failure)
    say()
    paragraph(
        "Now have every worker use the new one (OAUTH_AUTH_STORE), and start it anew."
    )
