"""Print how token requests and the store's load grow with the workers of one login.

The renewal code is the real one; clock, network and both servers are simulated.
"""

import argparse
import functools
import time

from tests.fleet.simulation import Setting, Simulation
from tests.fleet.waiting import compare

HEAD = (
    "workers | token requests | reads | tries to lock | other questions | "
    "most in a second | longest wait"
)


def main():
    """Run what the command line asks for."""
    say = functools.partial(print, flush=True)
    parser = argparse.ArgumentParser(prog="python -m tests.fleet", description=__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=[10, 1000, 100_000])
    parser.add_argument("--life", type=float, default=3600.0, help="of a token")
    parser.add_argument(
        "--interval", type=float, default=300.0, help="between a worker's requests"
    )
    parser.add_argument("--token-request", type=float, default=0.2)
    parser.add_argument("--store", type=float, default=0.001, help="one question to it")
    parser.add_argument(
        "--waiting",
        type=int,
        metavar="PROCESSES",
        help="instead: have real processes wait for one renewal, with each store",
    )
    options = parser.parse_args()
    if options.waiting:
        compare(options.waiting, options.token_request, say)
        return
    for start, title in (
        (False, f"one life of a token, of {options.life:g} s"),
        (True, "all start within a second, and the token has expired"),
    ):
        say(f"\n{title}\n\n| {HEAD} |\n|{' ---: |' * 7}")
        for workers in options.workers:
            began = time.monotonic()
            setting = Setting(
                workers,
                start,
                options.life,
                options.interval,
                options.token_request,
                options.store,
            )
            found = Simulation(setting).run()
            assert not found.failures
            say(
                f"| {workers:,} | {found.token_requests} | {found.reads:,} | "
                f"{found.tries:,} | {found.others:,} | {found.peak:,} | "
                f"{found.longest_wait:.2f} s |"
            )
            took = time.monotonic() - began
            if took > 30:
                say(f"  (simulated in {took:.0f} s)")


if __name__ == "__main__":
    main()
