"""One run: a server, a directory, and processes that share it."""

import contextlib
import json
import os

from oauth_auth import errors, flight, sources
from oauth_auth.identity import Identifier
from tests.faults import hooks
from tests.faults.authority import SERVERS, Authority
from tests.faults.laws import Laws
from tests.faults.power import Platter
from tests.faults.scenarios import OwnStore, StillRefused, auth_of, renew, request
from tests.faults.scheduler import BASE, KILL, Process, Scheduler, aside
from tests.faults.verdicts import judge, judge_error

#: What a fresh worker waits between its tries: holds end, in seconds.
PAUSES = (1.5, 4.0, 16.0, 40.0)


class Worker(Process):
    """A process with a store and an auth object of its own."""

    def __init__(self, world, name, token, *, threads):
        super().__init__(name, threads=threads)
        self.world = world
        self.token = token
        #: Descriptor -> path.
        self.files = {}
        #: What came of each action: None, or an exception.
        self.outcomes = []
        #: Token requests that it made.
        self.posts = 0
        #: Access tokens that it saw refused.
        self.rejected = set()
        #: The answer that it has received and not yet saved.
        self.saving = None
        #: The number of its turn at a lock, and the generation that it found there.
        self.hold = 0
        self.generation_at_lock = 0
        #: (turn, refresh token) of its last request that got a definite no.
        self.definite = None
        self.logs_out = False
        #: Whether the disk works again that kept it from saving, and then whether it
        #: was asked for a token since.
        self.can_save = self.owes_save = False
        self._auth = None

    def auth(self):
        """Return the process's auth object."""
        if self._auth is None:
            place = self.world.place
            store = OwnStore(place.path, place.keys)
            if place.identifier is not None:
                sources._identifiers[store] = place.identifier
            self._auth = auth_of(self.world, store, self.token)
        return self._auth


class World:
    """Everything that one run consists of.

    Args:
        place: The directory.
        server: The name of a kind of server.
        choose: Decides each choice.
        power: Whether power cuts are among the deaths.
    """

    def __init__(self, place, server, choose, *, power=False):
        self.place = place
        self.scenario = place.scenario
        self.root = str(place.path)
        self.records = place.path / "records"
        self.folders = {str(place.path / name) for name in ("", "records", "claims")}
        self.deaths = hooks.DEATHS if power else (KILL,)
        self.laws = Laws(self)
        self.scheduler = Scheduler(
            choose, self._when_idle, self._when_killed, self.laws.ends
        )
        self.scheduler.alike = self.scenario.alike
        self.scheduler.turns_cost = (
            self.scenario.threads or len(self.scenario.processes) > 2
        )
        # The server has a clock of its own, which nobody sets.
        self.authority = Authority(SERVERS[server], self.true_time)
        self.tokens = self.scenario.prepare(self.authority)
        self.authority.on_reuse = self.laws.reused
        self.laws.seen = dict(place.seen)
        self.calls = []
        #: Path of a lock file -> (the lock object, its process).
        self.locks = {}
        #: The process for whose present action the disk does not work; for nobody.
        self.broken_by = None
        #: Whether the disk has failed at all.
        self.disk_failed = False
        #: What a worker leaves that dies in the middle of writing.
        self.half = None
        self.workers = []
        self.fresh = None
        self.wire = Process("wire")
        self.wire.spared = True
        self.wire.world = self

    # -- running ----------------------------------------------------------------------

    def run(self):
        """Run to the end, and judge it; the outcome is in `scheduler.broken`."""
        _forget_everything()
        self.place.restore()
        self.platter = Platter(self.root)
        self.sealer = OwnStore(self.root, self.place.keys).sealer
        for number, actions in enumerate(self.scenario.processes, 1):
            self._start(f"W{number}", actions)
        if self.scenario.full:
            self.broken_by = self.wire
            self.disk_failed = True
        self.scheduler.run()
        if self.scheduler.broken is None:
            self.scheduler.broken = judge(self)
        for worker in [*self.workers, self.fresh]:
            for fd in worker.files if worker else ():
                with contextlib.suppress(OSError):
                    os.close(fd)
        return self.scheduler.broken

    def _start(self, name, actions):
        token = self.tokens[0]
        if actions[0] == "newer":
            token, actions = self.tokens[1], actions[1:]
        worker = Worker(self, name, token, threads=self.scenario.threads)
        self.workers.append(worker)
        tasks = [[]]
        for action in actions:
            if action == "and":
                tasks.append([])
            else:
                tasks[-1].append(action)
        for number, part in enumerate(tasks):
            suffix = "abc"[number] if len(tasks) > 1 else ""
            self._task(worker, name + suffix, part)

    def _task(self, worker, name, actions):
        def work():
            for action in actions:
                # Where no thread can be had, what is done behind a request is skipped.
                retries = self.scenario.threads or not self.scenario.background
                worker.owes_save = worker.can_save and retries
                worker.outcomes.append(self._outcome(action, worker, task))
                if self.broken_by is worker:
                    self.broken_by = None
                    worker.can_save = True

        task = self.scheduler.spawn(worker, name, work)

    def _outcome(self, action, worker, task):
        try:
            action(self, worker, task)
        except errors.OAuthAuthError as error:
            if not worker.dead:
                judge_error(self, error, worker)
            return error
        except Exception as error:  # judged after the run
            return error
        return None

    def _when_idle(self):
        """All workers have ended: a fresh one must be able to go on."""
        if self.fresh is not None:
            return
        self.broken_by = None
        self.fresh = Worker(self, "fresh", self.tokens[-1], threads=False)
        self.fresh.spared = True

        def work():
            self._persist(request, task)
            if self.fresh.outcomes[-1] is None and not task.posts:
                # The token that is there may be the last one: is the login alive?
                self._persist(renew, task)

        task = self.scheduler.spawn(self.fresh, "fresh", work)

    def _persist(self, action, task):
        for pause in (*PAUSES, None):
            outcome = self._outcome(action, self.fresh, task)
            self.fresh.outcomes.append(outcome)
            again = isinstance(outcome, StillRefused)
            if not again and not getattr(outcome, "retryable", False):
                return
            if pause is not None:
                self.scheduler.sleep(pause)

    def _when_killed(self, process, option):
        power_cut = option in (hooks.POWER, hooks.POWER_NAMES)
        dying = self.workers if power_cut else [process]
        if option is hooks.HALF:
            fd, data = self.half
            with aside():
                os.write(fd, data)
        for worker in dying:
            worker.dead = True
            self.locks = {p: k for p, k in self.locks.items() if k[1] is not worker}
            for call in self.calls:
                if call.process is worker and call.state == "sent":
                    call.state = "lost" if option is hooks.DROP else "late"
                    if call.state == "late":
                        self.deliver_late(call)
            if self.broken_by is worker:
                self.broken_by = None
        if power_cut:
            with aside():
                self.platter.cut(names_kept=option is hooks.POWER_NAMES)
            self.laws.after_power_cut()
        else:
            self.laws.after_death()

    def deliver_late(self, call):
        """Have the server process a request that nobody waits for any more."""

        def arrive():
            self.scheduler.step("arrives late")
            self.authority.process(call)

        self.scheduler.spawn(self.wire, f"wire{len(self.calls)}", arrive)

    # -- for the hooks ----------------------------------------------------------------

    def true_time(self):
        """Return the time in seconds since the epoch."""
        return BASE + self.scheduler.now

    def wall_time(self):
        """Return what the workers' clock shows, in seconds since the epoch."""
        return self.true_time() + self.scheduler.skew

    def owns(self, path):
        """Whether a path is in the directory."""
        return str(path).startswith(self.root)

    def wrote(self, fd, path):
        """Note that a file has changed."""
        with aside():
            self.platter.written(fd)
        self._changed(path, follow=False)

    def synced(self, process, fd, path):
        """Note that a process has synced a file or directory."""
        with aside():
            if path in self.folders:
                self.platter.synced_directory(path)
            else:
                self.platter.synced(fd)
        if path == str(self.records):
            self.laws.saved(process)

    def renamed(self, path):
        """Note that a file has been replaced."""
        self._changed(path)

    def unlinked(self, path):
        """Note that a file has gone."""
        self._changed(path)

    def _changed(self, path, *, follow=True):
        folder, _, name = path.rpartition("/")
        if folder != str(self.records):
            if follow:
                self.scheduler.changed()
        elif "." not in name:
            self.laws.look(name)
            self.scheduler.changed()
        elif name.endswith(".mark") and not name.startswith(".") and follow:
            self.laws.look_at_mark(name.removesuffix(".mark"))
            self.scheduler.changed()

    def identifier(self):
        """Return the store's identifier."""
        if self.place.identifier is not None:
            return self.place.identifier
        return Identifier.of(OwnStore(self.root, self.place.keys))

    def encoded(self, members):
        """Return a response's body."""
        return json.dumps(members).encode()

    # -- for the workers --------------------------------------------------------------

    def api(self, task, held):
        """Send a request to the API; whether it was accepted."""
        self.laws.idles(task, "calls the API")
        self.scheduler.step("ask API")
        return self.authority.accepts(held.token.access_token)

    def newer_in_store(self, held):
        """Whether the store has another token, newer and usable."""
        return any(
            record.token is not None
            and record.generation > held.generation
            and record.token.access_token not in (None, held.token.access_token)
            and record.token.expires_at > self.wall_time() + 30.0
            for record in self.laws.seen.values()
        )


def _forget_everything():
    """No process knows what those of the run before knew."""
    sources._sources.clear()
    sources._identifiers.clear()
    flight._state.flights.clear()
