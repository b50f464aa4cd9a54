"""The soak command, for a few seconds."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes.fleet import Report
from tests.processes.ledger import ARRIVED, LATE, Loss
from tests.soak.verdict import unexpected

ROOT = Path(__file__).parents[2]


def soak(*arguments):
    """Run the command."""
    return subprocess.run(
        [sys.executable, "-m", "tests.soak", "--seed", "1", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def figures(output):
    """Return the rows of the tables by name; for the same name the sum."""
    rows = re.findall(r"^ +(\S.*?) +([\d,]+)$", output, re.MULTILINE)
    found = {}
    for name, number in rows:
        found[name] = found.get(name, 0) + int(number.replace(",", ""))
    return found


def test_a_short_soak_passes():
    """With a shared store every login is kept that can be, and the figures are there.

    With a grace window that is every login.
    """
    run = soak("--minutes", "0.1", "--server", "grace")
    assert run.returncode == 0, run.stdout + run.stderr
    rows = figures(run.stdout)
    assert rows["requests"] > rows["failures"]
    assert rows["renewals"] > 0
    assert rows["kills"] + rows["pauses"] > 0
    assert rows["faults injected"] > 0
    assert rows["lost logins"] == rows["that no client could have kept"] == 0
    assert "every login was kept" in run.stdout


@pytest.mark.long
def test_a_soak_without_a_shared_store_fails():
    """Workers that each keep their tokens for themselves lose logins needlessly."""
    run = soak("--minutes", "0.06", "--server", "strict", "--stores", "own")
    assert run.returncode == 1, run.stdout + run.stderr
    rows = figures(run.stdout)
    assert rows["lost logins"] > rows["that no client could have kept"]
    assert rows[ARRIVED] > 0
    assert "verdict: FAILED" in run.stdout


@pytest.mark.parametrize(
    ("what", "job", "reason", "fine"),
    [
        ("status 503", 0, None, True),
        ("unexpected KeyError", 0, None, False),
        ("StoreCorrupt", 0, None, False),
        ("StoreNotWritable", 7, None, True),
        ("StoreNotWritable", 0, None, False),
        ("LoginRequired, answer lost", 0, None, True),
        ("LoginRequired", 0, None, False),
        ("LoginRequired", 0, ARRIVED, False),
        ("LoginRequired", 0, LATE, True),
    ],
)
def test_only_what_the_faults_explain_is_expected(what, job, reason, fine):
    """Any other kind of failure is shown, and fails the soak."""
    losses = [Loss("token", 1, reason)] if reason else []
    found = unexpected([Report(0.0, job, 12, what, "text")], losses)
    assert found == ({} if fine else {what: "worker 12: text"})
