"""One task runs at a time, and a choice is made at every step it takes.

A task is a real thread that runs only while it holds the baton. At every step (a file
is read or written, a request is sent, a worker sleeps) the scheduler chooses: go on,
let another task run, kill the task's process, or let the step fail. A run is decided
by these choices alone, so that it can be repeated, and varied in one place.
"""

import _thread
import contextlib
import threading
from typing import NamedTuple

READY, SLEEPING, WAITING, DONE = "ready", "sleeping", "waiting", "done"
#: When every run starts, in seconds since the epoch.
BASE = 1_700_000_000.0
#: More steps than any run takes that gets anywhere.
STEP_BOUND = 3000
#: Seconds (real ones) after which a run counts as hanging outside of all steps.
HANG_SECONDS = 20.0

_here = threading.local()


class Killed(BaseException):
    """Ends a task of a killed process; nothing that catches `Exception` keeps it."""


class Option(NamedTuple):
    """One way to go on."""

    #: "go", "run", "kill", "clock" or "fault".
    kind: str
    #: What it takes from the budget: "p" a preemption, "k" a kill, "n" a fault of the
    #: network, "d" one of the disk, "c" a step of the clock; "" nothing.
    cost: str
    #: What a plan calls it.
    name: str


class Point(NamedTuple):
    """A choice that was made."""

    task: str
    step: str
    options: tuple[Option, ...]
    picked: Option


GO = Option("go", "", "go")
KILL = Option("kill", "k", "kill")
#: What somebody sets the wall clock by, in seconds.
CLOCK_STEPS = {
    Option("clock", "c", "clock on"): 3600.0,
    Option("clock", "c", "clock back"): -3600.0,
}


def running():
    """Return the task whose thread this is, or None outside of a run."""
    return getattr(_here, "task", None)


class aside:  # noqa: N801  # used like a function
    """What this thread does inside is not a step: the explorer itself looks."""

    def __enter__(self):
        self._task = running()
        _here.task = None

    def __exit__(self, *exc_info):
        _here.task = self._task


def _taken():
    lock = threading.Lock()
    lock.acquire()
    return lock


class Process:
    """What a kill ends: its tasks, its locks, its memory."""

    def __init__(self, name, *, threads=True):
        self.name = name
        #: Whether it can start threads; without them flights run inline.
        self.threads = threads
        self.dead = False
        #: Cannot be killed, and meets no faults.
        self.spared = False


class Task:
    """A thread of a process."""

    def __init__(self, process, name, work):
        self.process = process
        self.name = name
        self.work = work
        self.state = READY
        self.baton = _taken()
        self.wake = 0.0
        self.slept_at = 0
        #: Token requests that it made.
        self.posts = 0
        self.awaited = None


class Scheduler:
    """Runs tasks until all have ended.

    Args:
        choose: Called with the number of the choice and its options; returns one.
        on_idle: Called when no process has a task left; may start another.
        on_kill: Called when a process has been killed, with it and the option.
        on_end: Called when a process has ended by itself.
    """

    def __init__(self, choose, on_idle, on_kill, on_end):
        self._choose = choose
        self._on_end = on_end
        self._on_idle = on_idle
        self._on_kill = on_kill
        #: Whether it makes no difference which task starts.
        self.alike = False
        #: Whether it counts as a preemption if it is not the next one's turn. With
        #: two tasks there is no choice; with more the turns alone would be too many.
        self.turns_cost = False
        self.tasks = []
        self.trail = []
        self.log = []
        self.now = 0.0
        #: Seconds that the workers' wall clock is ahead.
        self.skew = 0.0
        self.steps = 0
        self.kills = 0
        self._changes = 0
        self._over = _taken()
        #: Why the run was stopped: (law, what happened).
        self.broken = None
        self.unexpected = None

    # -- the run --------------------------------------------------------------------

    def spawn(self, process, name, work):
        """Start a task; it runs when it is chosen."""
        task = Task(process, name, work)
        self.tasks.append(task)
        # Not threading.Thread, whose start waits for the thread, which costs as much
        # as many steps.
        _thread.start_new_thread(self._main, (task,))
        return task

    def run(self):
        """Run until nothing is left to do."""
        first = self._next(None)
        if first is not None:
            first.baton.release()
            if not self._over.acquire(timeout=HANG_SECONDS):
                self.broken = ("hang", "a task waits outside of all steps")

    def stop(self, law, what):
        """End the run because a law was broken; the caller's task ends at once."""
        if self.broken is None:
            self.broken = (law, what)
        for task in self.tasks:
            task.process.dead = True
        raise Killed

    def _main(self, task):
        task.baton.acquire()
        _here.task = task
        try:
            if not task.process.dead:
                task.work()
        except Killed:
            pass
        except BaseException as error:
            self.unexpected = error
            self.broken = self.broken or ("unexpected", repr(error))
        _here.task = None
        task.state = DONE
        self._changes += 1
        process = task.process
        if not process.dead and all(
            other.state == DONE for other in self.tasks if other.process is process
        ):
            with contextlib.suppress(Killed):
                self._on_end(process)
        following = self._next(task)
        if following is None:
            self._over.release()
        else:
            following.baton.release()

    # -- steps ----------------------------------------------------------------------

    def step(self, label, faults=(), kills=(KILL,)):
        """Take a step of the running task, or do what is chosen in its place.

        Returns:
            None to go on, or the fault that was chosen.
        """
        task = _here.task
        resumed = False
        while True:
            if task.process.dead:
                raise Killed
            options = [GO]
            if not resumed:
                options += [_run(other) for other in self._ready(task)]
            if not task.process.spared:
                options += kills
                options += faults
                options += CLOCK_STEPS
            picked = self._pick(task.name, label, options)
            if picked is GO:
                break
            if picked.kind == "kill":
                self.kill(task.process, picked)
                raise Killed
            if picked.kind == "clock":
                self.skew += CLOCK_STEPS[picked]
            if picked.kind != "run":
                break
            self._switch(task, self._roused(self._named(picked)))
            resumed = True
        self.steps += 1
        if self.steps > STEP_BOUND:
            self.stop("hang", f"no end after {STEP_BOUND} steps")
        self.log.append((task.name, label, picked.name))
        return picked if picked.kind == "fault" else None

    def changed(self):
        """Note that others may see something new: sleepers may look again."""
        self._changes += 1

    def sleep(self, seconds):
        """Let others run; come back after a change, or when all sleep."""
        task = _here.task
        if task.process.dead:
            raise Killed
        self.steps += 1
        if self.steps > STEP_BOUND:
            self.stop("hang", f"no end after {STEP_BOUND} steps")
        task.state, task.wake = SLEEPING, self.now + seconds
        task.slept_at = self._changes
        self._switch(task, self._next(task))

    def wait(self, event):
        """Let others run until the event is set."""
        task = _here.task
        if task.process.dead:
            raise Killed
        task.state, task.awaited = WAITING, event
        self._switch(task, self._next(task))

    def wake(self, event):
        """Let those that wait for the event go on."""
        for task in self.tasks:
            if task.state == WAITING and task.awaited is event:
                task.state, task.awaited = READY, None

    def kill(self, process, option=KILL):
        """End a process as SIGKILL would."""
        process.dead = True
        self.kills += 1
        self._changes += 1
        self.log.append((process.name, "dies", option.name))
        self._on_kill(process, option)

    # -- choosing -------------------------------------------------------------------

    def _pick(self, task, label, options):
        if len(options) == 1:
            return options[0]
        picked = self._choose(len(self.trail), options)
        self.trail.append(Point(task, label, tuple(options), picked))
        return picked

    def _named(self, option):
        return next(t for t in self.tasks if option.name == f"run {t.name}")

    def _ready(self, but=None):
        return [
            task
            for task in self.tasks
            if task is not but
            and (
                task.state == READY
                or (task.state == SLEEPING and self._changes > task.slept_at)
            )
        ]

    def _next(self, last):
        """Choose who runs when the last task cannot; None if all have ended."""
        unwinding = [t for t in self.tasks if t.process.dead and t.state != DONE]
        if unwinding:
            return unwinding[0]
        if self.broken is None and not any(
            t.state != DONE and not t.process.spared for t in self.tasks
        ):
            self._on_idle()
        ready = self._ready()
        if not ready:
            ready = [t for t in self.tasks if t.state == SLEEPING]
            ready = sorted(ready, key=lambda t: t.wake)[:1]
        if not ready:
            if any(t.state == WAITING for t in self.tasks):
                self.broken = self.broken or ("hang", "all tasks wait for each other")
                for task in self.tasks:
                    task.process.dead = True
                return self._next(last)
            return None
        # Those after the last one first, so that the default is round robin.
        if last is None and self.alike:
            del ready[1:]
        if last is not None and len(ready) > 1:
            at = self.tasks.index(last)
            ready.sort(key=lambda t: (self.tasks.index(t) <= at, self.tasks.index(t)))
        name = last.name if last else "start"
        options = [_run(task) for task in ready]
        if not self.turns_cost:
            options = [option._replace(cost="") for option in options]
        return self._roused(self._named(self._pick(name, "gives way", options)))

    def _roused(self, task):
        if task.state == SLEEPING:
            task.state = READY
            self.now = max(self.now, task.wake)
        return task

    def _switch(self, task, following):
        if following is not task:
            following.baton.release()
            task.baton.acquire()
        if task.process.dead:
            raise Killed


_RUNS = {}


def _run(task):
    option = _RUNS.get(task.name)
    if option is None:
        option = _RUNS[task.name] = Option("run", "p", f"run {task.name}")
    return option
