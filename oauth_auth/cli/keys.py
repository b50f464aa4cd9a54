"""`oauth-auth keys`: the keys that seal the token store."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from oauth_auth.cli.base import Group
from oauth_auth.cli.codes import Exit
from oauth_auth.cli.screen import complain, facts, paragraph, say
from oauth_auth.cli.store import name_of, store_named
from oauth_auth.stores.keys import new_key

if TYPE_CHECKING:
    from oauth_auth.stores.rotation import Resealed

__all__ = ["keys"]


class _ByHand(NamedTuple):
    """How a key is put in place by hand, where this program cannot."""

    why: str
    command: str
    then: str


_BY_HAND: Final = {
    "variable": _ByHand(
        "OAUTH_AUTH_KEY holds the only key, so a new one has to be put there. Several "
        "keys stand there from oldest to newest, with commas; the last one seals. "
        "Where programs run all the time, put the new key first, everywhere:",
        'export OAUTH_AUTH_KEY="$(oauth-auth keys new),$OAUTH_AUTH_KEY"',
        "and when every program has been started anew, move it to the end, everywhere. "
        "Where none runs, put it at the end at once. Then run this again.",
    ),
    # Not done by this program: all stores of this user have that entry in common, and
    # the lock of one does not keep the others from writing it.
    "keyring": _ByHand(
        "The system's keyring holds the only key, so a new one has to be put there, "
        "behind the old one:",
        'printf %s,%s "$(keyring get oauth_auth sealing-key)" "$(oauth-auth keys new)" '
        "| keyring set oauth_auth sealing-key",
        "Then run this again.",
    ),
}


@click.group(cls=Group)
def keys() -> None:
    """Make and rotate the keys that encrypt the token store."""


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


@keys.command()
@click.argument("where", required=False)
@click.option(
    "--drop-old",
    is_flag=True,
    help="Then take the older keys out, once nothing is sealed with them.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rotate(where: str | None, *, drop_old: bool, as_json: bool) -> int:
    """Make a new sealing key, and seal every login anew with it.

    Programs may go on meanwhile: nothing that they save is lost, and all keys open
    what they sealed. A rotation that was interrupted goes on where it was when this is
    run again.

    The older keys stay until --drop-old: programs that are running seal with them
    until they are started anew.

    WHERE is a directory, a URL, or env:NAME for the URL in that variable; without it,
    it is the store that programs use here. Of one that several machines share, the
    keys are in OAUTH_AUTH_KEY, and the new one has to be put there by hand, everywhere.

    \b
    Examples:
      oauth-auth keys rotate
      oauth-auth keys rotate --drop-old
      oauth-auth keys rotate postgresql://tokens@db.example.com/tokens

    \b
    Exit codes:
      0  everything is sealed with the newest key
      2  a key has to be put in place by hand; it says how
      4  the store cannot be reached; run it again
      6  something could not be sealed anew; it says what
    """  # noqa: D301  # click looks for the backspace character
    from oauth_auth.stores import rotation, shared_rotation
    from oauth_auth.stores.file import FileStore
    from oauth_auth.stores.places import own_store

    store: Any = own_store() if where is None else store_named(where)
    in_files = isinstance(store, FileStore)
    chain = store.sealer.chain
    known = chain.reload()
    going_on = in_files and len(known) > 1 and bool(rotation.sealed_with_old(store))
    # To drop what an earlier rotation has left needs no further key.
    wanted = not going_on and not (drop_old and len(known) > 1)
    if wanted and chain.source == "file":
        rotation.add_key(store)
    elif wanted and len(known) == 1:
        return _by_hand(chain.source, as_json=as_json)
    *_, outcome = (rotation if in_files else shared_rotation).reseal(store)
    dropped = 0
    if drop_old and not outcome.failures and chain.source == "file":
        dropped = rotation.drop_old_keys(store)
    if as_json:
        click.echo(json.dumps(_as_json(store, outcome, dropped, going_on=going_on)))
    else:
        _print(store, outcome, dropped, going_on=going_on)
    return Exit.STORE if outcome.failures else Exit.DONE


def _by_hand(source: str, *, as_json: bool) -> int:
    how = _BY_HAND[source]
    if as_json:
        click.echo(json.dumps({"by_hand": how._asdict()}))
        return Exit.USAGE
    paragraph(how.why)
    say(f"\n  {how.command}\n")
    paragraph(how.then)
    return Exit.USAGE


def _as_json(
    store: Any, outcome: Resealed, dropped: int, *, going_on: bool
) -> dict[str, object]:
    return {
        "store": name_of(store),
        "keys_from": store.sealer.chain.source,
        "keys": [key.id.hex() for key in store.sealer.chain.all()],
        "went_on": going_on,
        "sealed_anew": outcome.done,
        "sealed_already": outcome.already,
        "dropped_keys": dropped,
        "failures": list(outcome.failures),
    }


def _print(store: Any, outcome: Resealed, dropped: int, *, going_on: bool) -> None:
    what = "file" if hasattr(store, "path") else "value"
    key_ids = [key.id.hex() for key in store.sealer.chain.all()]
    if going_on:
        say("Went on with the rotation that was begun before.")
    if outcome.failures:
        number = _number(len(outcome.failures), what)
        say(f"{number} could not be sealed anew.", style="bold red")
    else:
        say("Everything is sealed with the newest key.", style="bold green")
    say()
    facts(
        [
            ("store", name_of(store), ""),
            ("newest key", key_ids[-1], ""),
            ("older keys", ", ".join(key_ids[:-1]) or "none", ""),
            ("sealed anew", _number(outcome.done, what), ""),
            ("left alone", f"{_number(outcome.already, what)}, done before", ""),
            ("taken out", _number(dropped, "key") if dropped else "", ""),
        ]
    )
    for failure in outcome.failures:
        complain(failure)
    if len(key_ids) == 1 or outcome.failures:
        return
    say()
    where = "where they are kept"
    if store.sealer.chain.source == "file":
        where = "with: oauth-auth keys rotate --drop-old"
    paragraph(
        "When every program that uses this store has been started anew, take the older "
        f"keys out {where}"
    )


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
