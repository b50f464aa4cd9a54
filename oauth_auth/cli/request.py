"""`oauth-auth request`: call an API with a profile's token."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from oauth_auth.cli.base import Command, Failure
from oauth_auth.cli.codes import Exit
from oauth_auth.cli.names import auth_of, complete_profile, known_names
from oauth_auth.cli.screen import clean, encodable, say
from oauth_auth.lazy_errors import errors
from oauth_auth.origins import origin_of

if TYPE_CHECKING:
    from oauth_auth import OAuthAuth

__all__ = ["request"]

_FORM: Final = "application/x-www-form-urlencoded"
_JSON: Final = "application/json"
_BY_CLASS: Final = {3: Exit.API_3XX, 4: Exit.API_4XX, 5: Exit.API_5XX}
#: Control characters that a text may have.
_SPACES: Final = frozenset("\t\n\r")


@click.command(cls=Command)
@click.argument("method", metavar="METHOD")
@click.argument("url", metavar="URL")
@click.option(
    "--profile",
    "name",
    metavar="NAME",
    envvar="OAUTH_AUTH_PROFILE",
    shell_complete=complete_profile,
    help="Whose token; by default the one profile whose token may go to URL.",
)
@click.option(
    "-H",
    "--header",
    "headers",
    metavar="'K: V'",
    multiple=True,
    help="A header field to send; may be repeated.",
)
@click.option(
    "-d", "--data", metavar="DATA", help="The body; @FILE reads a file, @- the input."
)
@click.option(
    "--json", "json_body", metavar="BODY", help="The same, for a body in JSON."
)
@click.option("-i", "--include", is_flag=True, help="Print status and header, too.")
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 3600),
    metavar="N",
    default=30,
    show_default=True,
    help="Seconds to wait for the API.",
)
def request(
    method: str,
    url: str,
    *,
    name: str | None,
    headers: tuple[str, ...],
    data: str | None,
    json_body: str | None,
    include: bool,
    timeout: float,
) -> int:
    """Call an API with a profile's token, and print its answer.

    The token is renewed first if need be, and once more if the API answers 401. It
    goes only where the profile allows it. Redirects are not followed.

    \b
    Examples:
      oauth-auth request GET https://api.github.com/user
      oauth-auth request POST https://api.example.com/notes --json '{"a": 1}'
      oauth-auth request PUT https://api.example.com/logo -d @logo.png -i \\
        -H 'Content-Type: image/png' --profile work

    \b
    Exit codes:
      0   the API answered 2xx
      30  3xx, a redirect
      40  4xx
      50  5xx
      2, 3, 4, 5, 6  no request was answered: see oauth-auth --help
    """  # noqa: D301  # click looks for the backspace character
    if data is not None and json_body is not None:
        raise click.UsageError("--data and --json exclude each other")
    fields = _fields(headers)
    body = json_body if json_body is not None else data
    if body is not None:
        fields.setdefault("content-type", _FORM if json_body is None else _JSON)
    if json_body is not None:
        fields.setdefault("accept", _JSON)
    name = name or _chosen(url)
    auth = auth_of(name)
    _check_origin(auth, url, name)
    response = _sent(
        method.upper(),
        url,
        auth,
        fields=fields,
        content=_content(body),
        timeout=timeout,
    )
    if include:
        _print_head(response)
    _print_body(response)
    return _BY_CLASS.get(response.status_code // 100, Exit.DONE)


def _fields(headers: tuple[str, ...]) -> dict[str, str]:
    fields = {}
    for text in headers:
        key, colon, value = text.partition(":")
        if not colon or not key.strip():
            raise click.BadParameter(f"{text!r} is not 'Name: value'", param_hint="-H")
        if key.strip().lower() == "authorization":
            raise click.BadParameter(
                "the Authorization field is where the profile's token goes",
                param_hint="-H",
            )
        fields[key.strip().lower()] = value.strip()
    return fields


def _content(body: str | None) -> bytes | None:
    if body is None:
        return None
    if not body.startswith("@"):
        return body.encode("utf-8", "surrogateescape")
    if body == "@-":
        return sys.stdin.buffer.read()
    try:
        return Path(body[1:]).read_bytes()
    except OSError as error:
        raise click.UsageError(f"{body[1:]}: {error.strerror}") from None


def _chosen(url: str) -> str:
    """Return the profile whose token is meant where none is named."""
    names = known_names()
    if len(names) == 1:
        return names[0]
    fitting = [name for name in names if _lists(name, url)]
    if len(fitting) == 1:
        return fitting[0]
    found = ", ".join(fitting or names) or "none; make one: oauth-auth login NAME"
    raise click.UsageError(f"name a profile (--profile NAME): there are {found}")


def _lists(name: str, url: str) -> bool:
    try:
        return auth_of(name)._origins.lists(url)
    except errors.OAuthAuthError:
        return False


def _check_origin(auth: OAuthAuth, url: str, name: str) -> None:
    """Refuse to send a request without the token that it is all about."""
    allowed = auth._allowed_origins
    origin = origin_of(url)
    if not origin.startswith(("https://", "http://")):
        raise click.UsageError(
            f"{clean(url)} is no URL such as https://api.example.com/"
        )
    if allowed is not None and not auth._origins.lists(url):
        raise Failure(
            f"the token of {name} may not go to {origin}, only to "
            f"{', '.join(allowed) or 'nowhere'}; to allow it: oauth-auth login {name} "
            f"--allow-origin {origin}",
            Exit.USAGE,
            "origin_not_allowed",
        )


def _sent(
    method: str,
    url: str,
    auth: OAuthAuth,
    *,
    fields: dict[str, str],
    content: bytes | None,
    timeout: float,
) -> Any:
    import httpx2

    try:
        with httpx2.Client(auth=auth, timeout=timeout) as client:
            return client.request(method, url, headers=fields, content=content)
    except errors.OAuthAuthError:
        raise
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        why = clean(error) or type(error).__name__
        code, word = Exit.LATER, "api_unreachable"
        if not isinstance(error, httpx2.TransportError):
            code, word = Exit.USAGE, "invalid_request"
        failure = Failure(f"{origin_of(url)}: {why}", code, word)
    # Outside the clause: the error holds the request, and with it the token.
    raise failure


def _print_head(response: Any) -> None:
    say(f"{response.http_version} {response.status_code} {response.reason_phrase}")
    for key, value in response.headers.multi_items():
        say(f"{key}: {clean(value)}")
    say()


def _print_body(response: Any) -> None:
    body = response.content
    if not sys.stdout.isatty():
        click.echo(body, nl=False)
        return
    try:
        text = body.decode(response.encoding or "utf-8")
    except (UnicodeDecodeError, LookupError):
        say(f"({len(body)} bytes that are no text; send them to a file: > FILE)")
        return
    # What an API sends must not repaint the terminal.
    shown = "".join(c if c.isprintable() or c in _SPACES else "\ufffd" for c in text)
    click.echo(encodable(shown), nl=not shown.endswith("\n"))
