"""A token in a JSON file, as the packages have it that leave keeping to the caller."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.login import Place

__all__ = ["keep", "kept", "save"]


def _path(directory: Path) -> Path:
    return directory / "token.json"


def save(place: Place) -> None:
    """Keep the login's token."""
    place.directory.mkdir(parents=True, exist_ok=True)
    keep(place, place.login.token)


def keep(place: Place, token: dict[str, Any]) -> None:
    """Keep a token."""
    _path(place.directory).write_text(json.dumps(token), "utf-8")


def kept(place: Place) -> dict[str, Any]:
    """Return the token."""
    token: dict[str, Any] = json.loads(_path(place.directory).read_text("utf-8"))
    return token
