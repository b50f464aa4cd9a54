"""Token: one token response with an absolute expiry."""

from __future__ import annotations

import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NoReturn, final

from oauth_auth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Token"]

#: Longer lifetimes are cut to this many seconds: a server that says "1e20" means
#: "long", and dates beyond the year 9999 break every program that prints them.
LONGEST_LIFE: Final = 10 * 365 * 86400.0
#: What is in google-auth's dictionaries beside the access token, which is its "token".
_GOOGLE: Final = frozenset({"expiry", "token_uri"})
#: What msal's cache calls the entries whose "secret" is a refresh token.
_OF_MSAL: Final = "RefreshToken"


@final
class Token:
    """An access token, what came with it, and when it ends. Immutable.

    Args:
        access_token: The token to present; None where a server sent only a refresh
            token that must not be lost.
        token_type: As the server wrote it; compared without regard to case.
        expires_at: When it expires, in seconds since the epoch; None if unknown, and
            then it is used until an API refuses it.
        obtained_at: When it was received, in seconds since the epoch.
        refresh_token: The refresh token to use next, if there is one.
        scope: The scope granted, space-separated; None if the server did not say.
        id_token: The OpenID Connect ID token, unchecked here.
        refresh_at: When the server suggests a renewal, in seconds since the epoch.
        extra: All other parameters of the response (RFC 6749 section 5.1 says to
            ignore unknown ones; they are kept for those who know them).
    """

    __slots__ = (
        "_access_token",
        "_extra",
        "_id_token",
        "_refresh_token",
        "expires_at",
        "obtained_at",
        "refresh_at",
        "scope",
        "token_type",
    )

    def __init__(
        self,
        access_token: Secret | str | None,
        *,
        token_type: str = "Bearer",  # noqa: S107  # a type, not a password
        expires_at: float | None = None,
        obtained_at: float | None = None,
        refresh_token: Secret | str | None = None,
        scope: str | None = None,
        id_token: Secret | str | None = None,
        refresh_at: float | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self._access_token: Final = _wrapped(access_token)
        self._refresh_token: Final = _wrapped(refresh_token)
        self._id_token: Final = _wrapped(id_token)
        self._extra: Final = MappingProxyType(dict(extra or {}))
        self.token_type: Final = token_type
        self.expires_at: Final = expires_at
        self.obtained_at: Final = time.time() if obtained_at is None else obtained_at
        self.scope: Final = scope
        self.refresh_at: Final = refresh_at

    @property
    def access_token(self) -> str | None:
        """The token to present, or None if only a refresh token is held."""
        return self._access_token.reveal() if self._access_token else None

    @property
    def refresh_token(self) -> str | None:
        """The refresh token to use next, or None."""
        return self._refresh_token.reveal() if self._refresh_token else None

    @property
    def id_token(self) -> str | None:
        """The OpenID Connect ID token, or None."""
        return self._id_token.reveal() if self._id_token else None

    @property
    def extra(self) -> Mapping[str, Any]:
        """The other parameters of the token response, read-only."""
        return self._extra

    @property
    def lifetime(self) -> float | None:
        """Seconds from receipt to expiry; None if unknown, never negative."""
        if self.expires_at is None:
            return None
        return max(0.0, self.expires_at - self.obtained_at)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data; it holds the secrets.

        Returns:
            The response's own parameters, with ``expires_at`` (seconds since the
            epoch) in place of ``expires_in``: the shape that requests-oauthlib and
            Authlib keep.
        """
        data = dict(self._extra)
        known = {
            "access_token": self.access_token,
            "token_type": self.token_type,
            "expires_at": self.expires_at,
            "obtained_at": self.obtained_at,
            "refresh_token": self.refresh_token,
            "scope": self.scope,
            "id_token": self.id_token,
            "refresh_at": self.refresh_at,
        }
        data.update((name, value) for name, value in known.items() if value is not None)
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Token:
        """Read a token that `to_dict` or another library wrote down.

        ``expires_in`` alone says nothing about the token's age, so such a token
        counts as expired and is renewed at once; and so does google-auth's without
        ``expiry``.

        Args:
            data: A token response, or the dictionary that requests-oauthlib, Authlib,
                msal (``expires_on``, or a refresh token's entry in its cache) or
                google-auth (``token``, ``expiry`` and ``scopes``) keeps.
                ``expires_at`` may be a number or text, in seconds since the epoch, or
                a date by ISO 8601.

        Raises:
            ConfigurationError: Neither an access token nor a refresh token is in it.

        Example:
            >>> Token.from_dict({"access_token": "a", "expires_at": "1700000000"})
            Token('Bearer', expires_at=1700000000.0, refresh_token=no)
        """
        rest = dict(data)
        access_token = _wrapped(_text(rest.pop("access_token", None)))
        of_google = access_token is None and not _GOOGLE.isdisjoint(rest)
        if of_google:
            access_token = _wrapped(_text(rest.pop("token", None)))
        refresh_token = _wrapped(_text(rest.pop("refresh_token", None)))
        if refresh_token is None and rest.get("credential_type") == _OF_MSAL:
            refresh_token = _wrapped(_text(rest.pop("secret", None)))
        id_token = _wrapped(_text(rest.pop("id_token", None)))
        if not access_token and not refresh_token:
            from oauth_auth.errors import ConfigurationError

            raise ConfigurationError(
                "the token holds neither an access_token nor a refresh_token; pass "
                "the whole token response, or the dictionary another library kept"
            )
        expires_in = rest.pop("expires_in", None)
        # google-auth writes a client's secret beside its token.
        rest.pop("client_secret", None)
        expires_at = None
        for name in ("expires_at", "expires_on", "expiry"):
            given = rest.pop(name, None)
            if expires_at is None and given is not None:
                expires_at = _seconds(given)
                expires_at = _date(given) if expires_at is None else expires_at
        if expires_at is None and (expires_in is not None or of_google):
            # google-auth itself takes a token that was saved without one for expired.
            expires_at = 0.0
        obtained_at = _seconds(rest.pop("obtained_at", None))
        if obtained_at is None:
            # Of unknown age: what is left of its life counts as its whole life.
            now = time.time()
            obtained_at = 0.0 if expires_at is not None and expires_at <= now else now
        scope = rest.pop("scope", None) or rest.pop("scopes", None)
        if isinstance(scope, list | tuple | set | frozenset):
            scope = " ".join(map(str, scope))
        return cls(
            access_token,
            token_type=_text(rest.pop("token_type", None)) or "Bearer",
            expires_at=expires_at,
            obtained_at=obtained_at,
            refresh_token=refresh_token,
            scope=_text(scope),
            id_token=id_token,
            refresh_at=_seconds(rest.pop("refresh_at", None)),
            extra=rest,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Token) and other.to_dict() == self.to_dict()

    def __hash__(self) -> int:
        return hash((self._access_token, self._refresh_token, self.expires_at))

    def __repr__(self) -> str:
        refresh = "yes" if self._refresh_token else "no"
        return (
            f"Token({self.token_type!r}, expires_at={self.expires_at}, "
            f"refresh_token={refresh})"
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Token does not pickle, since a pickle is readable by anyone; "
            "token.to_dict() gives plain data to those who accept that"
        )

    def __copy__(self) -> Token:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Token:
        return self


def _wrapped(value: Secret | str | None) -> Secret | None:
    """Wrap a text; an empty one is no token."""
    return (Secret(value) if isinstance(value, str) else value) or None


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    return value.strip() or None


def _date(value: object) -> float | None:
    """Read a date by ISO 8601; without a zone it is UTC, as google-auth has it."""
    from datetime import UTC, datetime

    try:
        date = datetime.fromisoformat(value) if isinstance(value, str) else value
        if not isinstance(date, datetime):
            return None
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    # Not a number, or beyond any date: as good as unknown.
    return number if abs(number) < 1e11 else None  # noqa: PLR2004
