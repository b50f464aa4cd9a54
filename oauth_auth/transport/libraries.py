"""Which HTTP library carries out an exchange, and what a factory may return."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, Protocol

from oauth_auth import forking

if TYPE_CHECKING:
    from contextlib import ExitStack

    from oauth_auth.message import Request, Response
    from oauth_auth.transport.options import HttpOptions
    from oauth_auth.transport.watch import Watch

__all__ = ["Library", "library_of", "load"]

_NAMES: Final = ("requests", "httpx", "httpx2")
_CLIENTS: Final = {
    ("requests", "Session"): "requests",
    ("httpx", "Client"): "httpx",
    ("httpx2", "Client"): "httpx2",
}


class Library(Protocol):
    """What the module of each HTTP library offers."""

    #: Exceptions after which the request certainly was not sent.
    NEVER_SENT: tuple[type[Exception], ...]
    #: The library's other exceptions, which say so only if no connection was seen.
    NETWORK: tuple[type[Exception], ...]

    def open_client(self, options: HttpOptions) -> Any:
        """Return a new session or client for one exchange."""
        ...

    def send(
        self, client: Any, request: Request, watch: Watch, endings: ExitStack
    ) -> Response:
        """Send a request on a new connection and read the answer.

        Args:
            client: From `open_client`, or a factory.
            request: What to send.
            watch: Knows how much time is left, and is told how far it has come.
            endings: Takes what must be closed afterwards.

        Raises:
            ConfigurationError: The client retries by itself.
            Exception: Whatever the library raises.
        """
        ...


def load(name: str | None) -> Library:
    """Import the module for a library.

    Args:
        name: "requests", "httpx" or "httpx2"; None for one that is loaded already, so
            that no other HTTP client gets imported, else requests.
    """
    if name is None:
        name = next((known for known in _NAMES if known in sys.modules), "requests")
    module: Any
    with forking.importing(f"oauth_auth.transport.{name}"):
        module = _module(name)
    library: Library = module
    return library


def _module(name: str) -> Any:
    module: Any
    if name == "requests":
        from oauth_auth.transport import requests as module
    elif name == "httpx":
        from oauth_auth.transport import httpx as module
    elif name == "httpx2":
        from oauth_auth.transport import httpx2 as module
    else:
        raise _configuration_error(f"no such HTTP library: {name!r}; known: {_NAMES}")
    return module


def library_of(client: object) -> str:
    """Name the library of what a factory returned, without importing any.

    Raises:
        ConfigurationError: It is no session or client that can be used here.
    """
    kinds = [(k.__module__.partition(".")[0], k.__name__) for k in type(client).__mro__]
    for kind in kinds:
        if kind in _CLIENTS:
            return _CLIENTS[kind]
    what = f"{kinds[0][0]}.{kinds[0][1]}"
    if any(name == "AsyncClient" for _, name in kinds):
        raise _configuration_error(
            f"the http= factory returned an async client ({what}); return an "
            "httpx.Client or httpx2.Client: renewals have a thread of their own, and "
            "async callers do not block on it"
        )
    raise _configuration_error(
        f"the http= factory returned {what}; it must return a new requests.Session, "
        "httpx.Client or httpx2.Client each time it is called"
    )


def _configuration_error(message: str) -> Exception:
    # errors imports oauthlib, which a program that never fails need not load.
    from oauth_auth.errors import ConfigurationError

    return ConfigurationError(message)
