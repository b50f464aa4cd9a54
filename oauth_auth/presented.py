"""Tokens and keys that this client presents, wherever they are kept.

They are read each time they are needed, since whoever issues them (Kubernetes, a CI
system, a vault) replaces them while programs run.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TypeAlias, final

from oauth_auth import flight
from oauth_auth.answer import Members, seconds
from oauth_auth.lazy_errors import errors
from oauth_auth.secret import FromEnv, FromFile, Secret, SecretSource, takes_time

__all__ = ["FromCallable", "GivenToken", "PresentedToken", "as_presented"]

#: Clocks differ by so much, in seconds.
_SKEW: Final = 60.0
#: The dots of a JWT in the compact form (RFC 7515 section 7.1).
_DOTS: Final = 2


class TokenGiver(Protocol):
    """An `OAuthAuth`, or one of its relatives for one HTTP library."""

    def access_token(self) -> str:
        """Return a fresh access token."""
        ...


#: What a token may be given as: text, a path, a reference, a function, an `OAuthAuth`.
GivenToken: TypeAlias = (
    "str | os.PathLike[str] | SecretSource | TokenGiver | Callable[[], str]"
)


@final
class FromCallable:
    """A secret that a function of the caller returns each time it is needed.

    Args:
        function: Returns text, bytes in UTF-8, or a mapping (a JWK).
    """

    __slots__ = ("function",)

    def __init__(self, function: Callable[[], object]) -> None:
        self.function: Final = function

    def reveal(self) -> str:
        """Return what the function returns.

        Raises:
            ConfigurationError: It raised, or returned something else.
            OAuthAuthError: It raised that.
        """
        try:
            found = as_secret(self.function())
        except errors.OAuthAuthError:
            raise
        except Exception as error:  # noqa: BLE001  # the caller's code may raise anything
            # Not chained: its frames may hold the secret.
            failure = f"raised {type(error).__name__}"
        else:
            if found is not None:
                return found.reveal()
            failure = "returned neither text, bytes nor a mapping"
        raise errors.ConfigurationError(
            f"{self!r}, which should return a secret, {failure}"
        )

    def __repr__(self) -> str:
        name = getattr(self.function, "__qualname__", type(self.function).__name__)
        return f"FromCallable({name})"


@final
class _FromAuth:
    """The access token of another login."""

    __slots__ = ("auth",)

    def __init__(self, auth: Any) -> None:
        self.auth: Final = auth

    def reveal(self) -> str:
        """Return a fresh token, as a part of the renewal that needs it.

        Raises:
            OAuthAuthError: There is none to be had.
        """
        auth = self.auth
        source = auth._resolved()
        # What that login waits for is never this one, since neither can be made before
        # the other.
        with flight.may_wait_for(source._key):
            # No `on_token` and no interactive login: they are for callers' threads.
            held = source.obtain(auth._terms_for(None))
        return held.token.access_token or ""

    def __repr__(self) -> str:
        return repr(self.auth)


@final
class PresentedToken:
    """A token that is sent to an authorization server as the proof of something.

    Args:
        given: The token: text, `FromEnv`, `FromFile` or a path, a function that
            returns it, or an `OAuthAuth` whose access token it is.
        name: What it is called, for errors.

    Raises:
        ConfigurationError: It is none of these.
    """

    __slots__ = ("_name", "_source")

    def __init__(self, given: GivenToken, name: str) -> None:
        source = as_presented(given)
        if source is None:
            raise errors.ConfigurationError(
                f"{name} must be text, FromEnv, FromFile, a path, a function or an "
                f"OAuthAuth, not {type(given).__name__}"
            )
        self._source: Final = source
        self._name: Final = name

    def reveal(self) -> str:
        """Return the token.

        Raises:
            ConfigurationError: It is missing, cannot be read, or has expired.
            OAuthAuthError: It is another login's, and not to be had.
        """
        token = Secret(self._source.reveal().strip())
        if not token:
            raise errors.ConfigurationError(
                f"the {self._name} of {self._source!r} is empty"
            )
        expires_at = _expiry(token)
        if expires_at is not None and expires_at < time.time() - _SKEW:
            ago = time.time() - expires_at
            raise errors.ConfigurationError(
                f"the {self._name} of {self._source!r} expired {ago:.0f} s ago; see to "
                "it that whoever issues it replaces it in time"
            )
        return token.reveal()

    @property
    def takes_time(self) -> bool:
        """Whether to tell it from others may take more than a glance at a file."""
        return takes_time(self._source)

    def identity(self, account: str | None) -> Any:
        """Return what tells it from others, for record ids.

        That is the place where it is kept, since what is there changes with time; of a
        literal it is the token.

        Raises:
            ConfigurationError: It is a function's, which says nothing about whose
                token it returns, and there is no account.
        """
        source = self._source
        if isinstance(source, Secret):
            return source
        if isinstance(source, FromFile):
            return {"file": os.path.abspath(source.name)}  # noqa: PTH100  # links move
        if isinstance(source, FromEnv):
            return {"env": source.name}
        if isinstance(source, _FromAuth):
            return {"record": source.auth._resolved().record_id}
        name = getattr(source, "name", None)
        if isinstance(name, str) and name:
            return {type(source).__name__: name}
        if account is None:
            raise errors.ConfigurationError(
                f"the {self._name} comes from {source!r}, and nothing tells whose it "
                "is; name that: OAuthAuth(..., account=...)"
            )
        return {"account": account}

    def __repr__(self) -> str:
        return repr(self._source)


def as_presented(given: object) -> SecretSource | None:
    """Return the source of a secret, in whichever way it is given; None if in none."""
    secret = as_secret(given)
    if secret is not None:
        return secret
    if isinstance(given, os.PathLike):
        return FromFile(os.fspath(given))
    if isinstance(given, SecretSource):
        return given
    # Before what is merely callable: an `OAuthAuth` is, by a request.
    if callable(getattr(given, "access_token", None)):
        return _FromAuth(given)
    return FromCallable(given) if callable(given) else None


def as_secret(value: object) -> Secret | None:
    """Return a literal wrapped; None if it is something else."""
    if isinstance(value, str):
        return Secret(value)
    if isinstance(value, bytes):
        return Secret(value.decode("utf-8", "replace"))
    if isinstance(value, Mapping):
        return Secret(json.dumps(dict(value)))
    return None


def _expiry(token: Secret) -> float | None:
    """Return when a JWT says that it expires; None of what is no JWT, or is silent."""
    if token.reveal().count(".") != _DOTS:
        return None
    payload = Secret(token.reveal().split(".")[1])
    try:
        claims = Members(
            dict(
                json.loads(
                    base64.urlsafe_b64decode(
                        payload.reveal() + "=" * (-len(payload.reveal()) % 4)
                    )
                )
            )
        )
    except (ValueError, TypeError, RecursionError):
        return None
    return seconds(claims.get("exp"))
