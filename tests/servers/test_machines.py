"""The servers that keep records end with whoever has started them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes.fleet import until
from tests.servers import machines

#: Starts one, says where it is, and waits for the worst.
STARTS = """
import sys
from pathlib import Path
from tests.servers import machines

kind = getattr(machines, sys.argv[1])
with kind(Path(sys.argv[2])) as machine:
    print(machine.port, flush=True)
    sys.stdin.read()
"""
ROOT = str(Path(__file__).parents[2])


@pytest.mark.parametrize(
    "kind", ["Redis", pytest.param("Postgres", marks=pytest.mark.long)]
)
def test_a_killed_test_run_leaves_no_server(kind):
    """Nothing of it can tell the server to end, nor any thread of its own."""
    with machines.directory_for("orphan") as path:
        machine = getattr(machines, kind)(path)
        with subprocess.Popen(
            [sys.executable, "-c", STARTS, kind, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": ROOT},
            cwd=ROOT,
        ) as starter:
            machine.port = int(starter.stdout.readline())
            assert machine.answers()
            starter.send_signal(signal.SIGKILL)
        until(lambda: not machine.answers(), "end of the server")
