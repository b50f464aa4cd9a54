"""EndpointUnreachable as an error of the HTTP library in whose call it is raised."""

from __future__ import annotations

from typing import Any

from oauth_auth.lazy_errors import errors

__all__ = ["unreachable_like"]

_made: dict[str, type[Any]] = {}


def unreachable_like(connection_error: type[Exception], module: str) -> type[Any]:
    """Return the class that is both, so that existing retry code works.

    It is made at the first failure, since our errors load late.

    Args:
        connection_error: The library's error for a connection that failed.
        module: The module in which pickle finds the class by name.
    """
    if module in _made:
        return _made[module]
    # httpx has a property of that name.
    request_name = "_request" if hasattr(connection_error, "request") else "request"

    def init(self: Any, message: str, request: Any = None, **facts: Any) -> None:
        errors.OAuthAuthError.__init__(self, message, **facts)
        setattr(self, request_name, request)

    kind = type(
        "EndpointUnreachable",
        (errors.EndpointUnreachable, connection_error),
        {
            "__module__": module,
            "__init__": init,
            "__doc__": __doc__,
            # What the library's own constructor would set; a pickle has neither.
            "response": None,
            request_name: None,
        },
    )
    # Threads that fail together must raise one class, which pickle finds again.
    return _made.setdefault(module, kind)
