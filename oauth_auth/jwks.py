"""A server's public keys, with which it signs its ID tokens (RFC 7517)."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

from oauth_auth.lazy_errors import errors
from oauth_auth.message import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_auth.reach import Reach
    from oauth_auth.server import AuthorizationServer

__all__ = ["fetch_jwks"]

#: How long a server's keys are kept, in seconds, and how many servers'.
_LIFE: Final = 3600.0
_KEPT: Final = 64
_OK: Final = 200

#: The keys by URL, with when they were fetched.
_keys: dict[str, tuple[float, Mapping[str, Any]]] = {}


def fetch_jwks(
    server: AuthorizationServer, reach: Reach, *, anew: bool = False
) -> Mapping[str, Any] | None:
    """Return the server's public keys (RFC 7517 section 5), kept for an hour.

    Args:
        server: The server, with its metadata.
        reach: How to reach it.
        anew: Fetch them even if they are kept: the server may have new ones.

    Returns:
        The key set; None if the server publishes none.

    Raises:
        ServerError: It answered with something else.
        EndpointUnreachable: No answer came.
    """
    url = server.jwks_uri
    if url is None:
        return None
    now = time.time()
    kept = _keys.get(url)
    if kept is not None and not anew and kept[0] <= now < kept[0] + _LIFE:
        return kept[1]
    response = reach.exchange(Request("GET", url, {"Accept": "application/json"}))
    try:
        document = json.loads(response.body) if response.status == _OK else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise errors.ServerError(
            f"{url} answered {response.status} without a key set; try later",
            status_code=response.status,
        )
    if len(_keys) >= _KEPT:
        _keys.clear()
    _keys[url] = now, document
    return document
