"""The QR code of a login on another device, as a terminal shows it."""

import io
import re
import sys

import pytest
import segno

from oauth_auth.login import device
from oauth_auth.login.qr import qr_code

URL = "https://auth.example/device?user_code=WDJB-MJHT"


class Terminal(io.StringIO):
    """Where text is written that somebody sees."""

    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def _size(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setenv("TERM", "xterm-256color")


def modules(picture):
    """Return what a camera sees: rows of 1 for black and 0 for white."""
    rows = []
    for line in picture.splitlines():
        colours, halves = re.fullmatch(r"(\S+?m)(.*)\x1b\[0m", line).groups()
        assert colours == "\x1b[38;5;16;48;5;231m"
        rows.append([int(half in "▀█") for half in halves])
        rows.append([int(half in "▄█") for half in halves])
    return rows


def test_what_a_camera_sees():
    """Every module is there, and white around them."""
    seen = modules(qr_code(URL, Terminal()))
    wanted = [list(map(int, row)) for row in segno.make_qr(URL).matrix]
    size = len(wanted)
    assert [row[2 : 2 + size] for row in seen[2 : 2 + size]] == wanted
    around = [*seen[:2], *seen[2 + size :], *([*r[:2], *r[-2:]] for r in seen)]
    assert not any(map(any, around))
    assert len(seen[0]) == size + 4


def test_no_terminal():
    """A file or a pipe gets none."""
    terminal = Terminal()
    terminal.isatty = lambda: False
    assert qr_code(URL, terminal) == ""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "no-such-encoding", None])
def test_no_such_characters(encoding):
    """A terminal that would show question marks gets none."""
    terminal = Terminal()
    terminal.encoding = encoding
    assert qr_code(URL, terminal) == ""


@pytest.mark.parametrize(("name", "value"), [("COLUMNS", "33"), ("TERM", "dumb")])
def test_no_room(monkeypatch, name, value):
    """A narrow terminal, whose lines would break, or one without colours, gets none."""
    assert len(modules(qr_code(URL, Terminal()))[0]) == 33
    monkeypatch.setenv(name, value)
    assert qr_code(URL, Terminal()) == ""


def test_no_room_for_the_rest():
    """Nor does one from which the text beside it would scroll away."""
    lines = qr_code(URL, Terminal()).count("\n")
    assert qr_code(URL, Terminal(), beside=24 - lines) != ""
    assert qr_code(URL, Terminal(), beside=25 - lines) == ""


def test_too_long():
    """Nor does a text that no QR code can hold."""
    assert qr_code("x" * 5000, Terminal()) == ""


def test_without_the_extra(monkeypatch):
    """Where segno is not installed the login goes on without a picture."""
    monkeypatch.setitem(sys.modules, "segno", None)
    assert qr_code(URL, Terminal()) == ""


@pytest.mark.parametrize("complete", [URL, None])
def test_it_is_printed(monkeypatch, complete):
    """The picture comes last, with the code in it if the server offers that.

    All of it is to be seen at once in a terminal of 24 lines.
    """
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    plain = "https://auth.example/device"
    device._print_prompt(device.DevicePrompt("WDJB-MJHT", plain, complete, 0.0))
    said = terminal.getvalue()
    assert "\n  WDJB-MJHT\n" in said
    assert said.endswith(f"or scan\n\n{qr_code(complete or plain, terminal)}")
    assert qr_code(complete or plain, terminal) != ""
    assert said.count("\n") < 24
