"""`oauth-auth profiles`: what is remembered under which name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import click

from oauth_auth.cli.base import Group, as_line
from oauth_auth.cli.codes import Exit
from oauth_auth.cli.logout import log_out
from oauth_auth.cli.names import auth_for, profile_argument
from oauth_auth.cli.screen import clean, complain, facts, say, table
from oauth_auth.lazy_errors import errors

if TYPE_CHECKING:
    from oauth_auth.profiles import Profile

__all__ = ["profiles"]

#: Where a secret is, by the kind of its reference.
_PLACES: Final = {
    "env": "in the variable {}",
    "file": "in the file {}",
    "keyring": "in the keyring, as {}",
    "store": "sealed in the token store",
}


@click.group(cls=Group)
def profiles() -> None:
    """List, show and remove profiles.

    They are kept in profiles.toml, which holds no secret and may be edited by hand.
    """


@profiles.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(*, as_json: bool) -> int:
    """List all profiles.

    \b
    Example:
      oauth-auth profiles list --json | jq -r .[].name

    \b
    Exit codes:
      0  listed
      2  a profile cannot work, or the file cannot be read
    """  # noqa: D301  # click looks for the backspace character
    from oauth_auth.profiles import Profiles

    kept = Profiles()
    found: list[dict[str, Any]] = []
    for name in sorted(kept.names()):
        try:
            found.append({"name": name, **_summary(kept.load(name))})
        except errors.ConfigurationError as error:
            found.append({"name": name, "error": as_line(error)})
    broken = [each for each in found if "error" in each]
    if as_json:
        click.echo(json.dumps(found))
    elif not found:
        say(f"No profile in {kept.path} yet. Make one: oauth-auth login NAME --help")
    else:
        table(
            ("profile", "client", "grant", "server"),
            (
                [
                    (each["name"], "bold"),
                    (each.get("client_id", "-"), ""),
                    (each.get("grant", "unusable"), "red" if "error" in each else ""),
                    (each.get("server", ""), ""),
                ]
                for each in found
            ),
        )
        for each in broken:
            complain(each["error"])
    return Exit.USAGE if broken else Exit.DONE


@profiles.command()
@profile_argument()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str, *, as_json: bool) -> None:
    """Show a profile: what is in the file, and what a preset adds to it.

    Of a secret only the place is shown.

    \b
    Example:
      oauth-auth profiles show github

    \b
    Exit codes:
      0  shown
      2  there is no such profile, or it cannot work
    """  # noqa: D301  # click looks for the backspace character
    from oauth_auth.profiles import Profiles

    kept = Profiles()
    profile = kept.load(name)
    table_, effective = profile.to_dict(), _summary(profile)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "name": name,
                    "file": str(kept.path),
                    "settings": table_,
                    "effective": effective,
                }
            )
        )
        return
    say(f"{name}, in {kept.path}:", style="bold")
    say()
    facts((key, _setting(key, value), "") for key, value in table_.items())
    added = {
        key: value
        for key, value in effective.items()
        if value and key not in table_ and key != "server"
    }
    if added:
        say()
        say("and from the preset:" if profile.preset else "and by default:")
        say()
        facts((key, _text(value), "") for key, value in added.items())


@profiles.command()
@profile_argument()
@click.option(
    "--keep-login", is_flag=True, help="Remove the profile alone, and log nobody out."
)
def remove(name: str, *, keep_login: bool) -> int:
    """Log out of a profile, and remove it.

    If the server cannot be told of the logout, the profile is removed all the same,
    and a message says so.

    \b
    Examples:
      oauth-auth profiles remove github
      oauth-auth profiles remove github --keep-login

    \b
    Exit codes:
      0  removed
      2  there is no such profile
      4  removed, but the server could not be told of the logout
      5  removed, but the server refused to revoke the token
      6  the token store or the file of profiles cannot be written
    """  # noqa: D301  # click looks for the backspace character
    from oauth_auth.profiles import Profiles, forget_client_secret
    from oauth_auth.profiles.values import SECRETS

    kept = Profiles()
    if keep_login:
        kept.remove(name)
        say(f"{name}: removed; the login stays, for a new profile of that name.")
        return Exit.DONE
    code: int = Exit.DONE
    try:
        profile = kept.load(name)
    except errors.ConfigurationError:
        if name not in kept.names():
            raise
        # It cannot work, so nobody can be logged out of it.
        say(f"{name}: cannot work as it is, so nobody is logged out.", err=True)
    else:
        auth = auth_for(profile)
        code = log_out(name, auth)
        for key in SECRETS:
            forget_client_secret(auth._store, name, key=key)
    kept.remove(name)
    say(f"{name}: removed.")
    return code


def _summary(profile: Profile) -> dict[str, Any]:
    """Return what a profile comes to, with its preset; no secret."""
    grant = profile.build_grant()
    server = grant.server
    endpoints = (
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "device_authorization_endpoint",
        "revocation_endpoint",
        "introspection_endpoint",
    )
    return {
        "server": server.name,
        "client_id": grant.client_id,
        "grant": profile.grant,
        "scope": grant.scope,
        **{name: getattr(server, name) for name in endpoints},
        "redirect_uris": list(getattr(grant, "redirect_uris", ())),
        "allowed_origins": profile.settings().get("allowed_origins"),
    }


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return clean(" ".join(map(str, value)))
    if isinstance(value, dict):
        return clean(", ".join(f"{key} = {each}" for key, each in value.items()))
    return clean(value)


def _setting(key: str, value: Any) -> str:
    """Return a setting in words; of a secret the place."""
    from oauth_auth.profiles.values import SECRETS

    if key not in SECRETS:
        return _text(value)
    ((kind, name),) = value.items()
    return clean(_PLACES[kind].format(name))
