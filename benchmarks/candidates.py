"""All candidates: the floors, oauth_auth and its twin, and the peers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

from benchmarks.candidate import Candidate
from benchmarks.floors import FLOORS
from benchmarks.ours import OURS
from benchmarks.peers import PEERS

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ALL", "TWIN", "find", "installed", "peers"]

_Kind = TypeVar("_Kind", bound=Candidate)

ALL = (*FLOORS, *OURS, *PEERS)
#: oauth_auth once more: how far it is from itself is what differences mean nothing.
TWIN = "oauth_auth again (A/A)"


def find(key: str) -> Candidate:
    """Return a candidate by its key."""
    return next(candidate for candidate in ALL if candidate.key == key)


def peers(kind: type[_Kind], *, wanted: bool) -> list[_Kind]:
    """Return the peers of a kind, or none if they are not wanted."""
    return [peer for peer in PEERS if wanted and isinstance(peer, kind)]


def installed(candidates: Iterable[_Kind]) -> tuple[list[_Kind], list[str]]:
    """Return those that are installed, and a sentence about each that is not."""
    here, notes = [], []
    for candidate in candidates:
        missing = candidate.missing()
        if missing is None:
            here.append(candidate)
        else:
            notes.append(f"{candidate.name} is left out: {missing} is not installed.")
    return here, notes


# For what a benchmark must not depend on: a proxy for the internet, a user's store.
os.environ.update({"NO_PROXY": "*", "no_proxy": "*"})
