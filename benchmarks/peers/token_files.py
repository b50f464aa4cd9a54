"""The token cache that httpx-auth and requests-auth have in common."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.login import Place

__all__ = ["SHARES", "seed", "settings", "share"]

SHARES = (
    "`OAuth2.token_cache = JsonTokenFileCache(path)`; the password grant, since it is "
    "the only one with a refresh token that opens no browser"
)


def settings(place: Place) -> dict[str, Any]:
    """Return the arguments of the password grant."""
    return {
        "token_url": place.login.token_endpoint,
        "username": "alice",
        "password": "made-up password",
        "client_id": place.login.client_id,
    }


def share(oauth2: Any, cache: type, place: Place) -> None:
    """Have all grants of this process use the file."""
    oauth2.token_cache = cache(place.directory / "tokens.json")


def seed(place: Place, state: str) -> None:
    """Write the file as the cache does."""
    login = place.login
    token = [login.access_token, login.expires_at, login.refresh_token]
    place.directory.mkdir(parents=True, exist_ok=True)
    path = place.directory / "tokens.json"
    path.write_text(json.dumps({state: token}), "utf-8")
