"""The real code's ways to the outside, each of them a step of the scheduler.

Functions of `os` and `time` are replaced for as long as exploring goes on; they act
on threads that are tasks, and on files of their world, and are themselves elsewhere.

Lock files are modelled, as flock behaves: held by one, freed when its process dies.
filelock's own bookkeeping would be left in disorder by a death that is only played;
that it locks is shown with real processes elsewhere.
"""

import contextlib
import errno
import functools
import logging
import os
import random
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from unittest import mock
from urllib.parse import parse_qs

import filelock

from oauth_auth import errors, flight, forking, transport
from oauth_auth.message import Response
from tests.faults.authority import Call
from tests.faults.place import called
from tests.faults.scheduler import KILL, Killed, Option, running

FAIL = Option("fault", "d", "fail")
BREAK = Option("fault", "d", "break")
HALF = Option("kill", "k", "kill half-way")
DROP = Option("kill", "k", "kill and drop")
POWER = Option("kill", "k", "power cut")
POWER_NAMES = Option("kill", "k", "power cut, names kept")
REFUSED = Option("fault", "n", "connection refused")
LOST_BEFORE = Option("fault", "n", "request lost")
LATE = Option("fault", "n", "request late")
BUSY = Option("fault", "n", "503")
LOST = Option("fault", "n", "answer lost")
BAD_GATEWAY = Option("fault", "n", "502")

DISK_FAULTS = (FAIL, BREAK)
DEATHS = (KILL, POWER, POWER_NAMES)


def _task():
    task = running()
    if task is not None and task.process.dead:
        raise Killed
    return task


def _failing(world, picked, path):
    """Raise what a faulty disk raises."""
    if picked is BREAK:
        world.broken_by = running().process
    if picked is not None or world.broken_by is not None:
        world.disk_failed = True
        number = errno.ENOSPC if world.broken_by else errno.EIO
        raise OSError(number, os.strerror(number), str(path))


def _change(task, label, path):
    """Take a step that changes files."""
    world = task.process.world
    faults = DISK_FAULTS if world.broken_by is None else ()
    _failing(world, world.scheduler.step(label, faults, world.deaths), path)
    return world


class _Files:
    """Functions of `os`."""

    def __init__(self):
        self.real = {
            name: getattr(os, name)
            for name in (
                "open",
                "close",
                "write",
                "fsync",
                "ftruncate",
                "posix_fallocate",
                "replace",
                "unlink",
                "mkdir",
                "mkfifo",
            )
        }

    def open(self, path, flags, mode=0o777, *, dir_fd=None):
        task = _task()
        real = self.real["open"]
        if task is None or not task.process.world.owns(path):
            return real(path, flags, mode, dir_fd=dir_fd)
        world, path = task.process.world, os.fspath(path)
        if path.endswith(".bell"):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        if flags & os.O_CREAT:
            _change(task, f"create {called(path)}", path)
        elif flags & (os.O_RDWR | os.O_WRONLY):
            _change(task, f"open {called(path)}", path)
        elif path not in world.folders:
            picked = world.scheduler.step(f"read {called(path)}", (FAIL,))
            if picked is not None:
                _failing(world, picked, path)
        fd = real(path, flags, mode)
        task.process.files[fd] = path
        return fd

    def close(self, fd):
        task = _task()
        if task is not None:
            task.process.files.pop(fd, None)
        self.real["close"](fd)

    def write(self, fd, data):
        task = _task()
        path = task and task.process.files.get(fd)
        if path is None:
            return self.real["write"](fd, data)
        world = task.process.world
        world.half = (fd, bytes(data)[: len(data) // 2])
        faults = DISK_FAULTS if world.broken_by is None else ()
        label = f"write {called(path)}"
        picked = world.scheduler.step(label, faults, (*world.deaths, HALF))
        _failing(world, picked, path)
        done = self.real["write"](fd, data)
        world.wrote(fd, path)
        return done

    def ftruncate(self, fd, size):
        self._on_file(fd, "truncate", "ftruncate", size)

    def posix_fallocate(self, fd, offset, size):
        self._on_file(fd, "allocate", "posix_fallocate", offset, size)

    def _on_file(self, fd, what, name, *args):
        task = _task()
        path = task and task.process.files.get(fd)
        if path is None:
            return self.real[name](fd, *args)
        world = _change(task, f"{what} {called(path)}", path)
        self.real[name](fd, *args)
        return world.wrote(fd, path)

    def fsync(self, fd):
        task = _task()
        path = task and task.process.files.get(fd)
        if path is None:
            return self.real["fsync"](fd)
        world = _change(task, f"sync {called(path)}", path)
        return world.synced(task.process, fd, path)

    def replace(self, source, target, *args, **kwargs):
        task = _task()
        if task is None or not task.process.world.owns(source):
            return self.real["replace"](source, target, *args, **kwargs)
        world = task.process.world
        source, target = os.fspath(source), os.fspath(target)
        _change(task, f"rename {called(source)} to {called(target)}", target)
        self.real["replace"](source, target)
        return world.renamed(target)

    def unlink(self, path, **kwargs):
        task = _task()
        if task is None or not task.process.world.owns(path):
            return self.real["unlink"](path, **kwargs)
        if os.path.lexists(path):
            _change(task, f"unlink {called(os.fspath(path))}", path)
        self.real["unlink"](path)
        return task.process.world.unlinked(os.fspath(path))

    def mkdir(self, path, *args, **kwargs):
        task = _task()
        if (
            task is not None
            and task.process.world.owns(path)
            and not Path(path).is_dir()
        ):
            _change(task, f"make {called(os.fspath(path))}", path)
        self.real["mkdir"](path, *args, **kwargs)

    def mkfifo(self, path, *args, **kwargs):
        """Be a filesystem that has none: who waits for one waits outside the run."""
        task = _task()
        if task is not None and task.process.world.owns(path):
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP), str(path))
        self.real["mkfifo"](path, *args, **kwargs)


class Lock:
    """A lock file, as flock treats it."""

    def __init__(self, path, **settings):
        self.path = str(path)

    def acquire(self, timeout, *, blocking, poll_interval):
        task = _task()
        world, end = task.process.world, world_now(task) + timeout
        while True:
            world.scheduler.step(f"lock {called(self.path)}")
            if self.path not in world.locks:
                world.locks[self.path] = (self, task.process)
                world.laws.locked(task.process, self.path)
                return
            if not blocking or world_now(task) >= end:
                raise filelock.Timeout(self.path)
            world.scheduler.sleep(poll_interval)

    def release(self):
        task = _task()
        world = task.process.world
        world.scheduler.step(f"unlock {called(self.path)}", (), world.deaths)
        if world.locks.get(self.path, (None,))[0] is self:
            world.laws.unlocking(task.process, self.path)
            del world.locks[self.path]
        world.scheduler.changed()


def world_now(task):
    """Return the monotonic time of a task's world, in seconds."""
    return task.process.world.scheduler.now


def _lock(real):
    def lock(path, **settings):
        return (Lock if running() is not None else real)(path, **settings)

    return lock


def _clock(real, read):
    def now():
        task = _task()
        return real() if task is None else read(task)

    return now


def _sleep(real):
    def sleep(seconds):
        task = _task()
        if task is None:
            real(seconds)
        else:
            task.process.world.laws.idles(task, "sleeps")
            task.process.world.scheduler.sleep(seconds)

    return sleep


class _Thread:
    """A thread of a process in the run: a task of its own."""

    def __init__(self, target, args, name, daemon):
        self._target = functools.partial(target, *args)

    def start(self):
        process = _task().process
        if not process.threads:
            raise RuntimeError("can't start new thread")
        name = f"{process.name}.{len(process.world.scheduler.tasks)}"
        process.world.scheduler.spawn(process, name, self._target)


class _Event:
    def __init__(self):
        self._set = False

    def set(self):
        self._set = True
        _task().process.world.scheduler.wake(self)

    def wait(self, _timeout):
        while not self._set:
            _task().process.world.scheduler.wait(self)
        return True


def _exchange(request, **settings):
    """Send a request over the wire of this world, and wait for its answer."""
    task = _task()
    world = task.process.world
    step, laws = world.scheduler.step, world.laws
    form = {k: v[0] for k, v in parse_qs(request.body.reveal()).items()}
    if not request.url.endswith("/token"):
        step("revoke")
        world.authority.end(world.authority.family_of(form["token"]), "logout")
        return Response(200, {}, b"")
    laws.idles(task, "sends")
    if step("send", (REFUSED,), world.deaths) is not None:
        laws.refused(task.process, form.get("refresh_token"))
        raise errors.EndpointUnreachable("refused", outcome_unknown=False)
    call = Call(task.process, task, form.get("refresh_token"))
    laws.sending(call)
    world.calls.append(call)
    picked = step("process", (LOST_BEFORE, LATE, BUSY), (*world.deaths, DROP))
    if picked is BUSY:
        call.state = "lost"
        laws.refused(task.process, call.refresh_token)
        return Response(503, {}, b"")
    if picked is not None:
        call.state = "late" if picked is LATE else "lost"
        if picked is LATE:
            world.deliver_late(call)
        raise errors.EndpointUnreachable("timed out", outcome_unknown=True)
    call.state = "answered"
    status, members = world.authority.process(call)
    picked = step("receive", (LOST, BAD_GATEWAY), world.deaths)
    if picked is not None:
        call.state = "lost"
        if picked is LOST:
            raise errors.EndpointUnreachable("timed out", outcome_unknown=True)
        return Response(502, {}, b"<html>")
    call.state = "received"
    laws.received(call, status)
    return Response(status, {}, world.encoded(members))


class _Watch(logging.Handler):
    def emit(self, record):
        task = _task()
        if task is not None:
            task.process.world.laws.logged(task, record)


@contextlib.contextmanager
def installed():
    """Route everything through the scheduler, for threads that are its tasks."""
    files = _Files()
    log = logging.getLogger("oauth_auth")
    watch, level, propagate = _Watch(), log.level, log.propagate
    threads = SimpleNamespace(
        Thread=_Thread,
        Event=_Event,
        Lock=threading.Lock,
        main_thread=threading.main_thread,
    )
    with contextlib.ExitStack() as stack:
        put = lambda *args: stack.enter_context(mock.patch.object(*args))  # noqa: E731
        for name in files.real:
            put(os, name, getattr(files, name))
        put(time, "time", _clock(time.time, lambda t: t.process.world.wall_time()))
        put(time, "monotonic", _clock(time.monotonic, world_now))
        put(time, "sleep", _sleep(time.sleep))
        put(random, "random", _steady(random.random))
        put(filelock, "FileLock", _lock(filelock.FileLock))
        put(flight, "threading", threads)
        # It would wait for real threads; nothing forks here.
        put(forking, "flight", contextlib.nullcontext)
        put(transport, "exchange", _exchange)
        log.addHandler(watch)
        log.setLevel(logging.DEBUG)
        log.propagate = False
        try:
            yield
        finally:
            log.removeHandler(watch)
            log.setLevel(level)
            log.propagate = propagate


def _steady(real):
    return lambda: real() if running() is None else 0.5
