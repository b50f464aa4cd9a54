"""A directory that run after run finds as it was, and short names for what is in it."""

import functools
import os
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

from oauth_auth import errors
from oauth_auth.identity import Identifier
from oauth_auth.stores.base import Mark
from tests.faults.authority import SERVERS, Authority
from tests.faults.scenarios import OwnStore, auth_of
from tests.faults.scheduler import BASE

#: The sealing key of all runs: 32 bytes.
KEY = "a" * 43
#: What a hold that a run starts with lasts, in seconds.
HOLD = 20.0
_IN_MEMORY = Path("/dev/shm")
_ID_DIGITS = 40


class Place:
    """A directory, and what is in it when a run starts.

    Args:
        scenario: What prepares it.
    """

    def __init__(self, scenario):
        root = _IN_MEMORY if _IN_MEMORY.is_dir() else None
        self.path = Path(tempfile.mkdtemp(prefix="oauth_auth_faults_", dir=root))
        self.scenario = scenario
        self.keys = KEY if scenario.prepared else None
        #: Record id -> what is in the store when a run starts.
        self.seen = {}
        #: None if even the store's own keys are to be made by the run.
        self.identifier = None
        self._image = {}
        if scenario.prepared:
            self._prepare()

    def _prepare(self):
        store = OwnStore(self.path, KEY)
        self.identifier = Identifier.of(store)
        (self.path / "claims").mkdir(mode=0o700)
        if self.scenario.planted:
            tokens = self.scenario.prepare(Authority(SERVERS["strict"], lambda: 0.0))
            world = SimpleNamespace(scenario=self.scenario)
            source = auth_of(world, store, tokens[0])._resolved()
            if self.scenario.on_hold:
                _hold(store, source.record_id)
        self.seen = {record_id: store.read(record_id) for record_id in store.records()}
        for path in self.path.rglob("*"):
            if path.is_file() and path.suffix != ".lock":
                self._image[str(path)] = path.read_bytes()

    def restore(self):
        """Make the directory as it was."""
        if self.identifier is None:
            shutil.rmtree(self.path)
            self.path.mkdir(mode=0o700)
            return
        for folder in (self.path, self.path / "records", self.path / "claims"):
            with os.scandir(folder) as entries:
                for entry in [entry for entry in entries if entry.is_file()]:
                    Path(entry.path).unlink()
        for path, content in self._image.items():
            fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
            os.write(fd, content)
            os.close(fd)

    def remove(self):
        """Remove the directory."""
        shutil.rmtree(self.path, ignore_errors=True)


def _hold(store, record_id):
    """Leave what a worker leaves that was told to come back later."""
    error = errors.TemporarilyUnavailableError("try again later", status_code=503)
    with store.lock(record_id, timeout=0) as transaction:
        generation = transaction.read().generation
        facts = errors.to_facts(error)
        transaction.mark(Mark("hold", generation, BASE - 1.0, HOLD, facts))


@functools.lru_cache(maxsize=4096)
def called(path):
    """Return a short name that is the same in every run.

    Args:
        path: The path, as text.
    """
    rest, _, name = path.rpartition("/")
    stem, dot, suffix = name.removeprefix(".").partition(".")
    if rest.endswith("/claims"):
        stem = "claim"
    elif len(stem) == _ID_DIGITS:
        stem = "record"
    if not name.startswith("."):
        return f"{stem}{dot}{suffix}"
    # A temporary file: the last part of its name is made by chance.
    return f"new {stem}.{suffix.rpartition('.')[0]}".rstrip(".")
