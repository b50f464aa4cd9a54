"""Places that others on the machine can see: processes, files, terminals."""

import os
import threading
import time
import warnings
from pathlib import Path

import httpx
import pytest
import requests
from click.testing import CliRunner

from oauth_auth import FileStore, OAuthAuth, RefreshToken
from oauth_auth.cli.group import cli
from oauth_auth.secret import Secret
from oauth_auth.stores.keys import _decoded
from oauth_auth.testing import TestingServer
from tests.cli.processes import family, started
from tests.secrecy.watch import watch


def hear_processes(pids):
    """Hear what `ps` tells of processes: arguments, environment, names of threads."""
    for pid in pids:
        entry = Path(f"/proc/{pid}")
        files = [entry / "cmdline", entry / "environ", *entry.glob("task/*/comm")]
        for file in files:
            try:
                text = file.read_bytes().decode("utf-8", "replace")
            except OSError:
                continue  # it has just ended
            watch.hear(text, (file.name, "of a process"))


#: Files that hold a secret on purpose: the store's key, and the demo's seed, which its
#: workers refer to.
MEANT = ("keys", "refresh_token")


def hear_files(directory):
    """Hear the names of all files, and what is in them where it is not meant so."""
    found = 0
    # Not rglob, which raises where a directory is removed meanwhile.
    for place, _, names in os.walk(directory):
        for path in (Path(place), *(Path(place) / name for name in names)):
            watch.hear(str(path), ("the name", path))
            try:
                if path.name in MEANT:
                    assert path.parent.stat().st_mode & 0o077 == 0
                elif path.is_file():
                    text = path.read_bytes().decode("latin-1")
                    watch.hear(text, ("the file", path))
                    found += 1
            except FileNotFoundError:
                continue  # it was a temporary one, or the demo has ended
    return found


@pytest.fixture(autouse=True)
def _nothing_is_told():
    yield
    assert watch.findings() == []


def test_the_demo_tells_nothing(tmp_path):
    """Its processes, files and both outputs hold no token. M66, M67."""
    files = 0
    arguments = ["--seconds", "2", "--workers", "3", "--seed", "1"]
    with started(tmp_path, "demo", *arguments) as process:
        seen = set()
        while process.poll() is None:
            pids = family(tmp_path)
            seen |= set(pids)
            hear_processes(pids)
            files = max(files, hear_files(tmp_path))
            time.sleep(0.1)  # tokens live for two seconds
        stdout, stderr = process.communicate()
    assert process.returncode == 0, stderr
    watch.hear(stdout, ("the demo's output",))
    watch.hear(stderr, ("the demo's error output",))
    assert watch.findings() == []
    # The server's tokens are known here.
    assert sum(value.startswith(("at_", "rt_")) for value in watch._values) >= 6
    assert len(seen) > 4
    assert files > 4


@pytest.mark.parametrize("get", [requests.get, httpx.get])
def test_a_renewal_leaves_nothing_to_be_seen(tmp_path, get):
    """Threads, warnings, the environment and the store's files. M66, M67."""
    names = set()
    with TestingServer() as server, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        server.token_faults.delay(before=0.2)
        tokens = server.issue()
        grant = RefreshToken(
            server.issuer,
            client_id=server.client_id,
            client_secret=server.client_secret,
            token={**tokens, "expires_at": time.time() - 1},
        )
        auth = OAuthAuth(grant, store=FileStore(tmp_path / "store"))
        options = {"auth": auth}
        worker = threading.Thread(target=get, args=(server.api_url,), kwargs=options)
        worker.start()
        while worker.is_alive():
            names |= {thread.name for thread in threading.enumerate()}
            hear_processes([os.getpid()])
            worker.join(0.02)
        answer = server.token_log()[-1]
    assert answer.status == 200
    watch.hear("\n".join(names), ("the name of a thread",))
    watch.hear("\n".join(str(warning.message) for warning in warned), ("a warning",))
    watch.hear(repr(dict(os.environ)), ("the environment",))
    assert {"oauth_auth renewal", "oauth_auth exchange"} <= names
    assert hear_files(tmp_path) >= 4


def test_a_key_that_is_asked_for_is_printed():
    """`keys new` prints nothing but its key, and no log has it. M66."""
    result = CliRunner().invoke(cli, ["keys", "new"])
    assert result.exit_code == 0
    key = Secret(result.output.strip())
    assert _decoded(key) is not None
    assert watch.findings() == []
