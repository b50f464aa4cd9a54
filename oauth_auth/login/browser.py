"""Opening the person's browser, which must not be able to hang the login."""

from __future__ import annotations

import os
import shutil
import threading
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from oauth_auth.secret import Secret

__all__ = ["open_browser"]

#: Seconds for the browser to start. Over SSH, in WSL and in containers what passes
#: for one may wait for ever.
_START: Final = 5.0
#: Browsers that would take the terminal over, which the program itself uses.
_OF_TERMINALS: Final = ("elinks", "links", "links2", "lynx", "w3m")


def open_browser(url: Secret) -> bool:
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
            browser = webbrowser.get()
            if not _takes_the_terminal(browser):
                answer.append(browser.open(url.reveal()))
        except Exception:  # noqa: BLE001  # any is "no browser"
            answer.append(False)

    thread = threading.Thread(target=ask, name="oauth_auth browser", daemon=True)
    thread.start()
    thread.join(_START)
    return bool(answer and answer[0])


def _takes_the_terminal(browser: Any) -> bool:
    if os.environ.get("BROWSER"):
        return False  # somebody wants just that
    # Debian's "www-browser" is a link to whatever is installed.
    path = shutil.which(str(getattr(browser, "name", ""))) or ""
    name = os.path.basename(os.path.realpath(path)).partition(".")[0]  # noqa: PTH119
    return name in _OF_TERMINALS
