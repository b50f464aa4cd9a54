"""Keep mixed workers at work while everything goes wrong, and count lost logins.

Exit code 1 means that a login was lost which a client could have kept, or that a
request failed in a way that nothing explains.
"""

import argparse
import functools
import logging
import random
import sys

from tests.soak.run import soak


def main():
    """Run the soaks that the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument(
        "--minutes", type=float, default=1.0, help="for each server (default 1)"
    )
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--server", choices=["grace", "strict", "both"], default="both")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument(
        "--stores",
        choices=["shared", "own"],
        default="shared",
        help="own: each worker keeps its tokens for itself, to show what comes of that",
    )
    options = parser.parse_args()
    servers = ["grace", "strict"] if options.server == "both" else [options.server]
    say = functools.partial(print, flush=True)
    # What it has to say is counted as failures.
    logging.getLogger("oauth_auth").addHandler(logging.NullHandler())
    passed = True
    for server in servers:
        say(f"{server} server, seed {options.seed}")
        verdict = soak(
            server,
            seconds=60 * options.minutes,
            workers=options.workers,
            seed=options.seed,
            own_stores=options.stores == "own",
            say=say,
        )
        say("\n".join(verdict.lines()))
        passed = passed and verdict.passed
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
