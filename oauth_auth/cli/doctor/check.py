"""What one check comes to."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Check", "ok", "problem", "warning"]


class Check(NamedTuple):
    """One line of the doctor's."""

    #: "ok", "warning" or "problem".
    state: str
    #: What was looked at.
    name: str
    #: What was found.
    found: str
    #: What to do about it; empty where nothing has to be done.
    remedy: str = ""


def ok(name: str, found: str) -> Check:
    """Return that all is well."""
    return Check("ok", name, found)


def warning(name: str, found: str, remedy: str) -> Check:
    """Return what works, but not as well as it might, or not for ever."""
    return Check("warning", name, found, remedy)


def problem(name: str, found: str, remedy: str) -> Check:
    """Return what does not work."""
    return Check("problem", name, found, remedy)
