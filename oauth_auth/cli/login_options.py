"""The options of `oauth-auth login` that make up a profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from oauth_auth.cli.names import complete_preset

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PROMPT", "profile_options"]

#: The client secret is to be asked for.
PROMPT: Final = "?"


def _secret_place(
    _context: click.Context, _option: click.Parameter, value: str | None
) -> str | None:
    if value in (None, PROMPT, "-"):
        return value
    # Without the value, which may be the secret.
    raise click.BadParameter(
        "a secret on the command line can be seen by everybody on this machine; give "
        "--client-secret alone, as the last word, and it is asked for, or "
        '"--client-secret -", and it is read from standard input'
    )


def _pairs(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    pairs = dict(value.partition("=")[::2] for value in values)
    if "" in pairs or not all("=" in value for value in values):
        raise click.BadParameter("write NAME=VALUE, such as prompt=consent")
    return pairs


def profile_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that make up a profile."""
    for option in reversed(
        [
            click.option(
                "--preset",
                metavar="P",
                shell_complete=complete_preset,
                help="A known server, such as github; its endpoints are filled in.",
            ),
            *(
                click.option(f"--{name}", metavar="TEXT", help=text)
                for name, text in (
                    ("tenant", "For presets that need a tenant."),
                    ("host", "For presets that need a host."),
                    ("domain", "For presets that need a domain."),
                    ("realm", "For presets that need a realm."),
                )
            ),
            click.option(
                "--issuer",
                metavar="URL",
                help="The server's issuer URL; its metadata name the endpoints.",
            ),
            click.option(
                "--token-endpoint",
                metavar="URL",
                help="In place of --issuer, for a server without metadata.",
            ),
            click.option(
                "--authorization-endpoint",
                metavar="URL",
                help="The same, for the page where people log in.",
            ),
            click.option(
                "--device-endpoint",
                "device_authorization_endpoint",
                metavar="URL",
                help="The same, for --device.",
            ),
            click.option(
                "--client-id", metavar="ID", help="What the server calls you."
            ),
            click.option(
                "--client-secret",
                is_flag=False,
                flag_value=PROMPT,
                metavar="[-]",
                callback=_secret_place,
                help="Ask for the client secret, and keep it sealed; - reads it from "
                "standard input.",
            ),
            click.option(
                "--client-secret-env",
                metavar="NAME",
                help="The variable that holds the client secret.",
            ),
            click.option(
                "--client-secret-file",
                metavar="PATH",
                type=click.Path(resolve_path=True),
                help="The file that holds it.",
            ),
            click.option(
                "--client-secret-keyring",
                metavar="S:USER",
                help="The service and user that hold it in the system's keyring.",
            ),
            click.option(
                "--client-auth",
                metavar="METHOD",
                help="How the secret is sent: client_secret_basic or _post.",
            ),
            click.option(
                "--scope",
                "scopes",
                metavar="SCOPE",
                multiple=True,
                help="What to ask for; several in one text, or repeated.",
            ),
            click.option(
                "--audience", metavar="TEXT", help="For servers that want it."
            ),
            click.option(
                "--param",
                "params",
                metavar="NAME=VALUE",
                multiple=True,
                callback=_pairs,
                help="A further parameter of the login page, such as prompt=consent.",
            ),
            click.option(
                "--device", is_flag=True, help="Log in on another device, by a code."
            ),
            click.option(
                "--browser", is_flag=True, help="Log in by browser again, not --device."
            ),
            click.option(
                "--machine",
                is_flag=True,
                help="No person: the client itself (client credentials).",
            ),
            click.option(
                "--port",
                "ports",
                type=click.IntRange(0, 65535),
                metavar="N",
                multiple=True,
                help="The port the browser comes back to, at /callback; several are "
                "tried in turn.",
            ),
            click.option(
                "--redirect-uri",
                "redirect_uris",
                metavar="URL",
                multiple=True,
                help="The same in full, as registered with the server.",
            ),
            click.option(
                "--account", metavar="TEXT", help="Tells several people's logins apart."
            ),
            click.option(
                "--allow-origin",
                "allowed_origins",
                metavar="URL",
                multiple=True,
                help="Where the token may go; may be repeated.",
            ),
            click.option(
                "--allow-http", is_flag=True, help="Accept a server on plain http."
            ),
        ]
    ):
        command = option(command)
    return command
