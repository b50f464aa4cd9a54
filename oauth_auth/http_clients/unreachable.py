"""EndpointUnreachable as an error of the HTTP library in whose call it is raised."""

from __future__ import annotations

from typing import Any

from oauth_auth.lazy_errors import errors

__all__ = ["unreachable_like"]


def unreachable_like(connection_error: type[Exception], module: str) -> type[Any]:
    """Make the class that is both, so that existing retry code works.

    Args:
        connection_error: The library's error for a connection that failed.
        module: The module in which pickle finds the class by name.
    """

    def init(self: Any, message: str, request: Any = None, **facts: Any) -> None:
        errors.OAuthAuthError.__init__(self, message, **facts)
        # What the library's own constructor would set.
        self.response = None
        if hasattr(connection_error, "request"):
            self._request = request
        else:
            self.request = request

    return type(
        "EndpointUnreachable",
        (errors.EndpointUnreachable, connection_error),
        {"__module__": module, "__init__": init, "__doc__": __doc__},
    )
