"""`oauth-auth demo`: its options and exit codes."""

from __future__ import annotations

import json
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["demo"]


@click.command()
@click.option(
    "--seconds",
    type=click.FloatRange(1, 86_400),
    metavar="N",
    default=20,
    show_default=True,
    help="How long the workers share one login.",
)
@click.option(
    "--workers",
    type=click.IntRange(3, 64),
    metavar="N",
    default=8,
    show_default=True,
    help="How many worker processes.",
)
@click.option("--no-kills", is_flag=True, help="Do not kill workers.")
@click.option(
    "--seed",
    type=int,
    metavar="N",
    help="Makes the moments of the kills the same each time.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print the summary as one line of JSON; progress goes to standard error.",
)
def demo(
    *, seconds: float, workers: int, no_kills: bool, seed: int | None, as_json: bool
) -> None:
    """Watch many processes share one login.

    Starts an authorization server and a protected API on this machine, and worker
    processes that send requests to it with requests, httpx and httpx2. Access tokens
    live for two seconds, refresh tokens work once, and now and then a worker is
    killed. Not one request should fail, and nobody should be logged out.

    Then, for up to three seconds, the same workers without a shared cache.

    Everything is in a temporary directory; your own tokens are not touched. Ctrl-C
    ends the demo with the summary so far.

    \b
    Examples:
      oauth-auth demo
      oauth-auth demo --seconds 60 --workers 16
      oauth-auth demo --json 2>/dev/null | jq .renewals

    \b
    Exit codes:
      0  no request failed and nobody was logged out
      1  a request failed, or somebody was logged out, or the demo could not run
      2  an option was not understood
    """  # noqa: D301  # click looks for the backspace character
    # They take a third of a second, which --help need not wait for.
    from oauth_auth.cli.demo import summary
    from oauth_auth.cli.demo.run import run
    from oauth_auth.cli.demo.screen import console_on, screen_on

    console = console_on(sys.stderr if as_json else sys.stdout)
    try:
        with _interruptible() as stop, screen_on(console) as screen:
            outcome = run(
                seconds=seconds,
                workers=workers,
                kills=not no_kills,
                seed=seed,
                screen=screen,
                stop=stop,
            )
    except RuntimeError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps(summary.as_json(outcome)))
    else:
        summary.print_summary(console, outcome)
    sys.exit(0 if outcome.figures.clean else 1)


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Give an event that is set when somebody wants the program to end.

    An exception out of nowhere, as Ctrl-C is otherwise, could come while processes
    and directories are cleaned up.
    """
    stop = threading.Event()
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    # Under nohup, say, a signal is to have no effect, and stays so.
    kept = {
        number: signal.getsignal(number)
        for number in numbers
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    for number in kept:
        signal.signal(number, lambda *_: stop.set())
    try:
        yield stop
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
