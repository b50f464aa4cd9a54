"""`oauth-auth demo` as a whole: real processes, and nothing left behind."""

import json
import os
import re
import signal
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from oauth_auth.cli.demo import run as run_module
from oauth_auth.cli.demo.figures import (
    Failure,
    Figures,
    Outcome,
    WithoutSharedCache,
)
from oauth_auth.cli.demo.slots import Cell, Slot
from oauth_auth.cli.group import cli
from tests.cli.processes import eventually, family, started


class Done(NamedTuple):
    """A demo that has ended."""

    code: int
    stdout: str
    stderr: str
    summary: dict
    temporary: list
    home: list
    survivors: list


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """One short demo, in an environment that would break it if it let it in."""
    temporary = tmp_path_factory.mktemp("tmp")
    home = tmp_path_factory.mktemp("home")
    environment = {
        "OAUTH_AUTH_HOME": str(home),
        "OAUTH_AUTH_KEY": "not a key",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "NO_PROXY": "",
        "no_proxy": "",
        "FORCE_COLOR": "1",
    }
    arguments = ["--seconds", "4", "--workers", "4", "--json", "--seed", "1"]
    with started(temporary, "demo", *arguments, **environment) as process:
        stdout, stderr = process.communicate(timeout=100)
        return Done(
            process.returncode,
            stdout,
            stderr,
            json.loads(stdout.splitlines()[-1]),
            list(temporary.iterdir()),
            list(home.iterdir()),
            family(temporary),
        )


def test_no_request_fails_and_nobody_is_logged_out(done):
    """Workers that share a cache send requests for seconds without one failure."""
    assert done.summary["first_failures"] == []
    assert done.summary["failures"] == 0
    assert done.summary["logouts"] == 0
    assert done.summary["reuse_detected"] == 0
    assert done.summary["requests"] > 0
    assert done.code == 0


def test_tokens_are_renewed_and_workers_killed(done):
    """Access tokens expire and are renewed, although workers are killed."""
    assert done.summary["workers_killed"] >= 1
    assert done.summary["renewals"] >= 1
    assert done.summary["expiries"] <= done.summary["renewals"]
    assert done.summary["workers"] == 4
    assert done.summary["seconds"] >= 4


def test_without_shared_cache_the_login_is_lost(done):
    """The same workers with a cache each are logged out."""
    without = done.summary["without_shared_cache"]
    assert 0 < without["failures"] <= without["requests"]
    assert without["logged_out_after_seconds"] >= 0


def test_json_is_all_of_standard_output_and_progress_goes_beside_it(done):
    """Standard output is one line; progress is readable lines, without escape codes."""
    assert done.stdout.count("\n") == 1
    assert "\x1b" not in done.stdout + done.stderr
    assert "4 processes, one login, one encrypted token cache" in done.stderr
    assert re.search(r"^ +4 s +[\d,]+ +0 ", done.stderr, re.MULTILINE)
    assert [line for line in done.stderr.splitlines() if len(line) > 80] == []


def test_nothing_is_left_behind(done):
    """No process and no file stays, and the user's own store is not touched."""
    assert done.survivors == []
    assert done.temporary == []
    assert done.home == []


def requests_in(temporary):
    """Return how many requests the workers of a running demo have sent."""
    total = 0
    for path in temporary.glob("oauth-auth-demo-*/*.slot"):
        with Slot(path) as slot:
            total += slot[Cell.REQUESTS]
    return total


def test_ctrl_c_ends_with_the_summary_so_far(tmp_path):
    """Ctrl-C, and timeout before it, end all processes with what happened so far."""
    arguments = ["--seconds", "60", "--workers", "3", "--no-kills"]
    with started(tmp_path, "demo", *arguments) as process:
        assert eventually(lambda: requests_in(tmp_path) > 0)
        # The demo, the server, and three workers.
        assert len(family(tmp_path)) == 5
        # To all processes in the foreground, as timeout(1) and a terminal do.
        os.killpg(process.pid, signal.SIGTERM)
        os.killpg(process.pid, signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert re.search(r"^requests +[1-9]", stdout, re.MULTILINE)
    assert "The demo was ended early" in stdout
    assert stderr == ""
    assert process.returncode == 0
    assert family(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_killed_demo_leaves_no_process(tmp_path):
    """Workers and server notice that the demo was killed, and end."""
    with started(tmp_path, "demo", "--workers", "3") as process:
        assert eventually(lambda: len(family(tmp_path)) == 5)
        process.kill()
    assert eventually(lambda: family(tmp_path) == [])


GOOD = Outcome(
    20.04,
    8,
    Figures(8012, 0, 13, 12, 0, 0, 14),
    (),
    WithoutSharedCache(1205, 1190, 1, 7, 0.04),
)
BAD = GOOD._replace(
    figures=Figures(8012, 7, 13, 12, 0, 0, 14),
    failures=(Failure(0.0, "worker 3 (httpx)", "401 Unauthorized [red]"),),
)


@pytest.fixture
def outcome(monkeypatch):
    """Return a function that decides what the next demo comes to."""

    def decide(outcome):
        def run(**settings):
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        monkeypatch.setattr(run_module, "run", run)

    return decide


def test_summary_names_all_figures(outcome):
    """The summary shows both runs side by side, in 80 columns and in words."""
    outcome(GOOD)
    result = CliRunner().invoke(cli, ["demo"])
    rows = {
        name: row[27:].split()
        for row in result.output.splitlines()
        if (name := row[:25].strip())
    }
    assert rows["requests"] == ["8,012", "1,205"]
    assert rows["failures"] == ["0", "1,190"]
    assert rows["access tokens expired"] == ["12"]
    assert rows["renewals"] == ["13", "1"]
    assert rows["logouts"] == ["0", "1"]
    assert rows["reuse detected"] == ["0", "7"]
    assert rows["workers killed"] == ["14", "0"]
    words = " ".join(result.output.split())
    assert "No request failed, although 14 workers were killed." in words
    assert "ended the login for all of them after 0.04 s." in words
    assert [line for line in result.output.splitlines() if len(line) > 80] == []
    assert result.exit_code == 0


def test_failures_are_shown_and_are_exit_code_1(outcome):
    """A failed request is named, and makes the exit code 1."""
    outcome(BAD)
    result = CliRunner().invoke(cli, ["demo"])
    assert "worker 3 (httpx): 401 Unauthorized [red]" in result.output
    assert "... and 6 more" in result.output
    assert "No request failed" not in result.output
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("figures", "code"),
    [
        (Figures(requests=1), 0),
        (Figures(requests=1, failures=1), 1),
        (Figures(requests=1, logouts=1), 1),
    ],
)
def test_json_carries_the_figures_and_the_exit_code(outcome, figures, code):
    """--json has every figure by its name, and the same exit codes."""
    outcome(GOOD._replace(figures=figures))
    result = CliRunner().invoke(cli, ["demo", "--json"])
    summary = json.loads(result.stdout.splitlines()[-1])
    assert {name: summary[name] for name in Figures._fields} == figures._asdict()
    assert summary["seconds"] == 20.0
    assert summary["without_shared_cache"] == {
        "requests": 1205,
        "failures": 1190,
        "logged_out_after_seconds": 0.04,
    }
    assert result.exit_code == code


def test_json_of_a_demo_that_was_ended_early(outcome):
    """Without the second run its place is null."""
    outcome(GOOD._replace(without=None))
    result = CliRunner().invoke(cli, ["demo", "--json"])
    assert json.loads(result.stdout)["without_shared_cache"] is None


def test_server_that_does_not_start_is_an_error_message(outcome):
    """What keeps the demo from running is a line, not a traceback."""
    outcome(RuntimeError("the testing server did not start"))
    result = CliRunner().invoke(cli, ["demo"])
    assert result.stderr == "Error: the testing server did not start\n"
    assert result.exit_code == 1


@pytest.mark.parametrize("arguments", [["--workers", "2"], ["--seconds", "0"]])
def test_values_out_of_range_are_exit_code_2(arguments):
    """Fewer workers than libraries, and no time at all, are refused."""
    result = CliRunner().invoke(cli, ["demo", *arguments])
    assert result.exit_code == 2
    assert "not in the range" in result.output


def test_signals_are_as_before_after_the_demo(outcome):
    """The demo's own handling of Ctrl-C ends with it; an ignored signal stays so."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    seen = []

    def run(**settings):
        seen.append(signal.getsignal(signal.SIGHUP))
        os.kill(os.getpid(), signal.SIGTERM)
        assert settings["stop"].wait(60)
        return GOOD

    try:
        handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(run_module, "run", run)
            assert CliRunner().invoke(cli, ["demo"]).exit_code == 0
        after = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    finally:
        signal.signal(signal.SIGHUP, before)
    assert after == handlers
    assert seen == [signal.SIG_IGN]
