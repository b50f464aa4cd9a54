"""What the demo shows while it runs, and what it counts from the server's log."""

import io
import re
import threading
from types import SimpleNamespace

import pytest
from rich.console import Console

from oauth_auth.cli.demo import run
from oauth_auth.cli.demo.figures import Figures, Row, View
from oauth_auth.cli.demo.screen import console_on, screen_on
from oauth_auth.cli.demo.slots import Cell
from oauth_auth.testing import Counts, TokenRequest

FIGURES = Figures(1_234_567, 3, 43_200, 43_199, 1, 2, 57_600)
ROWS = (
    Row(1, "requests", 4_194_304, 86_400_000, 3, "401"),
    Row(64, "httpx2 async", 4_194_303, 86_400_001, 0, "killed"),
)
VIEW = View(True, 0.0, 86_400.0, FIGURES, ROWS)
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def shown(console, *views):
    """Return what a console was sent of some moments of a run."""
    with screen_on(console) as screen:
        for view in views:
            screen.show(view)
    return console.file.getvalue()


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture(params=[{}, {"NO_COLOR": "1"}], ids=["colour", "NO_COLOR"])
def terminal(request, monkeypatch):
    """A console on a terminal of 80 columns."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    environment = {"TERM": "xterm", "COLUMNS": "80", "LINES": "30", **request.param}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return console_on(Terminal())


def test_live_table_says_everything_in_text_within_80_columns(terminal):
    """With and without colour every figure is a number or word, whatever its size."""
    text = ESCAPE.sub("", shown(terminal, VIEW._replace(elapsed=12.3)))
    lines = text.replace("\r", "\n").splitlines()
    rows = [line.split() for line in lines]
    assert [line for line in lines if len(line) > 80] == []
    assert ["1,234,567", "3", "43,200", "43,199", "1", "2", "57,600"] in rows
    assert ["1", "requests", "4194304", "86,400,000", "3", "401"] in rows
    assert ["64", "httpx2", "async", "4194303", "86,400,001", "0", "killed"] in rows
    assert any(line.endswith("12 of 86400 s") for line in lines)


def test_no_colour_where_none_is_wanted(terminal):
    """Under NO_COLOR nothing is coloured, and else failures are red."""
    red = re.search(r"\x1b\[[0-9;]*31m *3\x1b", shown(terminal, VIEW))
    assert bool(red) is not terminal.no_color


def test_cursor_rests_on_an_empty_line(terminal):
    """The "^C" that a terminal shows does not wrap, which would shift the table."""
    with screen_on(terminal) as screen:
        screen.show(VIEW)
        drawn = ESCAPE.sub("", terminal.file.getvalue())
    *_, worker, resting = drawn.split("\n")
    assert worker.endswith("killed")
    assert resting == ""


@pytest.mark.parametrize("environment", [{"FORCE_COLOR": "1"}, {"TTY_COMPATIBLE": "1"}])
def test_no_escape_codes_without_terminal(environment, monkeypatch):
    """In a pipe there is plain text, whatever the environment says of colours."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert "\x1b" not in shown(console_on(io.StringIO()), VIEW, VIEW)


def test_dumb_terminal_gets_lines(monkeypatch):
    """A terminal that cannot move its cursor gets a line every few seconds."""
    monkeypatch.setenv("TERM", "dumb")
    text = shown(console_on(Terminal()), VIEW, VIEW._replace(elapsed=2.0))
    assert "\x1b" not in text
    assert "1,234,567" in text


def test_lines_come_every_two_seconds_and_at_the_end():
    """Where there is no terminal, progress is a line every two seconds."""
    moments = [tenths / 10 for tenths in range(46)]
    run_of = [VIEW._replace(elapsed=at, seconds=4.5) for at in moments]
    text = shown(Console(file=io.StringIO(), width=80), *run_of)
    lines = [line.split()[:2] for line in text.splitlines() if "1,234,567" in line]
    assert lines == [["2", "s"], ["4", "s"], ["4", "s"]]
    assert [line for line in text.splitlines() if len(line) > 80] == []


def test_each_run_has_its_own_heading():
    """The second run is told apart from the first, and starts its lines anew."""
    second = VIEW._replace(shared=False)
    text = shown(Console(file=io.StringIO(), width=80), VIEW, second)
    assert "2 processes, one login, one encrypted token cache" in text
    assert "The same 2 processes, each with a cache of its own" in text
    assert text.count("requests  failures  renewals") == 2


def refresh(token, at, status=200):
    """A request to the token endpoint, as the server notes it."""
    return TokenRequest(at, "refresh_token", "c", "none", (), (), token, status)


def test_expired_tokens_are_counted_once():
    """A token counts when its life is over; a refusal or a replay brings none."""
    log = (
        refresh("a", 100.0),
        refresh("a", 101.0),  # the answer again, for the successor of a killed worker
        refresh("b", 102.0),
        refresh("d", 102.5, status=400),
        refresh("c", 103.0),
    )
    assert run._expired(log, 101.9) == 0
    assert run._expired(log, 102.0) == 1
    assert run._expired(log, 104.0) == 2
    assert run._expired(log, 104.9) == 2
    assert run._expired(log, 105.0) == 3


def test_a_login_that_workers_think_lost_counts_as_logout():
    """A logout is counted once, whether the server or only the workers know of it."""
    shown = []
    crew = SimpleNamespace(
        total=lambda cell: 3 if cell is Cell.LOGOUTS else 5, killed=2, rows=lambda: ROWS
    )
    server = SimpleNamespace(counts=Counts, token_log=lambda: ())
    screen = SimpleNamespace(show=shown.append)
    run._Watch(server, crew, 20.0, screen, shared=True)
    (view,) = shown
    assert view.figures == Figures(5, 5, 0, 0, 1, 0, 2)


@pytest.mark.parametrize("interrupted", [1, 2])
def test_an_unfinished_comparison_is_not_shown(monkeypatch, interrupted):
    """Ctrl-C in the first run skips the second, and in the second forgets it."""
    stop = threading.Event()
    runs = []

    def one_run(*args, **kwargs):
        runs.append(kwargs["rotation"])
        if len(runs) == interrupted:
            stop.set()
        return run._Result(1.0, FIGURES, (), None)

    monkeypatch.setattr(run, "_run", one_run)
    settings = {"seconds": 9, "workers": 3, "kills": False, "seed": None}
    outcome = run.run(**settings, screen=None, stop=stop)
    assert outcome.without is None
    assert outcome.figures == FIGURES
    assert runs == ["grace", "strict"][:interrupted]


def test_seed_decides_when_and_whom_to_kill():
    """The same seed gives the same kills, and another seed others."""

    def kills(seed):
        done = []
        crew = SimpleNamespace(
            kill_one=lambda chance: done.append((elapsed / 100, chance.randrange(8)))
        )
        killer = run._Killer(seed)
        for elapsed in range(2000):
            killer.kill_if_due(crew, elapsed / 100)
        return done

    assert kills(1) == kills(1) != kills(2)
    assert 8 <= len(kills(1)) <= 40
    assert kills(1)[0][0] < 1
