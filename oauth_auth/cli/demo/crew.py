"""The worker processes: started, killed, replaced, and ended for certain."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from oauth_auth.cli.demo.figures import Failure, Row
from oauth_auth.cli.demo.slots import RAISED, Cell, Slot
from oauth_auth.cli.demo.worker import LIBRARIES

if TYPE_CHECKING:
    import random
    import threading
    from collections.abc import Iterator
    from types import TracebackType

    from oauth_auth.cli.demo.worker import Job

__all__ = ["Crew"]

#: Seconds for a worker to finish its request and leave.
_STOP: Final = 10.0
_LOOK: Final = 0.02
#: Requests a second, of one worker and of all: two cores are enough for this.
_RATE: Final = 50.0
_RATE_OF_ALL: Final = 400.0


class _Worker:
    """One slot, and the process that works in it now."""

    def __init__(self, number: int, job: Job, slot: Slot) -> None:
        self.number: Final = number
        self.slot: Final = slot
        self._job: Final = job
        self.failure: Failure | None = None
        self.process = self._start()

    @property
    def name(self) -> str:
        """What a failure is reported under."""
        return f"worker {self.number} ({self._job.library})"

    def replace(self) -> None:
        """Kill the process and start another, which begins at once."""
        self.end(now=True)
        # Only now, when nobody writes there any more.
        self.slot[Cell.READY] = 0
        self.process = self._start()
        self.begin()

    def begin(self) -> None:
        """Let the process send requests."""
        assert self.process.stdin is not None  # noqa: S101  # for mypy: it is a pipe
        with suppress(OSError):  # it may have ended, as `inspect` will find
            self.process.stdin.write(b"b")

    def inspect(self) -> None:
        """Notice a process that ended by itself."""
        if self.process.poll() is not None and self.failure is None:
            lines = self._log.read_text("utf-8", "replace").strip().splitlines()
            text = f"ended with exit code {self.process.returncode}"
            if lines:
                text += f": {lines[-1].strip()}"
            self.failure = Failure(time.time(), self.name, text)

    def row(self) -> Row:
        """Return what the live table shows."""
        slot = self.slot
        if self.failure is not None:
            last = "ended"
        elif not slot[Cell.READY]:
            last = "killed" if slot[Cell.REQUESTS] else "starting"
        else:
            status = slot[Cell.STATUS]
            last = {0: "ready", RAISED: "error"}.get(status, str(status))
        return Row(
            self.number,
            self._job.library,
            self.process.pid,
            slot[Cell.REQUESTS],
            slot[Cell.FAILURES],
            last,
        )

    def stop_soon(self) -> None:
        """Ask the process to leave after its request."""
        assert self.process.stdin is not None  # noqa: S101  # for mypy: it is a pipe
        with suppress(OSError):  # it may have ended
            self.process.stdin.close()

    def end(self, *, now: bool) -> None:
        """Wait until the process has left, and kill it if it does not."""
        try:
            if not now:
                self.process.wait(_STOP)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.process.kill()
            self.process.wait()
            self.stop_soon()
        if not now and self.process.returncode and self.slot[Cell.READY]:
            self.inspect()

    @property
    def _log(self) -> Path:
        return self.slot.path.with_suffix(".log")

    def _start(self) -> subprocess.Popen[bytes]:
        module = "oauth_auth.cli.demo.worker"
        with self._log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603  # ourselves
                [sys.executable, "-P", "-m", module, json.dumps(self._job._asdict())],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=_environment(),
                **_apart(),
            )


class Crew:
    """All workers of a run.

    Args:
        job: What each of them does; library, slot and interval are filled in.
        count: How many.
        directory: Where their slots are.
    """

    def __init__(self, job: Job, count: int, directory: Path) -> None:
        self._workers: Final[list[_Worker]] = []
        self.killed = 0
        rate = min(_RATE, _RATE_OF_ALL / count)
        try:
            for index in range(count):
                path = directory / f"{index + 1}.slot"
                own = job._replace(
                    library=LIBRARIES[index % len(LIBRARIES)],
                    slot=str(path),
                    interval=1 / rate,
                )
                slot = Slot(path)
                self._workers.append(_Worker(index + 1, own, slot))
        except BaseException:
            self.stop()
            raise

    def wait_ready(self, stop: threading.Event) -> None:
        """Wait until each process can send, has ended, or `stop` is set."""
        while not stop.is_set():
            for worker in self._workers:
                worker.inspect()
            if all(w.failure or w.slot[Cell.READY] for w in self._workers):
                return
            stop.wait(_LOOK)

    def begin(self, stop: threading.Event) -> None:
        """Let all send requests, and wait for the first that has a result."""
        for worker in self._workers:
            worker.begin()
        while not (self.total(Cell.REQUESTS) or stop.wait(_LOOK)):
            self.inspect()
            if all(worker.failure for worker in self._workers):
                return

    def kill_one(self, chance: random.Random) -> None:
        """Kill a worker that is at work, and start another in its place."""
        self.inspect()  # who has ended by itself must not be replaced in silence
        at_work = [w for w in self._workers if w.slot[Cell.READY] and not w.failure]
        if at_work:
            chance.choice(at_work).replace()
            self.killed += 1

    def inspect(self) -> None:
        """Notice processes that ended by themselves."""
        for worker in self._workers:
            worker.inspect()

    def rows(self) -> tuple[Row, ...]:
        """Return the rows of the live table."""
        return tuple(worker.row() for worker in self._workers)

    def total(self, cell: Cell) -> int:
        """Return a count, summed over all workers."""
        crashes = 0
        if cell is Cell.FAILURES:
            crashes = sum(worker.failure is not None for worker in self._workers)
        return crashes + sum(worker.slot[cell] for worker in self._workers)

    def failures(self) -> Iterator[Failure]:
        """Yield the first failures of each worker."""
        for worker in self._workers:
            yield from worker.slot.failures(worker.name)
            if worker.failure is not None:
                yield worker.failure

    def stop(self) -> None:
        """End all processes; the counts stay."""
        self.inspect()
        for worker in self._workers:
            worker.stop_soon()
        for worker in self._workers:
            # One that is still importing has sent nothing, and nobody should wait.
            worker.end(now=not worker.slot[Cell.READY])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        for worker in self._workers:
            worker.slot.__exit__(None, None, None)


def _environment() -> dict[str, str]:
    """Return an environment in which only the demo's own store and server exist."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OAUTH_AUTH_")}
    return {
        **kept,
        # What this process can import, installed or not, the workers can.
        "PYTHONPATH": os.pathsep.join(str(Path(p).absolute()) for p in sys.path),
        # A proxy for the internet cannot reach this machine's loopback.
        "NO_PROXY": "*",
        "no_proxy": "*",
    }


def _apart() -> dict[str, Any]:
    """Keep Ctrl-C in the terminal from the workers: the demo ends them in order."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"process_group": 0}
