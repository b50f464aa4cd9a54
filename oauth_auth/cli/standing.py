"""How a profile's login stands, as plain values; nothing is renewed to find out."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from oauth_auth.cli.screen import clean
from oauth_auth.cli.words import moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_auth import OAuthAuth
    from oauth_auth.grants.base import Grant
    from oauth_auth.secret import Secret
    from oauth_auth.stores.base import Mark, Record
    from oauth_auth.token import Token

__all__ = ["Standing", "date", "record_of", "standing_of"]

#: What an ID token says of who logged in, the best first (OpenID Connect Core 5.1).
_WHO: Final = ("email", "preferred_username", "name", "sub")


class Standing(NamedTuple):
    """How a login stands."""

    profile: str
    #: Whether a request would find a usable token, or get one without a person.
    logged_in: bool
    #: "logged in", "renews at next use", "no token yet", "expired", "ended by the
    #: server", "logged out", "not logged in".
    state: str
    server: str
    client_id: str
    grant: str
    account: str | None
    #: Who logged in, as the ID token says, or for whom a machine asks.
    who: str | None
    scope: str | None
    #: Seconds since the epoch.
    expires_at: float | None
    obtained_at: float | None
    #: Generation of the record: how often it was saved.
    generation: int
    #: Whether the login is renewed without a person, and why not.
    renewable: bool
    renewal: str
    #: The last failure, while it keeps renewals off: "hold" or "refused".
    mark: str | None
    failure: str | None
    failed_at: float | None
    #: When the next renewal may be tried, in seconds since the epoch.
    held_until: float | None
    #: Whether a worker was sending the refresh token when it was last seen.
    in_doubt: bool
    store: str
    record: str

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data, times as ISO 8601 too."""
        data = self._asdict()
        for name in ("expires_at", "obtained_at", "failed_at", "held_until"):
            data[f"{name}_iso"] = date(data[name])
        return data


def date(at: float | None) -> str | None:
    """Return a time as ISO 8601 in UTC."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def record_of(auth: OAuthAuth) -> tuple[str, Record]:
    """Return the id and content of the record that an object's tokens are in.

    Raises:
        TokenStoreError: The store cannot be read.
    """
    from oauth_auth.stores.base import Record

    source = auth._resolved()
    return source.record_id, source.store.read(source.record_id) or Record()


def standing_of(profile: str, auth: OAuthAuth, now: float) -> Standing:
    """Look at a profile's record.

    Args:
        profile: Its name.
        auth: Its object.
        now: Seconds since the epoch.

    Raises:
        TokenStoreError: The store cannot be read.
        ConfigurationError: The profile's settings cannot work.
    """
    record_id, record = record_of(auth)
    grant = auth._grant
    token = record.token
    mark = record.mark if record.mark and record.mark.active(now) else None
    renewable, renewal = _renewal(grant.needs_person, token, mark, now)
    state = _state(record, mark, now, renewable=renewable, person=grant.needs_person)
    return Standing(
        profile=profile,
        logged_in=state in {"logged in", "renews at next use", "no token yet"},
        state=state,
        server=grant.server.name,
        client_id=grant.client_id,
        grant=grant.grant_type.rpartition(":")[2],
        account=auth._account,
        who=(_who(token._id_token) if token is not None else None) or _machine(grant),
        scope=(token.scope or grant.scope) if token is not None else grant.scope,
        expires_at=token.expires_at if token is not None else None,
        obtained_at=token.obtained_at if token is not None else None,
        generation=record.generation,
        renewable=renewable,
        renewal=renewal,
        mark=mark.kind if mark is not None else None,
        failure=clean(mark.error.get("message", "")) if mark is not None else None,
        failed_at=mark.written_at if mark is not None else None,
        held_until=_held_until(mark),
        in_doubt=bool(mark and mark.in_doubt),
        store=str(getattr(auth._store, "path", auth._store)),
        record=record_id,
    )


def _machine(grant: Grant) -> str | None:
    about = grant.about(None)
    names = ("username", "subject", "issuer")
    return next((about[name] for name in names if name in about), None)


def _state(
    record: Record, mark: Mark | None, now: float, *, renewable: bool, person: bool
) -> str:
    token = record.token
    if record.logged_out and person:
        return "logged out"
    if mark is not None and mark.kind == "refused":
        return "ended by the server"
    if token is None:
        return "not logged in" if person else "no token yet"
    if token._access_token and (token.expires_at is None or token.expires_at > now):
        return "logged in"
    # A hold passes, and what it holds up is renewed then.
    held = mark is not None and mark.kind == "hold"
    return "renews at next use" if renewable or held else "expired"


def _renewal(
    person: bool,  # noqa: FBT001  # one file's own function
    token: Token | None,
    mark: Mark | None,
    now: float,
) -> tuple[bool, str]:
    """Return whether the token is renewed by itself, and that in words."""
    if mark is not None and mark.kind == "refused":
        return False, "no: the server has ended the login"
    if mark is not None:
        until = moment(_held_until(mark) or now, now)
        return False, f"not now: it failed, and is tried again {until}"
    if not person:
        return True, "yes: the client asks for a new token by itself"
    if token is None or not token._refresh_token:
        return False, (
            "no: nobody is logged in"
            if token is None
            else "no: the server gave no refresh token (scope offline_access?)"
        )
    when = (
        "when an API refuses the token"
        if token.expires_at is None
        else "before the token expires, while a program uses it"
    )
    return True, f"yes: {when}"


def _held_until(mark: Mark | None) -> float | None:
    if mark is None or mark.kind != "hold":
        return None
    return mark.written_at + min(mark.duration, 3600.0)


def _who(id_token: Secret | None) -> str | None:
    """Return who an ID token speaks of; it was checked when it came."""
    claims = _claims(id_token)
    found = (claims.get(name) for name in _WHO)
    return next((clean(text) for text in found if isinstance(text, str) and text), None)


def _claims(id_token: Secret | None) -> Mapping[str, Any]:
    if id_token is None:
        return {}
    try:
        # In one expression, since the text is a secret.
        claims = json.loads(
            base64.urlsafe_b64decode(id_token.reveal().split(".")[1] + "===")
        )
    except (ValueError, IndexError):
        return {}
    return {name: claims.get(name) for name in _WHO} if isinstance(claims, dict) else {}
