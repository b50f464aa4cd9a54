"""Does the explorer find what is wrong? ``python -m tests.faults.mutations``.

Puts one mutant after another in place of the real code, and prints which law each of
them broke, and after how many runs. Ends with 1 if one is not found.
"""

import argparse
import sys
import time

from tests.faults import hooks
from tests.faults.mutants import MUTANTS
from tests.faults.place import Place
from tests.faults.scenarios import SCENARIOS
from tests.faults.search import Case, Explorer

#: A mutant that is not found within so many runs of a case counts as not found.
LIMIT = 2500


def hunt(mutant, limit=LIMIT):
    """Explore a mutant.

    Returns:
        What was found, or None; and the number of runs.
    """
    schedules = 0
    for scenario, server in mutant.cases:
        place = Place(SCENARIOS[scenario])
        try:
            with hooks.installed(), mutant.patch():
                explorer = Explorer(Case(place, server, power=mutant.power))
                explorer.explore(limit=limit)
        finally:
            place.remove()
        schedules += explorer.schedules
        if explorer.finding is not None:
            return explorer.finding, schedules
    return None, schedules


def main(arguments=None):
    """Hunt all mutants; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="parts of the names of some mutants")
    names = parser.parse_args(arguments).names
    missed = 0
    say = sys.stdout.write
    say(f"{'mutant':48} {'found by law':18} {'runs':>5} {'seconds':>7}\n")
    for mutant in MUTANTS:
        if names and not any(name in mutant.name for name in names):
            continue
        start = time.monotonic()
        found, schedules = hunt(mutant)
        seconds = time.monotonic() - start
        law = found.law if found else "NOT FOUND"
        missed += found is None
        say(f"{mutant.name:48} {law:18} {schedules:5} {seconds:7.1f}\n")
        sys.stdout.flush()
    say(f"{missed} of {len(MUTANTS)} not found\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
