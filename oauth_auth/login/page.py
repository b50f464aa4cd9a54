"""The page that the browser ends on after a login."""

from __future__ import annotations

import enum
import html

__all__ = ["Page", "render"]


class Page(enum.Enum):
    """How it went: a title, and what to do next."""

    DONE = ("Logged in", "You can close this tab and go back to the program.")
    DENIED = ("Login refused", "Nothing was changed. Start again to ask anew.")
    FAILED = ("Login failed", "The program says more about it, and what to do.")
    STRANGE = ("Not this login", "This answer belongs to no login that is under way.")
    NOTHING = ("Nothing here", "This address only waits for the end of a login.")


def render(page: Page, detail: str = "") -> bytes:
    """Return a page in HTML (UTF-8), which needs nothing else.

    Args:
        page: Which one.
        detail: What the server said, if anything; holds no secret.
    """
    title, text = page.value
    more = f"<p>{html.escape(detail)}</p>" if detail else ""
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
        f"<h1>{title}</h1><p>{text}</p>{more}"
    ).encode()
