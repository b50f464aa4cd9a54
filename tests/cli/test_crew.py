"""The demo's workers: what they count, and that a kill loses nothing of it."""

import os
import random
import signal
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from oauth_auth.cli.demo import crew as crew_module
from oauth_auth.cli.demo import worker as worker_module
from oauth_auth.cli.demo.crew import Crew
from oauth_auth.cli.demo.slots import RAISED, Cell, Slot
from oauth_auth.cli.demo.worker import LIBRARIES, Job, _Pace
from oauth_auth.errors import LoginRequired
from oauth_auth.testing import TestingServer
from tests.cli.processes import eventually


@pytest.fixture
def slot(tmp_path):
    """A slot."""
    with Slot(tmp_path / "1.slot") as slot:
        yield slot


@pytest.fixture(scope="module")
def server():
    """A server, whose tokens live long enough."""
    with TestingServer() as server:
        yield server


def job(server, tmp_path):
    """A job with a store that all workers share."""
    seed = tmp_path / "seed"
    seed.write_text(server.issue(client=server.public_client_id)["refresh_token"])
    return Job(
        server.issuer,
        server.public_client_id,
        server.api_url,
        str(seed),
        str(tmp_path / "store"),
        "",
        "",
        0.0,
    )


def counts(slot):
    """Return requests, failures and lost logins."""
    return slot[Cell.REQUESTS], slot[Cell.FAILURES], slot[Cell.LOGOUTS]


def test_only_200_is_a_success(slot):
    """Any other status is a failure, and named."""
    slot.succeeded_or_not(200)
    slot.succeeded_or_not(401)
    slot.succeeded_or_not(599)
    assert counts(slot) == (3, 2, 0)
    assert slot[Cell.STATUS] == 599
    texts = [failure.text for failure in slot.failures("w")]
    assert texts == ["401 Unauthorized", "599 (no standard status)"]


def test_an_exception_is_a_failure_with_one_line_of_text(slot):
    """Its text is kept in one line; a login that has ended counts as logout too."""
    slot.raised(ValueError("one\ntwo"))
    slot.raised(LoginRequired("log in again"))
    assert counts(slot) == (2, 2, 1)
    assert slot[Cell.STATUS] == RAISED
    (first, second) = slot.failures("worker 1")
    assert first.text == "ValueError: one two"
    assert (second.worker, second.text) == ("worker 1", "LoginRequired: log in again")


def test_only_some_failures_keep_their_text(slot):
    """A worker that fails for hours fills no disk."""
    for _ in range(1000):
        slot.raised(ValueError("x" * 10_000))
    assert counts(slot) == (1000, 1000, 0)
    assert len(list(slot.failures("w"))) == 20
    assert sum(len(failure.text) for failure in slot.failures("w")) <= 20 * 300


def test_counts_survive_a_kill(slot):
    """What a killed process counted is there, and its successor goes on from it."""
    code = (
        "import os, signal, sys; from pathlib import Path;"
        "from oauth_auth.cli.demo.slots import Slot;"
        "slot = Slot(Path(sys.argv[1])); slot.succeeded_or_not(200);"
        "slot.succeeded_or_not(500); os.kill(os.getpid(), signal.SIGKILL)"
    )
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code, str(slot.path)], check=False)
    assert counts(slot) == (4, 2, 0)
    assert len(list(slot.failures("w"))) == 2


def test_every_library_works_and_a_killed_worker_is_replaced(server, tmp_path):
    """All libraries appear, sync and async; a kill costs no count and no failure."""
    server.reset()
    stop = threading.Event()
    with Crew(job(server, tmp_path), len(LIBRARIES), tmp_path) as crew:
        crew.wait_ready(stop)
        assert [row.last for row in crew.rows()] == ["ready"] * len(LIBRARIES)
        crew.begin(threading.Event())
        assert eventually(lambda: all(row.requests for row in crew.rows()))
        before = crew.rows()
        crew.kill_one(random.Random(1))
        assert crew.killed == 1
        (index,) = [
            index
            for index, row in enumerate(crew.rows())
            if row.pid != before[index].pid
        ]
        at_kill = crew.rows()[index]
        assert at_kill.last == "killed"
        assert at_kill.requests >= before[index].requests
        assert eventually(lambda: crew.rows()[index].requests > at_kill.requests)
        crew.inspect()
        crew.stop()
        assert crew.total(Cell.FAILURES) == 0
        assert list(crew.failures()) == []
        requests = crew.total(Cell.REQUESTS)
        # A request that was cut off by the kill has no result, and is not counted.
        assert 0 <= server.counts().api_ok - requests <= 1
    assert [row.library for row in before] == list(LIBRARIES)
    assert {"requests", "httpx", "httpx2"} == {row.library for row in before[:3]}


def test_a_worker_that_ends_by_itself_is_a_failure(server, tmp_path):
    """It is reported with its last words, and not replaced in silence."""
    server.reset()
    broken = job(server, tmp_path)._replace(client_id="")
    with Crew(broken, 1, tmp_path) as crew:
        crew.wait_ready(threading.Event())
        crew.begin(threading.Event())
        (failure,) = crew.failures()
        assert failure.worker == "worker 1 (requests)"
        assert failure.text.startswith("ended with exit code 1: oauth_auth.errors.")
        assert crew.total(Cell.FAILURES) == 1
        assert crew.rows()[0].last == "ended"


def test_a_worker_that_died_is_not_replaced_in_silence(server, tmp_path):
    """A crash just before a kill is reported, not covered up by the kill."""
    server.reset()
    with Crew(job(server, tmp_path), 1, tmp_path) as crew:
        crew.wait_ready(threading.Event())
        pid = crew.rows()[0].pid
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        crew.kill_one(random.Random(1))
        assert crew.killed == 0
        assert [f.text for f in crew.failures()] == ["ended with exit code -9"]


def test_a_failing_api_is_seen_by_the_workers(server, tmp_path):
    """A request that the API answers with 500 is a failure of the worker."""
    server.reset()
    with Crew(job(server, tmp_path), 1, tmp_path) as crew:
        crew.wait_ready(threading.Event())
        server.api_faults.answer(500, times=2)
        crew.begin(threading.Event())
        assert eventually(lambda: crew.total(Cell.FAILURES) == 2)
        crew.stop()
        assert {f.text for f in crew.failures()} == {"500 Internal Server Error"}


def test_a_worker_that_hangs_is_killed_and_is_a_failure(server, tmp_path, monkeypatch):
    """A worker that does not end when asked to is ended, and reported."""
    monkeypatch.setattr(crew_module, "_STOP", 0.2)
    server.reset()
    with Crew(job(server, tmp_path), 1, tmp_path) as crew:
        crew.wait_ready(threading.Event())
        os.kill(crew.rows()[0].pid, signal.SIGSTOP)
        crew.stop()
        assert [f.text for f in crew.failures()] == ["ended with exit code -9"]


def test_a_crew_that_cannot_be_complete_leaves_no_process(
    server, tmp_path, monkeypatch
):
    """Workers that were started before something failed are ended."""
    processes = []

    class Popen(subprocess.Popen):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            processes.append(self)

    server.reset()
    (tmp_path / "2.slot").mkdir()
    monkeypatch.setattr(subprocess, "Popen", Popen)
    with pytest.raises(IsADirectoryError):
        Crew(job(server, tmp_path), 3, tmp_path)
    (process,) = processes
    assert process.returncode == -signal.SIGKILL  # it was not ready: nothing is lost


def test_rate_is_bounded_without_a_burst_after_a_delay(monkeypatch):
    """A worker that was held up does not make up for it."""
    now = 100.0
    monkeypatch.setattr(worker_module, "time", SimpleNamespace(monotonic=lambda: now))
    pace = _Pace(0.5)
    assert pace.pause() == 0.5
    now = 100.75
    assert pace.pause() == 0.25
    now = 200.0
    assert [pace.pause(), pace.pause()] == [0.0, 0.5]
