"""What `OAuthAuth("name")` works with: a profile, and what the call says besides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oauth_auth.profiles.file import Profiles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_auth.grants.base import Grant

__all__ = ["configured"]


def configured(name: str, given: Mapping[str, Any]) -> tuple[Grant, dict[str, Any]]:
    """Return the grant of a profile, and the settings beside it.

    Args:
        name: The profile's name.
        given: Settings that win over the profile's.

    Raises:
        ConfigurationError: There is no such profile, or it cannot work.
    """
    profile = Profiles().load(name)
    settings = profile.settings()
    grant = profile.build_grant()
    # `oauth-auth login NAME` makes the profile's own login, in its own store.
    for key in ("store", "account"):
        if key in given and given[key] != settings.get(key):
            grant = grant.without_command()
    return grant, {**settings, **given}
