"""Explore renewal: ``python -m tests.faults.explore --seconds 60``.

Runs the real renewal and store code of several workers under a scheduler, in every
order (with few preemptions), with every death, and with every fault of network and
disk, and checks the laws of `laws` at every step. Prints what was explored, and the
shortest run that breaks a law. Ends with 1 if there is one.
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from typing import NamedTuple

from tests.faults import hooks
from tests.faults.authority import SERVERS
from tests.faults.place import Place
from tests.faults.scenarios import SCENARIOS
from tests.faults.search import CLASSES, Case, Explorer, Finding, run_plan

#: With power cuts among the deaths these are worth it.
POWER_CLASSES = ("", "k", "p", "d", "kp", "dk")
#: The part of the time for runs by chance; with three workers more, since the
#: systematic ones do not get far.
BY_CHANCE = {2: 0.15, 3: 0.6}
LETTERS = (
    "p a preemption, k a death, n a fault of the network, d one of the disk, "
    "c a step of the clock"
)


class Job(NamedTuple):
    """One case for one process."""

    scenario: str
    server: str
    power: bool
    seconds: float
    seed: int
    keep_going: bool

    @property
    def name(self):
        """What the table calls it."""
        return f"{self.scenario} / {self.server}{' / power' if self.power else ''}"


class Report(NamedTuple):
    """What became of a job."""

    job: Job
    systematic: int
    schedules: int
    steps: int
    deaths: int
    complete: list
    begun: str | None
    losses: Counter
    findings: list[Finding]


def explore(job):
    """Do a job."""
    place = Place(SCENARIOS[job.scenario])
    workers = len(place.scenario.processes)
    start = time.monotonic()
    chance = BY_CHANCE[workers] * job.seconds
    classes = POWER_CLASSES if job.power else CLASSES
    try:
        with hooks.installed():
            case = Case(place, job.server, job.power)
            explorer = Explorer(case, classes, keep_going=job.keep_going)
            explorer.explore(deadline=start + job.seconds - chance)
            systematic = explorer.schedules
            if not explorer.findings or job.keep_going:
                explorer.explore_by_chance(job.seed, deadline=time.monotonic() + chance)
    finally:
        place.remove()
    begun = next((name for name in classes if name not in explorer.complete), None)
    return Report(
        job,
        systematic,
        explorer.schedules,
        explorer.steps,
        explorer.deaths,
        explorer.complete,
        begun,
        explorer.losses,
        list(explorer.findings.values()),
    )


def replay(job, plan):
    """Make one run, and return its steps and what it broke."""
    place = Place(SCENARIOS[job.scenario])
    try:
        with hooks.installed():
            world = run_plan(Case(place, job.server, job.power), plan)
    finally:
        place.remove()
    return world.scheduler.log, world.scheduler.broken


def jobs_of(options):
    """Return the jobs that the command line asks for."""
    servers = list(SERVERS) if options.server == "all" else [options.server]
    wanted = [
        scenario
        for scenario in SCENARIOS.values()
        if options.workers in (None, len(scenario.processes))
        and (not options.scenario or scenario.name in options.scenario)
    ]
    cases = [
        (scenario.name, server, power)
        for scenario in wanted
        for server in servers
        for power in (False, True)
        if not power or len(scenario.processes) == 2
    ]
    seconds = options.seconds * options.jobs / len(cases)
    return [Job(*case, seconds, options.seed, options.keep_going) for case in cases]


def written(plan):
    """Return a plan as `--replay` takes it."""
    return "; ".join(f"{number}={name}" for number, name in plan)


def read_plan(text):
    """Read what `written` wrote."""
    parts = [part.strip().partition("=") for part in text.split(";") if part.strip()]
    return tuple((int(number), name) for number, _, name in parts)


def steps(log):
    """Yield the lines that show a run."""
    for number, (task, step, picked) in enumerate(log, 1):
        outcome = "" if picked == "go" else f"  <- {picked}"
        yield f"    {number:3} {task:7} {step}{outcome}\n"


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--workers", type=int, choices=(2, 3))
    parser.add_argument("--seconds", type=float, default=60.0, help="for all cases")
    parser.add_argument("--seed", type=int, default=1, help="of the runs by chance")
    parser.add_argument("--server", choices=(*SERVERS, "all"), default="all")
    parser.add_argument("--scenario", action="append", choices=tuple(SCENARIOS))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--keep-going", action="store_true")
    parser.add_argument("--replay", metavar="PLAN", help="one run, e.g. '18=kill'")
    parser.add_argument("--power", action="store_true", help="the plan has power cuts")
    return parser


def main(arguments=None):
    """Explore; return the exit status."""
    options = _parser().parse_args(arguments)
    say = sys.stdout.write
    jobs = jobs_of(options)
    if options.replay is not None:
        job = next(job for job in jobs if job.power == options.power)
        log, broken = replay(job, read_plan(options.replay))
        say(f"{job.name}\n{''.join(steps(log))}    broken: {broken}\n")
        return 1 if broken else 0
    say(f"{len(jobs)} cases, {jobs[0].seconds:.1f} s each; deviations: {LETTERS}\n")
    reports = []
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        for report in pool.imap(explore, jobs):
            reports.append(report)
            say(_line(report))
            for finding in report.findings:
                say(_told(report.job, finding))
            sys.stdout.flush()
    say(_summary(reports))
    return 1 if any(report.findings for report in reports) else 0


def _line(report):
    complete = " ".join(name or "-" for name in report.complete)
    begun = f", begun: {report.begun}" if report.begun is not None else ""
    return (
        f"{report.job.name:34} {report.systematic:6} + "
        f"{report.schedules - report.systematic:5} by chance;"
        f" all of: {complete}{begun}\n"
    )


def _told(job, finding):
    return (
        f"  BROKEN law {finding.law}: {finding.what}\n"
        f"  in {job.name}: {written(finding.plan)}\n{''.join(steps(finding.log))}"
    )


def _summary(reports):
    losses = Counter()
    for report in reports:
        losses.update(report.losses)
    common = set(CLASSES).intersection(
        *(report.complete for report in reports if not report.job.power)
    )
    lines = [
        "{} schedules, {} steps, {} deaths".format(
            *(
                sum(getattr(report, what) for report in reports)
                for what in ("schedules", "steps", "deaths")
            )
        ),
        "exhaustive in every case: "
        + ", ".join(name or "no deviation" for name in CLASSES if name in common),
        "logins lost that no client could have kept:",
        *(f"  {number:6} {how}" for how, number in losses.most_common()),
        f"laws broken: {sum(len(r.findings) for r in reports)}",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
