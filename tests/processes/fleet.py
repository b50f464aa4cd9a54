"""Worker processes that are paused, killed and replaced at any instant.

They are forked from a *foreman*, a process of its own with a single thread, so that a
new one is at work within milliseconds, and so that the foreman is its parent: only a
parent can tell when all threads of a process that was paused really stand still.
"""

import collections
import enum
import fcntl
import json
import logging
import multiprocessing
import os
import select
import signal
import threading
import time
from typing import NamedTuple

from oauth_auth import FileStore
from oauth_auth.testing import fingerprint
from tests.processes.starting import LOADED

FORK = multiprocessing.get_context("fork")
#: Seconds for what takes milliseconds unless it is broken, or the machine is busy.
PATIENCE = 60.0


class Tally(enum.IntEnum):
    """What every worker counts, in memory that outlives it."""

    BEGUN = 0
    SUCCEEDED = 1
    FAILED = 2


class Report(NamedTuple):
    """What a worker had to say."""

    time: float
    job: int
    worker: int
    what: str
    text: str
    #: Whether it was an error that names a lost answer.
    answer_lost: bool = False

    @classmethod
    def of(cls, error, *, job, worker):
        """Return the report of an exception."""
        lost = getattr(error, "answer_lost", False)
        return cls(
            time.time(), job, worker, type(error).__name__, str(error), answer_lost=lost
        )


class Death(NamedTuple):
    """A worker that was killed."""

    #: Just before the signal, in seconds since the epoch.
    time: float
    #: The `fingerprint` of each refresh token that the store held at that moment.
    kept: frozenset[str]


class Desk:
    """What a worker has of the fleet: its number, its counts, its way to report."""

    def __init__(self, job, number, counts, ending, pipe):
        self.job = job
        #: No two workers have the same, though they do the same job.
        self.number = number
        self._counts = counts
        self._ending = ending
        self._pipe = pipe
        self._foreman = os.getppid()
        self._guard = threading.Lock()  # guards the counts: a job may have threads

    @property
    def wanted(self):
        """Whether the work goes on."""
        return not self._ending.value and os.getppid() == self._foreman

    def count(self, tally):
        """Count; nobody else writes the counts of this job."""
        with self._guard:
            self._counts[self.job * len(Tally) + tally] += 1

    def tell(self, what, text=""):
        """Report something."""
        self._send(Report(time.time(), self.job, self.number, what, text))

    def tell_error(self, error):
        """Report an exception."""
        self._send(Report.of(error, job=self.job, worker=self.number))

    def _send(self, report):
        line = json.dumps(report).encode()
        # So much is written whole, or not at all if death comes first (POSIX).
        while len(line) >= select.PIPE_BUF:
            report = report._replace(text=report.text[: len(report.text) * 3 // 4])
            line = json.dumps(report).encode()
        os.write(self._pipe, line + b"\n")


class Fleet:
    """All workers; to be used by a process with a single thread.

    Args:
        jobs: What each of them does: functions of a `Desk`.
        stores: Where each of them keeps its tokens.
    """

    def __init__(self, jobs, stores):
        self._jobs = jobs
        self._stores = stores
        self._counts = FORK.RawArray("Q", len(jobs) * len(Tally))
        self._ending = FORK.RawValue("b", 0)
        self._inlet, self._outlet = os.pipe()
        # Workers must not wait for a foreman that waits for them.
        fcntl.fcntl(self._inlet, fcntl.F_SETFL, os.O_NONBLOCK)
        self._rest = b""
        self._processes = {}
        self._last = 0
        self.reports = []
        #: Worker number -> how it died.
        self.deaths = {}

    def start(self, job):
        """Start a worker for a job, and return its number."""
        self._last += 1
        self._processes[job] = (
            self._last,
            FORK.Process(target=self._work, args=(job, self._last)),
        )
        self._processes[job][1].start()
        return self._last

    def start_all(self):
        """Start a worker for each job."""
        for job in range(len(self._jobs)):
            self.start(job)

    def _work(self, job, number):
        desk = Desk(job, number, self._counts, self._ending, self._outlet)
        try:
            self._jobs[job](desk)
        except BaseException as error:
            desk.tell_error(error)
            raise

    def pause(self, job):
        """Let a worker stand still, all of its threads."""
        pid = self._processes[job][1].pid
        os.kill(pid, signal.SIGSTOP)
        _, status = os.waitpid(pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), f"worker {job} ended by itself: {status}"

    def resume(self, job):
        """Let it go on."""
        os.kill(self._processes[job][1].pid, signal.SIGCONT)

    def kill(self, job):
        """Kill a worker, and look at what it leaves, at the same instant."""
        number, process = self._processes[job]
        self.pause(job)
        # With all its threads standing still, what it has saved by now is what it
        # will have saved when it is dead.
        death = Death(time.time(), tokens_in(self._stores[job]))
        process.kill()
        process.join()
        self.deaths[number] = death
        return death

    def gone(self):
        """Return the jobs whose worker has ended."""
        return [
            job
            for job, (_, process) in self._processes.items()
            if not process.is_alive()
        ]

    def join(self, job):
        """Wait for a worker that ends by itself; return its exit code."""
        process = self._processes[job][1]
        process.join(PATIENCE)
        return process.exitcode

    def listen(self):
        """Return what was reported since the last time."""
        try:
            while piece := os.read(self._inlet, 1 << 16):
                self._rest += piece
        except BlockingIOError:
            pass
        *lines, self._rest = self._rest.split(b"\n")
        new = [Report(*json.loads(line)) for line in lines]
        self.reports += new
        return new

    def total(self, tally, jobs=None):
        """Return a count, summed over all workers of some jobs."""
        return sum(
            self._counts[job * len(Tally) + tally]
            for job in (range(len(self._jobs)) if jobs is None else jobs)
        )

    def stop(self):
        """Let all workers finish what they do; return the jobs whose worker failed."""
        self._ending.value = 1
        failed = []
        give_up = time.monotonic() + PATIENCE
        for job, (number, process) in self._processes.items():
            while process.is_alive() and time.monotonic() < give_up:
                self.listen()
                process.join(0.02)
            if process.is_alive():
                process.kill()
                process.join()
            if process.exitcode and number not in self.deaths:
                failed.append(job)
        self.listen()
        return failed

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        for _, process in self._processes.values():
            process.kill()
            process.join()
        os.close(self._inlet)
        os.close(self._outlet)


def tokens_in(store):
    """Return the fingerprints of the refresh tokens that a store holds.

    Raises:
        TokenStoreError: Something in it cannot be read.
    """
    found = set()
    for record_id in store.records():
        if isinstance(store, FileStore):
            files = store._files(record_id)
            records = (files.read_record(), files.read_next().answer)
        else:
            records = (store.read(record_id),)
        for record in records:
            if record is not None and record.token and record.token._refresh_token:
                found.add(fingerprint(record.token.refresh_token))
    return frozenset(found)


def check_store(store):
    """Have every record read and every lock taken; nobody may be paused meanwhile.

    Raises:
        TokenStoreError: That cannot be done.
    """
    for record_id in store.records():
        store.read(record_id)
        with store.lock(record_id, timeout=PATIENCE):
            pass


def until(condition, what):
    """Wait for something that happens in another process."""
    give_up = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < give_up, f"in {PATIENCE} s there was no {what}"
        time.sleep(0.003)
    return found


def in_foreman(function, *args):
    """Run a function in a process that may fork, and return what it returns."""
    mine, theirs = LOADED.Pipe(duplex=False)
    process = LOADED.Process(target=_run, args=(theirs, function, args))
    process.start()
    theirs.close()
    try:
        return mine.recv()
    except EOFError:
        process.join()
        raise AssertionError(
            f"{function!r} failed (exit code {process.exitcode}); its "
            "traceback is in the error output"
        ) from None
    finally:
        process.join()
        mine.close()


def _run(connection, function, args):
    logging.getLogger("oauth_auth").addHandler(logging.NullHandler())
    connection.send(function(*args))


def kinds(reports):
    """Return how often each kind of report came."""
    return collections.Counter(report.what for report in reports)
