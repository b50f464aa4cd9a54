"""Opening the person's browser, which must not be able to hang the login."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from oauth_auth.secret import Secret

__all__ = ["open_browser"]

#: Browsers that would take the terminal over, which the program itself uses.
_OF_TERMINALS: Final = ("elinks", "links", "links2", "lynx", "w3m")


def open_browser(url: Secret) -> None:
    """Open a URL in the person's browser, without waiting for that.

    Over SSH, in WSL and in containers what passes for a browser may wait for ever, and
    one that BROWSER names is waited for until it has loaded the page, which it gets
    from whoever called this. What it says of its success is not true everywhere
    either, so the URL has to be shown all the same.

    Args:
        url: The URL.
    """

    def ask() -> None:
        import webbrowser

        with contextlib.suppress(Exception):  # any is "no browser"
            browser = webbrowser.get()
            if not _takes_the_terminal(browser):
                browser.open(url.reveal())

    thread = threading.Thread(target=ask, name="oauth_auth browser", daemon=True)
    with contextlib.suppress(RuntimeError):  # no thread can be had
        thread.start()


def _takes_the_terminal(browser: Any) -> bool:
    if os.environ.get("BROWSER"):
        return False  # somebody wants just that
    # Debian's "www-browser" is a link to whatever is installed.
    path = shutil.which(str(getattr(browser, "name", ""))) or ""
    name = os.path.basename(os.path.realpath(path)).partition(".")[0]  # noqa: PTH119
    return name in _OF_TERMINALS
