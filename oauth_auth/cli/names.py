"""Profiles by name: the argument, its completion, and the object behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_auth import OAuthAuth
    from oauth_auth.profiles import Profile

__all__ = [
    "auth_for",
    "auth_of",
    "complete_preset",
    "complete_profile",
    "known_names",
    "profile_argument",
]


def known_names() -> list[str]:
    """Return the names of all profiles, sorted.

    Raises:
        ConfigurationError: The file of profiles cannot be read.
    """
    from oauth_auth.profiles import Profiles

    return sorted(Profiles().names())


def auth_of(name: str) -> OAuthAuth:
    """Return the object that a program gets by a profile's name.

    Raises:
        ConfigurationError: There is no such profile, or it cannot work.
    """
    from oauth_auth.profiles import Profiles

    return auth_for(Profiles().load(name))


def auth_for(profile: Profile) -> OAuthAuth:
    """Return the object for a profile, saved or not."""
    from oauth_auth import OAuthAuth

    return OAuthAuth(profile.build_grant(), **profile.settings())


def profile_argument(*, required: bool = True) -> Callable[[Any], Any]:
    """Return the argument NAME, which the shell completes."""
    return click.argument(
        "name",
        metavar="NAME" if required else "[NAME]",
        required=required,
        shell_complete=complete_profile,
    )


def complete_profile(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the profiles whose names begin so."""
    from oauth_auth.profiles import Profiles

    try:
        profiles = Profiles()
        names = [name for name in profiles.names() if name.startswith(incomplete)]
        return [CompletionItem(name) for name in sorted(names)]
    except Exception:  # noqa: BLE001  # a shell that completes has no place for errors
        return []


def complete_preset(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the presets whose names begin so."""
    from oauth_auth import presets

    return [
        CompletionItem(name)
        for name in sorted(presets.PRESETS)
        if name.startswith(incomplete)
    ]
