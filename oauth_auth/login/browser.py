"""Opening the person's browser, which must not be able to hang the login."""

from __future__ import annotations

import threading
from typing import Final

__all__ = ["open_browser"]

#: Seconds for the browser to start. Over SSH, in WSL and in containers what passes
#: for one may wait for ever.
_START: Final = 5.0


def open_browser(url: str) -> bool:
    """Open a URL in the person's browser.

    Args:
        url: The URL.

    Returns:
        Whether a browser said that it did; the URL should be shown all the same.
    """
    answer: list[bool] = []

    def ask() -> None:
        import webbrowser

        try:
            answer.append(webbrowser.open(url))
        except Exception:  # noqa: BLE001  # any is "no browser"
            answer.append(False)

    thread = threading.Thread(target=ask, name="oauth_auth browser", daemon=True)
    thread.start()
    thread.join(_START)
    return bool(answer and answer[0])
