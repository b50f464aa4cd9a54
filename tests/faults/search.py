"""Which runs are made: every one with few deviations from the default, in order.

The default run never preempts, and nothing goes wrong in it. A *deviation* is another
choice at one point: a preemption (p), a death (k), a fault of the network (n) or of
the disk (d), a step of the clock (c). Choices that cost nothing (who goes on when a
worker waits or has ended) are all tried. A *class* of runs, such as "pk", holds all
runs with just these deviations; it is complete when every one of them was made.
"""

import random
import time
from collections import Counter, deque
from typing import NamedTuple

from tests.faults.world import World

#: The classes in the order in which they are explored; each one grows from those that
#: lack one of its letters.
CLASSES = (
    *("", "p", "k", "n", "d", "c"),
    *("pp", "kp", "np", "dp", "cp", "kn", "dk", "dn", "ck", "cn", "cd"),
    *("ppp", "kpp", "npp", "dpp", "knp", "dkp", "nn", "kk"),
    *("knpp", "kppp", "pppp"),
)


class Finding(NamedTuple):
    """A run that broke a law."""

    law: str
    what: str
    #: (number of the choice, what was chosen), as `run_plan` takes it.
    plan: tuple
    #: The steps in order.
    log: tuple
    schedules: int


class Case(NamedTuple):
    """What is explored: a scenario with one kind of server."""

    place: object
    server: str
    power: bool = False

    @property
    def name(self):
        return f"{self.place.scenario.name} / {self.server}"


def run_plan(case, plan):
    """Make the run that deviates from the default as the plan says."""
    wanted = dict(plan)

    def choose(number, options):
        name = wanted.get(number)
        if name is None:
            return options[0]
        for option in options:
            if option.name == name:
                return option
        raise AssertionError(f"choice {number} has no {name!r}: runs are not alike")

    world = World(case.place, case.server, choose, power=case.power)
    world.run()
    return world


def run_random(case, rng, budget):
    """Make a run with chance deviations; the trail tells which."""
    left = dict(budget)

    def choose(number, options):
        for option in rng.sample(options[1:], len(options) - 1):
            if not option.cost:
                if rng.random() < 0.5:
                    return option
            elif left.get(option.cost, 0) and rng.random() < 0.04:
                left[option.cost] -= 1
                return option
        return options[0]

    world = World(case.place, case.server, choose, power=case.power)
    world.run()
    return world


def plan_of(world):
    """Return the deviations of a run."""
    return tuple(
        (number, point.picked.name)
        for number, point in enumerate(world.scheduler.trail)
        if point.picked is not point.options[0]
    )


class Explorer:
    """Explores one case, class by class, and can be stopped and continued.

    Args:
        case: What to explore.
        classes: Which classes, in order.
        keep_going: Do not end with the first run that breaks a law.
    """

    def __init__(self, case, classes=CLASSES, *, keep_going=False):
        self.case = case
        self.keep_going = keep_going
        self.classes = classes
        self._waiting = {name: deque() for name in classes}
        self._waiting[""].append(())
        self.complete = []
        self.schedules = self.steps = self.deaths = 0
        self.losses = Counter()
        self.findings = {}

    @property
    def finding(self):
        """The first run that broke a law; None if there is none."""
        return next(iter(self.findings.values()), None)

    def _enough(self):
        return self.findings and not self.keep_going

    def explore(self, *, limit=None, deadline=None):
        """Go on until everything is explored, a law is broken, or it is enough.

        Args:
            limit: At most so many runs.
            deadline: Not after this time (monotonic, in seconds).
        """
        end = None if limit is None else self.schedules + limit
        for name in self.classes:
            if name in self.complete:
                continue
            waiting = self._waiting[name]
            while waiting:
                if end is not None and self.schedules >= end:
                    return
                if deadline is not None and time.monotonic() >= deadline:
                    return
                self._run(name, waiting)
                if self._enough():
                    return
            self.complete.append(name)

    def explore_by_chance(self, seed, *, limit=None, deadline=None, budget=None):
        """Make runs with more deviations than can be enumerated."""
        rng = random.Random(seed)
        budget = budget or {"p": 4, "k": 1, "n": 1, "d": 1, "c": 1}
        made = 0
        while limit is None or made < limit:
            if deadline is not None and time.monotonic() >= deadline:
                return
            made += 1
            self._note(run_random(self.case, rng, budget))
            if self._enough():
                return

    def _run(self, name, waiting):
        plan = waiting.popleft()
        world = run_plan(self.case, plan)
        self._note(world)
        if world.scheduler.broken is None:
            self._branch(name, plan, world)

    def _note(self, world):
        scheduler = world.scheduler
        self.schedules += 1
        self.steps += scheduler.steps
        self.deaths += scheduler.kills
        self.losses.update(world.laws.losses)
        if scheduler.broken is not None:
            law, what = scheduler.broken
            found = Finding(
                law, what, plan_of(world), tuple(scheduler.log), self.schedules
            )
            self.findings.setdefault((law, what[:40]), found)

    def _branch(self, name, plan, world):
        """Note the runs that deviate from this one once more, and later."""
        start = plan[-1][0] + 1 if plan else 0
        trail = world.scheduler.trail
        for number in range(start, len(trail)):
            for option in trail[number].options[1:]:
                child = "".join(sorted(name + option.cost))
                if child in self._waiting:
                    self._waiting[child].append((*plan, (number, option.name)))
