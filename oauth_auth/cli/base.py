"""What all commands share: errors in one line, exit codes, Ctrl-C, ``--no-color``."""

from __future__ import annotations

import contextlib
import json
import logging
import re
from typing import TYPE_CHECKING, Any, Final

import click

from oauth_auth.cli.codes import Exit, exit_code_of
from oauth_auth.cli.screen import (
    clean,
    complain,
    fitting,
    no_color_option,
    say,
    set_color,
)
from oauth_auth.lazy_errors import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oauth_auth.errors import OAuthAuthError

__all__ = ["Command", "Failure", "Group", "as_line", "report"]


#: How a grant is called in error messages.
_GRANT: Final = re.compile(r"\b[A-Z]\w+\('[^']*', client_id='[^']*'\)")
#: What a program writes, and what the command line has in its place.
_OPTIONS: Final = (
    ("token_endpoint=...", "--token-endpoint URL"),
    ("allow_http=True", "--allow-http"),
)


class Failure(click.ClickException):
    """The end of a command: a message, and why.

    Args:
        message: One line.
        code: The exit code.
        name: What programs know the reason by.
    """

    def __init__(
        self, message: str, code: int = Exit.FAILED, name: str = "failed"
    ) -> None:
        super().__init__(message)
        vars(self)["exit_code"] = int(code)
        self.name = name

    def show(self, file: Any = None) -> None:  # noqa: ARG002  # click's signature
        """Print the message."""
        complain(self.message)


class Command(click.Command):
    """A command whose errors are one clear line, and JSON where it prints JSON.

    A function that returns a number ends with it as its exit code.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(no_color_option())

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line.

        Raises:
            UsageError: It cannot be read.
        """
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            failure = _wrapped(error, ctx)
        raise failure

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command.

        Raises:
            Exit: With the command's exit code.
            Failure: It failed.
        """
        set_color(ctx)
        failure: click.ClickException
        try:
            with _warnings_shown():
                code = super().invoke(ctx)
        except KeyboardInterrupt:
            _end_line()
            raise click.exceptions.Exit(Exit.INTERRUPTED) from None
        except click.Abort as abort:
            # click.prompt makes one of both Ctrl-C and the end of the input.
            if not isinstance(abort.__context__, EOFError):
                _end_line()
                raise click.exceptions.Exit(Exit.INTERRUPTED) from None
            failure = Failure("the input ended before an answer came", Exit.USAGE)
        except click.UsageError as error:
            failure = _wrapped(error, ctx)
        except Failure as error:
            failure = error
        except errors.OAuthAuthError as error:
            failure = Failure(
                as_line(error, ctx.params.get("name")),
                exit_code_of(error),
                error.error or type(error).__name__,
            )
        else:
            raise click.exceptions.Exit(int(code or 0))
        if ctx.params.get("as_json"):
            click.echo(json.dumps({"error": report(failure)}))
        raise failure


class Group(click.Group):
    """A group of such commands."""

    command_class = Command


Group.group_class = Group


def _wrapped(error: click.UsageError, ctx: click.Context) -> click.UsageError:
    return click.UsageError(fitting(error.format_message(), "Error: "), ctx)


def report(failure: click.ClickException) -> dict[str, Any]:
    """Return a failure as plain data."""
    return {
        "code": getattr(failure, "name", "usage"),
        "message": clean(failure.message),
        "exit_code": int(failure.exit_code),
    }


def as_line(error: OAuthAuthError, profile: object = None) -> str:
    """Return an error in one line that ends with what to run.

    Args:
        error: The error.
        profile: The profile that the command was about, if it was about one.
    """
    text = clean(error.message)
    for argument, option in _OPTIONS:
        text = text.replace(argument, option)
    if isinstance(error, errors.LoginRequired) and isinstance(profile, str):
        # Here a login is known by its profile's name.
        text = _GRANT.sub(profile, text, count=1)
        command = f"oauth-auth login {profile}"
        if command not in text:
            # What a program is told to call is of no use to who reads this.
            text = f"{text.partition('; log in')[0]}; run: {command}"
    return text


def _end_line() -> None:
    # The terminal has shown "^C" where the cursor stood.
    say(err=True)


class _Warnings(logging.Handler):
    """Prints warnings in one line; errors are raised as well, and printed then."""

    def emit(self, record: logging.LogRecord) -> None:
        # A renewal that failed is raised, or did not matter yet.
        failed = str(record.msg).startswith("not renewed")
        if record.levelno == logging.WARNING and not failed:
            text = clean(record.getMessage())
            complain(f"warning: {text}", style="yellow")


@contextlib.contextmanager
def _warnings_shown() -> Iterator[None]:
    log = logging.getLogger("oauth_auth")
    handler = _Warnings(logging.WARNING)
    log.addHandler(handler)
    propagated, log.propagate = log.propagate, False
    try:
        yield
    finally:
        log.propagate = propagated
        log.removeHandler(handler)
