"""`oauth-auth status`: who is logged in, until when, and what went wrong last."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

import click

from oauth_auth.cli.base import Command, as_line
from oauth_auth.cli.codes import Exit, exit_code_of
from oauth_auth.cli.names import auth_of, known_names, profile_argument
from oauth_auth.cli.screen import complain, facts, paragraph, say, table
from oauth_auth.cli.words import moment
from oauth_auth.lazy_errors import errors

if TYPE_CHECKING:
    from oauth_auth.cli.standing import Standing

__all__ = ["status"]


@click.command(cls=Command)
@profile_argument(required=False)
@click.option(
    "--remote", is_flag=True, help="Ask the server too (introspection, RFC 7662)."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(name: str | None, *, remote: bool, as_json: bool) -> int:
    """Show whether a profile, or every profile, is logged in.

    Nothing is renewed, and no secret is shown. The exit code says whether all of
    them are logged in.

    With --remote the server is asked whether it still honours the access token, or,
    where that has expired, the refresh token.

    \b
    Examples:
      oauth-auth status
      oauth-auth status github --remote
      oauth-auth status github --json | jq .expires_at

    \b
    Exit codes:
      0  logged in
      3  not logged in: a person has to log in
      2  there is no such profile, or it cannot work
      6  the token store cannot be read
    """  # noqa: D301  # click looks for the backspace character
    names = [name] if name else known_names()
    reports = [_report(each, remote=remote, alone=bool(name)) for each in names]
    if as_json:
        plain = [report.as_json() for report in reports]
        click.echo(json.dumps(plain[0] if name else plain))
    elif name:
        reports[0].print()
    elif reports:
        _print_all(reports, remote=remote)
    else:
        say("No profile yet. Make one, and log in: oauth-auth login NAME --help")
        return Exit.LOGIN
    if not reports:
        return Exit.LOGIN
    return max(report.code for report in reports)


class _Report:
    """What is known of one profile."""

    def __init__(
        self,
        name: str,
        standing: Standing | None,
        remote: dict[str, Any] | None,
        problem: dict[str, Any] | None,
    ) -> None:
        self.name: Final = name
        self.standing: Final = standing
        self.remote: Final = remote
        self.problem: Final = problem

    @property
    def code(self) -> int:
        if self.problem is not None:
            return int(self.problem["exit_code"])
        ended = self.remote is not None and self.remote["state"] == "inactive"
        logged_in = self.standing is not None and self.standing.logged_in
        return Exit.DONE if logged_in and not ended else Exit.LOGIN

    def as_json(self) -> dict[str, Any]:
        if self.standing is None:
            return {"profile": self.name, "logged_in": None, "error": self.problem}
        return {
            **self.standing.as_json(),
            **({"remote": self.remote} if self.remote is not None else {}),
        }

    def print(self) -> None:
        now = time.time()
        found = self.standing
        if found is None:
            return
        say(f"{self.name}: {found.state}", style=_style(found))
        say()
        facts(
            [
                ("server", found.server, ""),
                ("client", f"{found.client_id or 'none'} ({found.grant})", ""),
                ("account", found.account or "", ""),
                ("who", found.who or "", ""),
                ("scope", found.scope or "", ""),
                ("access token", _expiry(found, now), ""),
                ("renewal", found.renewal, ""),
                (_failure_label(found), found.failure or "", "yellow"),
                ("obtained", _obtained(found, now), ""),
                (
                    "at the server",
                    _remote_words(self.remote),
                    _remote_style(self.remote),
                ),
                ("record", f"{found.store}, {found.record[:12]}", ""),
            ]
        )
        if not found.logged_in:
            say()
            paragraph(f"To log in: oauth-auth login {self.name}")


def _report(name: str, *, remote: bool, alone: bool) -> _Report:
    from oauth_auth.cli.standing import standing_of

    try:
        auth = auth_of(name)
        found = standing_of(name, auth, time.time())
    except errors.OAuthAuthError as error:
        if alone:
            raise
        # One broken profile does not hide the others.
        return _Report(name, None, None, _problem(error))
    return _Report(name, found, _asked(auth) if remote else None, None)


def _problem(error: Any) -> dict[str, Any]:
    return {
        "code": error.error,
        "message": as_line(error),
        "exit_code": int(exit_code_of(error)),
    }


def _asked(auth: Any) -> dict[str, Any]:
    """Ask the server; return what it says, or why it does not."""
    from oauth_auth.cli.standing import record_of
    from oauth_auth.endpoint import find_metadata
    from oauth_auth.introspection import introspect

    token = record_of(auth)[1].token
    if token is None:
        return {"state": "nothing to ask about"}
    terms = auth._terms_for(None)
    try:
        server = find_metadata(
            auth._grant.server, auth._store, terms.identifier, terms.reach
        )
        told = introspect(server, auth._grant, token, terms.reach, now=time.time())
    except errors.OAuthAuthError as error:
        state = "unreachable" if error.retryable else "refused"
        return {"state": state, "message": as_line(error)}
    if told is None:
        return {"state": "unsupported"}
    return {
        "state": "active" if told.active else "inactive",
        "asked": told.asked,
        "expires_at": told.expires_at,
        **told.said,
    }


def _remote_words(remote: dict[str, Any] | None) -> str:
    if remote is None:
        return ""
    state = remote["state"]
    if state == "unsupported":
        return "unsupported: it has no introspection endpoint (RFC 7662)"
    if state in {"unreachable", "refused"}:
        return f"{state}: {remote['message']}"
    if "asked" not in remote:
        return str(state)
    what = remote["asked"].replace("_", " ")
    who = remote.get("username") or remote.get("sub")
    words = f"the {what} is {state}"
    if state == "active" and remote.get("expires_at"):
        words += f", expires {moment(remote['expires_at'], time.time())}"
    return words + (f", belongs to {who}" if who else "")


def _remote_style(remote: dict[str, Any] | None) -> str:
    styles = {"active": "green", "inactive": "red"}
    return styles.get(remote["state"], "yellow") if remote else ""


def _print_all(reports: list[_Report], *, remote: bool) -> None:
    now = time.time()
    head = ["profile", "state", "expires", *(["server says"] if remote else []), "as"]
    rows = []
    for report in reports:
        found = report.standing
        if found is None:
            cells = [(report.name, "bold"), ("unusable", "bold red")]
            cells += [("", "")] * (len(head) - 2)
        else:
            who = found.who or found.account or found.client_id
            at_server = (report.remote or {}).get("state", "")
            cells = [
                (report.name, "bold"),
                (found.state, _style(found)),
                (_short_expiry(found, now), ""),
                *([(at_server, _remote_style(report.remote))] if remote else []),
                (f"{who} at {found.server}", ""),
            ]
        rows.append(cells)
    table(head, rows)
    for report in reports:
        if report.problem is not None:
            complain(f"{report.name}: {report.problem['message']}")


def _style(found: Standing) -> str:
    if not found.logged_in:
        return "bold red"
    return "bold green" if found.mark is None else "bold yellow"


def _short_expiry(found: Standing, now: float) -> str:
    if found.obtained_at is None:
        return "-"
    return "unknown" if found.expires_at is None else moment(found.expires_at, now)


def _expiry(found: Standing, now: float) -> str:
    if found.obtained_at is None:
        return ""
    if found.expires_at is None:
        return "expires at a time that the server did not say"
    verb = "expires" if found.expires_at >= now else "expired"
    return f"{verb} {moment(found.expires_at, now)}"


def _obtained(found: Standing, now: float) -> str:
    if not found.obtained_at:
        return ""
    return f"{moment(found.obtained_at, now)}, generation {found.generation}"


def _failure_label(found: Standing) -> str:
    return "on hold" if found.mark == "hold" else "refused"
