"""`oauth-auth logout`: end a login, at the server and here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oauth_auth.cli.base import Command, as_line
from oauth_auth.cli.codes import Exit, exit_code_of
from oauth_auth.cli.names import auth_of, known_names, profile_argument
from oauth_auth.cli.screen import complain, paragraph, say
from oauth_auth.lazy_errors import errors

if TYPE_CHECKING:
    from oauth_auth import OAuthAuth

__all__ = ["log_out", "logout"]


@click.command(cls=Command)
@profile_argument(required=False)
@click.option("--all", "all_profiles", is_flag=True, help="Log out of every profile.")
def logout(name: str | None, *, all_profiles: bool) -> int:
    """Log out: revoke the token at the server, and delete it here.

    Revocation is RFC 7009. The profile itself stays, so that "oauth-auth login NAME"
    is enough to come back; "oauth-auth profiles remove NAME" removes both. The token
    is deleted here even if the server cannot be told, and then a message says so.

    \b
    Examples:
      oauth-auth logout github
      oauth-auth logout --all

    \b
    Exit codes:
      0  logged out; the server was told, or has no way to be told
      2  there is no such profile, or it cannot work
      4  deleted here, but the server could not be reached
      5  deleted here, but the server refused to revoke it
      6  the token store cannot be read or written
    """  # noqa: D301  # click looks for the backspace character
    if all_profiles == bool(name):
        raise click.UsageError("name one profile, or --all")
    if name:
        return log_out(name, auth_of(name))
    names = known_names()
    if not names:
        say("No profile, so nobody is logged in.")
    return max((_logged_out_of_many(each) for each in names), default=Exit.DONE)


def _logged_out_of_many(name: str) -> int:
    try:
        return log_out(name, auth_of(name))
    except errors.OAuthAuthError as error:
        # The others are logged out all the same.
        complain(f"{name}: {as_line(error)}")
        return exit_code_of(error)


def log_out(name: str, auth: OAuthAuth) -> int:
    """Log a profile out, and say what came of it.

    Returns:
        The exit code: whether the server knows.

    Raises:
        TokenStoreError: The token could not be deleted.
    """
    from oauth_auth.cli.standing import record_of

    had_token = record_of(auth)[1].token is not None
    failure = None
    try:
        auth.logout()
    except errors.TokenStoreError:
        raise
    except errors.OAuthAuthError as error:
        failure = error
    if not had_token:
        say(f"{name}: nobody was logged in.")
        return Exit.DONE
    if failure is not None:
        say(f"{name}: logged out here.")
        complain(
            "the server could not be told, and may honour the token until it expires: "
            f"{as_line(failure)}",
            style="yellow",
        )
        return exit_code_of(failure)
    if _revokes(auth):
        say(f"{name}: logged out; the server has revoked the token.")
    else:
        paragraph(
            f"{name}: logged out here. The server has no way to revoke a token (RFC "
            "7009), and honours it until it expires."
        )
    return Exit.DONE


def _revokes(auth: OAuthAuth) -> bool:
    """Whether the server has a revocation endpoint; it has just been asked."""
    from oauth_auth.endpoint import find_metadata

    terms = auth._terms_for(None)
    server = find_metadata(
        auth._grant.server, auth._store, terms.identifier, terms.reach
    )
    return server.revocation_endpoint is not None
