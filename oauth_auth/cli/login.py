"""`oauth-auth login`: make a profile, and log in to it."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import click

from oauth_auth.cli.base import Command
from oauth_auth.cli.login_options import profile_options
from oauth_auth.cli.names import auth_for, complete_profile
from oauth_auth.cli.person import Person
from oauth_auth.cli.screen import facts, paragraph, say
from oauth_auth.cli.words import moment
from oauth_auth.lazy_errors import errors
from oauth_auth.login.pending import LIFE
from oauth_auth.login.ways import PERSON_SECONDS
from oauth_auth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oauth_auth import OAuthAuth, Token
    from oauth_auth.profiles import Profile

__all__ = ["login"]

#: What says where a server is.
_PLACES: Final = (
    "issuer",
    "token_endpoint",
    "authorization_endpoint",
    "device_authorization_endpoint",
)


@click.command(cls=Command)
@click.argument("name", metavar="NAME", shell_complete=complete_profile)
@profile_options
@click.option(
    "--no-browser",
    is_flag=True,
    help="Open the page elsewhere, and paste the address it ends at.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(1, int(LIFE)),
    metavar="N",
    default=int(PERSON_SECONDS),
    show_default=True,
    help="Seconds for you and your browser.",
)
def login(
    name: str,
    *,
    no_browser: bool,
    timeout: float,
    client_secret: str | None,
    **options: Any,
) -> None:
    """Log in, and remember how under NAME.

    The first time, say which server it is and who you are to it. After that,
    "oauth-auth login NAME" is enough; options given then change the profile. Any
    program on this machine can say OAuthAuth("NAME") from then on.

    NAME may be a preset's: "login github" means --preset github.

    \b
    Examples:
      oauth-auth login github --client-id Iv1.8a61f9b3a7aba766
      oauth-auth login work --issuer https://sso.example.com --client-id cli
      oauth-auth login tv --issuer https://sso.example.com --client-id tv --device
      oauth-auth login work --no-browser
      oauth-auth login job --machine --issuer https://sso.example.com \\
        --client-id job --client-secret-env JOB_SECRET

    \b
    Exit codes:
      0  logged in
      2  the settings cannot work
      4  the server cannot be reached, or asks to wait; try again
      5  refused, or not finished in time
      6  the token store cannot be written
    """  # noqa: D301  # click looks for the backspace character
    from oauth_auth.profiles import Profiles

    profiles = Profiles()
    known = profiles.load(name) if name in profiles.names() else None
    table = _table(name, known, options, kept=client_secret is not None)
    profile = _profile(name, table)
    with _secret_kept(profile, client_secret, known), Person(timeout) as person:
        auth = auth_for(profile)
        token = auth.login(
            timeout=timeout, show=person.show, ask=person.ask if no_browser else None
        )
    if known is None or profile.to_dict() != known.to_dict():
        profiles.save(profile, replace=known is not None)
    _print_outcome(profile, auth, token, known)
    if known is not None:
        _forget_before(auth_for(known), auth)


def _table(
    name: str, known: Profile | None, options: dict[str, Any], *, kept: bool
) -> dict[str, Any]:
    """Return the profile's settings: those it had, and what the options change."""
    table: dict[str, Any] = known.to_dict() if known is not None else {}
    given = {key: value for key, value in options.items() if value}
    grant = _grant(given)
    if grant is not None:
        table["grant"] = grant
        if grant != "authorization_code":
            # They are for a browser, and no other grant takes them.
            table.pop("redirect_uris", None)
            table.pop("authorization_extra", None)
    if "params" in given:
        before = table.get("authorization_extra", {})
        given["authorization_extra"] = {**before, **given.pop("params")}
    if "scopes" in given:
        given["scope"] = " ".join(given.pop("scopes"))
    places = [f"http://127.0.0.1:{port}/callback" for port in given.pop("ports", ())]
    if places or "redirect_uris" in given:
        given["redirect_uris"] = [*places, *given.pop("redirect_uris", ())]
    if "allowed_origins" in given:
        given["allowed_origins"] = list(given["allowed_origins"])
    reference = _reference(given, kept=kept)
    if reference is not None:
        given["client_secret"] = reference
    if "preset" in given:
        # What was written of another server stands above a preset.
        for place in _PLACES:
            table.pop(place, None)
    table.update(given)
    _complete(name, table)
    return table


def _grant(given: dict[str, Any]) -> str | None:
    """Take out the options that choose the grant, and return it."""
    flags = {
        "device": "device_code",
        "machine": "client_credentials",
        "browser": "authorization_code",
    }
    chosen = [grant for flag, grant in flags.items() if given.pop(flag, False)]
    if len(chosen) > 1:
        raise click.UsageError("--device, --machine and --browser exclude each other")
    return chosen[0] if chosen else None


def _reference(given: dict[str, Any], *, kept: bool) -> dict[str, Any] | None:
    """Take out the options that say where the client secret is, and return that."""
    found: list[dict[str, Any]] = [
        {kind: given.pop(f"client_secret_{kind}")}
        for kind in ("env", "file", "keyring")
        if f"client_secret_{kind}" in given
    ]
    found += [{"store": True}] if kept else []
    if len(found) > 1:
        raise click.UsageError("the client secret is in one place only")
    return found[0] if found else None


def _complete(name: str, table: dict[str, Any]) -> None:
    """Say what is missing for a login; a preset may have the profile's name."""
    from oauth_auth.presets import PRESETS
    from oauth_auth.profiles.profile import CLIENT_OPTIONAL

    nowhere = {"preset", "issuer", "token_endpoint"}.isdisjoint(table)
    if nowhere and name in PRESETS:
        table["preset"] = name
    elif nowhere:
        raise click.UsageError(
            f"there is no profile {name} yet, so say which server it is: --issuer URL, "
            "or --preset P; known are " + ", ".join(sorted(PRESETS))
        )
    if "client_id" not in table and table.get("grant") not in CLIENT_OPTIONAL:
        raise click.UsageError(
            "--client-id is missing: what the server calls this application, from "
            "where you have registered it"
        )
    if table.get("grant") == "client_credentials" and "client_secret" not in table:
        raise click.UsageError(
            "a machine has a client secret, so say where it is: --client-secret-env "
            "NAME, --client-secret-file PATH, or --client-secret, and it is asked for"
        )


def _profile(name: str, table: dict[str, Any]) -> Profile:
    from oauth_auth.profiles import Profile

    profile = Profile.from_dict(name, table)
    if profile.grant == "refresh_token":
        raise errors.ConfigurationError(
            f"profile {name} starts from a refresh token, and nobody can log in to it; "
            "choose --browser or --device, or put a new refresh token in its place"
        )
    return profile


@contextlib.contextmanager
def _secret_kept(
    profile: Profile, place: str | None, known: Profile | None
) -> Iterator[None]:
    """Keep a client secret that was given; take it back if the login fails."""
    if place is None:
        yield
        return
    from oauth_auth.profiles import (
        forget_client_secret,
        keep_client_secret,
        load_client_secret,
    )

    store = auth_for(profile)._store
    before = load_client_secret(store, profile.name) if known is not None else None
    keep_client_secret(store, profile.name, _secret_from(place))
    done = False
    try:
        yield
        done = True
    finally:
        if not done and before is not None:
            keep_client_secret(store, profile.name, before)
        elif not done:
            forget_client_secret(store, profile.name)


def _secret_from(place: str) -> Secret:
    if place == "-":
        found = Secret(sys.stdin.readline().rstrip("\r\n"))
    else:
        found = Secret(click.prompt("Client secret", hide_input=True, err=True))
    if not found:
        raise click.UsageError("the client secret is empty")
    return found


def _forget_before(before: OAuthAuth, now: OAuthAuth) -> None:
    """Forget the login that the profile had with other settings.

    Nothing leads to it any more. The server is not told, since there are servers that
    end all logins of a client with the one. Another account's login is another
    person's, and goes on.
    """
    from oauth_auth.cli.standing import record_of

    (old, record), (new, _) = record_of(before), record_of(now)
    if old == new or before._account != now._account or record.token is None:
        return
    before._ended(revoking=False)
    say()
    paragraph(
        "The login before, with other settings, is deleted here; the server was not "
        "told."
    )


def _print_outcome(
    profile: Profile, auth: OAuthAuth, token: Token, known: Profile | None
) -> None:
    from oauth_auth.cli.standing import standing_of
    from oauth_auth.profiles import Profiles

    now = time.time()
    found = standing_of(profile.name, auth, now)
    end = token.expires_at
    who = found.who or found.account
    say(
        f"Logged in to {found.server}{f' as {who}' if who else ''}.", style="bold green"
    )
    say()
    facts(
        [
            ("profile", f"{profile.name} ({Profiles().path})", ""),
            ("scope", found.scope or "", ""),
            ("expires", moment(end, now) if end else "when the server says so", ""),
            ("renewal", found.renewal, "" if found.renewable else "yellow"),
        ]
    )
    if known is None:
        say()
        say(
            f'In programs: OAuthAuth("{profile.name}"). In the shell: oauth-auth token '
            f"{profile.name}"
        )
