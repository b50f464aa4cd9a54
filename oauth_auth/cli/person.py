"""What a person sees and does while logging in: URL, code, QR code, countdown."""

from __future__ import annotations

import math
import shutil
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final, final

import click

from oauth_auth.cli.screen import clean, paragraph, say
from oauth_auth.cli.words import duration
from oauth_auth.login.qr import qr_code

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from oauth_auth.login.device import DevicePrompt

__all__ = ["Person"]

#: Lines of the terminal that a login by device takes beside its QR code, and those that
#: it needs at least.
_TALL: Final = 15
_SHORT: Final = 6


@final
class Person:
    """Shows a login to the person in front of the terminal, on standard error.

    Use it in a ``with`` block: the countdown ends with it.

    Args:
        timeout: Seconds for a login in the browser.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout: Final = timeout
        self._countdown: _Countdown | None = None

    def show(self, what: Any) -> None:
        """Show the URL or the code of a login, and start to count down."""
        if isinstance(what, str):
            self._show_url(what)
        else:
            self._show_code(what)

    def ask(self, url: str) -> str:
        """Have the person open a URL anywhere, and paste the one it ends at."""
        paragraph("Open this page in any browser:", err=True)
        say(f"\n{url}\n", err=True)
        paragraph(
            "After the login the browser is sent to a page that it cannot show. Copy "
            "that page's whole address, and paste it here; it will not be seen.",
            err=True,
        )
        if not sys.stdin.isatty():
            return sys.stdin.readline().strip()
        return str(click.prompt("Address", hide_input=True, err=True)).strip()

    def _show_url(self, url: str) -> None:
        paragraph("Your browser should show the login now. If not, open:", err=True)
        say(f"\n{url}\n", err=True)
        self._count_down(time.time() + self._timeout)

    def _show_code(self, prompt: DevicePrompt) -> None:
        uri = clean(prompt.verification_uri)
        complete = clean(prompt.verification_uri_complete or "")
        gap = "\n"
        qr = qr_code(complete or uri, sys.stderr, beside=_TALL)
        if not qr:
            # What is to be typed must not scroll away.
            qr = qr_code(complete or uri, sys.stderr, beside=_SHORT)
            if qr:
                complete = gap = ""
        paragraph("Open this page on any device:", err=True)
        say(f"{gap}  {uri}{gap}", err=True)
        paragraph("and enter this code:", err=True)
        say(f"{gap}  {clean(prompt.user_code)}{gap}", err=True, style="bold")
        if complete:
            # RFC 8628 section 3.3.1: the code is shown for comparison all the same.
            paragraph(
                "or open this page, which has the code in it, and compare:", err=True
            )
            say(f"\n  {complete}\n", err=True)
        if qr:
            say(qr.rstrip("\n"), err=True)
        self._count_down(prompt.expires_at)

    def _count_down(self, end: float) -> None:
        self._countdown = _Countdown(end)
        self._countdown.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._countdown is not None:
            self._countdown.stop()


class _Countdown:
    """Says how long the person has; once where there is no terminal to redraw."""

    def __init__(self, end: float) -> None:
        self._end: Final = end
        self._done: Final = threading.Event()
        self._thread: threading.Thread | None = None
        self._shown = 0

    def start(self) -> None:
        if not sys.stderr.isatty():
            left = duration(math.ceil(self._left()))
            say(f"Waiting for you, for {left} at most.", err=True)
            return
        # Daemon: a terminal that was suspended must not hold up the end.
        self._thread = threading.Thread(
            target=self._run, name="oauth_auth countdown", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join(1)
            self._write("")

    def _run(self) -> None:
        while not self._done.is_set():
            seconds = int(self._left())
            clock = f"{seconds // 60}:{seconds % 60:02}"
            text = f"Waiting for you: {clock} left. Ctrl-C gives up."
            # A line that is wrapped could not be drawn over.
            self._write(text[: shutil.get_terminal_size().columns - 4])
            self._done.wait(1)

    def _write(self, text: str) -> None:
        # A carriage return and blanks do without escape codes.
        sys.stderr.write(f"\r{text.ljust(self._shown)}\r{text}")
        sys.stderr.flush()
        # And the "^C" that a terminal shows behind it.
        self._shown = len(text) + 2

    def _left(self) -> float:
        return max(0.0, self._end - time.time())
