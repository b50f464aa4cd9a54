"""The exit codes of all commands: one table, which the help and the manual repeat."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from oauth_auth.lazy_errors import errors

if TYPE_CHECKING:
    from oauth_auth.errors import OAuthAuthError

__all__ = ["Exit", "exit_code_of"]


class Exit(IntEnum):
    """Why a command ended."""

    #: Done; for ``status``: logged in.
    DONE = 0
    #: Failed in a way that has no code of its own.
    FAILED = 1
    #: The command line, a profile or the configuration cannot work as it is.
    USAGE = 2
    #: A person has to log in.
    LOGIN = 3
    #: Not now: a server or the network is down, or asks to wait. Try again.
    LATER = 4
    #: The authorization server, or the person at it, said no.
    REFUSED = 5
    #: The token store cannot be read or written.
    STORE = 6
    #: ``request``: the API answered 3xx, 4xx, 5xx.
    API_3XX = 30
    API_4XX = 40
    API_5XX = 50
    #: Ctrl-C.
    INTERRUPTED = 130


def exit_code_of(error: OAuthAuthError) -> Exit:
    """Return the exit code for one of this package's errors."""
    if error.retryable:
        return Exit.LATER
    by_class = (
        (errors.LoginRequired, Exit.LOGIN),
        (errors.LoginFailed, Exit.REFUSED),
        (errors.TokenEndpointError, Exit.REFUSED),
        (errors.TokenStoreError, Exit.STORE),
        (errors.ConfigurationError, Exit.USAGE),
    )
    return next((code for kind, code in by_class if isinstance(error, kind)), Exit(1))
