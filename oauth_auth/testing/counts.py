"""What the testing server saw, as plain values, and how it takes note of it."""

from __future__ import annotations

import time
from collections import Counter, deque
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ApiRequest", "Counts", "Recorder", "TokenRequest", "fingerprint"]

#: Requests that each log keeps; a benchmark sends more than anybody wants to read.
KEPT: Final = 10_000


def fingerprint(token: str) -> str:
    """Return what the logs call a token: 16 hex digits of its SHA-256.

    Example:
        >>> fingerprint("abc")
        'ba7816bf8f01cfea'
    """
    return sha256(token.encode()).hexdigest()[:16]


class Counts(NamedTuple):
    """How often what happened, since the start or the last `reset_counts`."""

    #: Requests to the token endpoint, failed ones included, and by grant type.
    token_requests: int = 0
    token_requests_by_grant: Mapping[str, int] = MappingProxyType({})
    #: Refresh tokens accepted and answered with a new access token.
    refreshes_granted: int = 0
    #: Spent refresh tokens accepted again within the grace window.
    replays_in_grace: int = 0
    #: Spent refresh tokens that were sent again, outside of any grace window.
    reuse_detected: int = 0
    #: Authorization codes redeemed for a token.
    codes_redeemed: int = 0
    #: Authorization codes that were sent again after that.
    codes_reused: int = 0
    #: Logins that ended because something was used a second time.
    families_revoked: int = 0
    #: Requests to the authorization endpoint.
    authorization_requests: int = 0
    #: Requests to the device authorization endpoint; the polls are token requests.
    device_requests: int = 0
    #: Requests to the revocation endpoint.
    revocation_requests: int = 0
    #: Requests to the introspection endpoint.
    introspection_requests: int = 0
    #: Requests for one of the two metadata documents.
    metadata_requests: int = 0
    #: Requests for the public keys.
    jwks_requests: int = 0
    #: Requests to the API and to its redirects.
    api_requests: int = 0
    #: Of those: the token was accepted.
    api_ok: int = 0
    #: Of those: the answer was 401.
    api_unauthorized: int = 0
    #: Of those: no Bearer token was in the request.
    api_without_token: int = 0
    #: Answers that a fault held back.
    replies_dropped: int = 0
    #: Connections opened and used for anything but a handle's calls.
    connections: int = 0

    def __reduce__(self) -> tuple[Any, ...]:
        # A read-only mapping does not pickle, and workers hand counts to each other.
        return Counts.from_json, (self.to_json(),)

    def to_json(self) -> dict[str, Any]:
        """Return plain data for `from_json`."""
        by_grant = dict(self.token_requests_by_grant)
        return {**self._asdict(), "token_requests_by_grant": by_grant}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Counts:
        """Read what `to_json` wrote."""
        by_grant = MappingProxyType(dict(data["token_requests_by_grant"]))
        return cls(**{**data, "token_requests_by_grant": by_grant})


class TokenRequest(NamedTuple):
    """One request to the token endpoint."""

    #: When it was complete, in seconds since the epoch.
    time: float
    grant_type: str | None
    client_id: str | None
    #: "client_secret_basic", "client_secret_post", "private_key_jwt", "none", "several"
    #: (an error), or "unknown" (an Authorization header that is not Basic).
    client_auth: str
    #: The header names in the order received, lower-case.
    headers: tuple[str, ...]
    #: The form parameter names in the order received, empty ones included.
    parameters: tuple[str, ...]
    #: The `fingerprint` of the refresh token in it.
    refresh_token: str | None
    #: The answer's status; None while there is none, or if a fault swallowed the
    #: request.
    status: int | None = None
    #: The query of the URL. A test tells its workers apart by it: each has a
    #: ``token_endpoint`` of its own, such as ``f"{server.token_endpoint}?worker=3"``.
    query: str = ""
    #: When it was granted or refused, in seconds since the epoch; None like `status`.
    settled: float | None = None
    #: The `fingerprint` of the refresh token in the answer.
    issued: str | None = None
    #: Whether all of the answer was sent while the connection was open. False too if a
    #: fault held it back, or whoever asked had left; None while that is not known.
    answered: bool | None = None

    @property
    def has_authorization(self) -> bool:
        """Whether there was an Authorization header."""
        return "authorization" in self.headers


class ApiRequest(NamedTuple):
    """One request to the API, or to its redirects."""

    #: When it was complete, in seconds since the epoch.
    time: float
    method: str
    path: str
    #: The header names in the order received, lower-case.
    headers: tuple[str, ...]
    #: The scheme of the Authorization header, lower-case, as in "bearer" or "basic".
    authorization: str | None
    #: The `fingerprint` of the Bearer token in it.
    access_token: str | None
    #: The answer's status; None while there is none, or if a fault swallowed the
    #: request.
    status: int | None = None


class Recorder:
    """Takes note, in the server."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.by_grant: Counter[str] = Counter()
        self.token_log: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.api_log: deque[dict[str, Any]] = deque(maxlen=KEPT)

    def snapshot(self) -> Counts:
        """Return the counts of this moment."""
        by_grant = MappingProxyType(dict(self.by_grant))
        return Counts(**self.counts, token_requests_by_grant=by_grant)

    def token_request(self, **seen: Any) -> dict[str, Any]:
        """Count and log a token request; the caller adds its status later."""
        self.counts["token_requests"] += 1
        self.by_grant[seen["grant_type"] or ""] += 1
        entry = {"time": time.time(), **seen, "status": None}
        self.token_log.append(entry)
        return entry

    def api_request(self, **seen: Any) -> dict[str, Any]:
        """Count and log a request to the API; the caller adds its status later."""
        self.counts["api_requests"] += 1
        if seen["access_token"] is None:
            self.counts["api_without_token"] += 1
        entry = {"time": time.time(), **seen, "status": None}
        self.api_log.append(entry)
        return entry
