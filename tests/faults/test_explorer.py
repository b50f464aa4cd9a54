"""The laws of renewal, in every order of two workers and with every single fault.

A fixed small part of what ``python -m tests.faults.explore`` does.
"""

import random

import pytest

from tests.faults import hooks
from tests.faults.explore import steps, written
from tests.faults.laws import DIED, LATE, UNSAVED, WIRE
from tests.faults.mutants import MUTANTS
from tests.faults.mutations import hunt
from tests.faults.place import Place
from tests.faults.scenarios import SCENARIOS
from tests.faults.search import Case, Explorer, plan_of, run_plan, run_random
from tests.secrecy.watch import watch

#: Every run with at most one deviation.
SINGLE = ("", "p", "k", "n", "d", "c")
WHOLE = [
    ("expired", "strict"),
    ("rejected", "kills"),
]
#: Too many for all of them here: the first so many runs.
RUNS, MANY_RUNS = 24, 400
PART = [
    ("on hold", "grace"),
    ("threads", "strict"),
    ("expired", "grace"),
    ("machine", "plain"),
    ("seed", "strict"),
    ("rejected", "grace"),
    ("revoked", "strict"),
    ("full disk", "strict"),
    ("stale", "strict"),
    ("stale", "kills"),
    ("first use", "grace"),
    ("logout", "grace"),
    ("new login", "strict"),
    ("twice", "grace"),
    ("twice", "plain"),
    ("two threads", "kills"),
]
THREE = [
    ("three", "strict"),
    ("three rejected", "kills"),
    ("three seeds", "grace"),
    ("three and logout", "grace"),
]


@pytest.fixture
def exploring(request):
    """Return a function that makes an Explorer."""
    with hooks.installed():

        def explorer(scenario, server, classes=SINGLE, *, power=False):
            place = Place(SCENARIOS[scenario])
            request.addfinalizer(place.remove)
            return Explorer(Case(place, server, power=power), classes)

        yield explorer


def told(explorer):
    """Return the run that broke a law, to be read by people; empty if none did."""
    found = explorer.finding
    if found is None:
        return ""
    return f"law {found.law}: {found.what}\n{written(found.plan)}\n" + "".join(
        steps(found.log)
    )


@pytest.mark.parametrize(("scenario", "server"), WHOLE)
def test_the_laws_hold_with_any_one_deviation(exploring, scenario, server):
    """Whatever single preemption, death, fault or clock step comes, all laws hold."""
    explorer = exploring(scenario, server)
    explorer.explore()
    assert not told(explorer)
    assert explorer.complete == list(SINGLE)


@pytest.mark.parametrize(
    "runs", [RUNS, pytest.param(MANY_RUNS, marks=pytest.mark.long)]
)
@pytest.mark.parametrize(("scenario", "server"), PART)
def test_the_laws_hold_in_larger_scenarios(exploring, scenario, server, runs):
    """In scenarios with more steps the first so many runs keep all laws."""
    explorer = exploring(scenario, server)
    explorer.explore(limit=runs)
    assert not told(explorer)
    assert explorer.schedules == runs or explorer.complete == list(SINGLE)


@pytest.mark.parametrize(("scenario", "server"), THREE)
def test_the_laws_hold_with_three_workers(exploring, scenario, server):
    """Runs of three workers, with many deviations by chance, keep all laws."""
    explorer = exploring(scenario, server)
    explorer.explore_by_chance(7, limit=40, budget={"p": 4, "k": 1})
    assert not told(explorer)


def test_what_was_saved_survives_a_power_cut(exploring):
    """After a power cut at any step no login is lost that was in the store."""
    explorer = exploring("expired", "grace", ("", "k"), power=True)
    explorer.explore()
    assert not told(explorer)
    assert explorer.complete == ["", "k"]


def test_a_strict_server_costs_only_what_nobody_could_keep(exploring):
    """Logins end only with an answer that died, or that the wire lost. M15."""
    explorer = exploring("expired", "strict", ("", "k", "n"))
    explorer.explore()
    assert not told(explorer)
    # Killed before the server saw it, after that, with the answer in hand, before it
    # is written, and half-way.
    assert explorer.losses[DIED] == 5
    assert explorer.losses[WIRE] == 2
    assert set(explorer.losses) == {DIED, WIRE, LATE}


def test_a_grace_window_saves_every_login(exploring):
    """Only a request that arrives after its answer was used can end the login. M15."""
    explorer = exploring("expired", "grace", ("", "k", "n", "d"))
    explorer.explore()
    assert not told(explorer)
    assert not set(explorer.losses) & {DIED, WIRE, UNSAVED}


def test_a_run_can_be_repeated(exploring):
    """The same plan gives the same steps."""
    case = exploring("stale", "grace").case
    first = run_random(case, random.Random(3), {"p": 4, "k": 1, "n": 1, "d": 1})
    again = run_plan(case, plan_of(first))
    assert plan_of(first) == plan_of(again) != ()
    assert first.scheduler.log == again.scheduler.log


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_explorer_finds(mutant):
    """Real code with one thing wrong breaks a law within a few hundred runs. M20."""
    watch.listens = False  # what it tells is no matter: it is wrong
    found, _ = hunt(mutant, limit=500)
    assert found is not None
