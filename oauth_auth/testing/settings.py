"""How the testing server behaves while nothing goes wrong."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Literal,
    NamedTuple,
    TypeAlias,
    TypedDict,
    Unpack,
    get_args,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["ABSENT", "ACTUAL", "Rotation", "Settings", "SettingsChanges", "changed"]

#: What happens to a refresh token when it is used.
Rotation: TypeAlias = Literal["strict", "grace", "none"]

#: As `expires_in`: say what is true.
ACTUAL: Final = "<actual>"
#: As `expires_in`, or as a value in `extra` and the settings like it: leave this
#: parameter out.
ABSENT: Final = "<absent>"

#: The settings that are seconds.
_SECONDS: Final = (
    "access_token_lifetime",
    "grace",
    "code_lifetime",
    "device_interval",
    "device_lifetime",
)
#: How the ID tokens can be signed.
SIGNATURES: Final = ("RS256", "HS256", "none")

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class SettingsChanges(TypedDict, total=False):
    """The keywords of `TestingServer` and its `configure`; `Settings` explains them."""

    access_token_lifetime: float
    rotation: Rotation
    grace: float
    kill_old_access_tokens: bool
    expires_in: Any
    scope: str
    extra: Mapping[str, Any]
    issue_refresh_token_for_client_credentials: bool
    metadata: Mapping[str, Any]
    redirect_uris: Sequence[str] | None
    authorization_error: str | None
    authorization_response: Mapping[str, Any]
    code_lifetime: float
    device_interval: float
    device_lifetime: float
    device_response: Mapping[str, Any]
    id_token_claims: Mapping[str, Any]
    id_token_header: Mapping[str, Any]
    client_jwks: Mapping[str, Any]
    assertion_jwks: Mapping[str, Any]
    passwords: Mapping[str, str]


class Settings(NamedTuple):
    """The settings and their defaults."""

    #: Seconds; for tokens issued from now on.
    access_token_lifetime: float = 3600.0
    #: "strict": a used refresh token is replaced, and using it again revokes its whole
    #: family, access tokens included (RFC 9700 section 4.14.2). "grace": for `grace`
    #: seconds after its first use it is answered with the tokens of that first time;
    #: after that as "strict". "none": it stays, and the response has none in it.
    rotation: Rotation = "strict"
    #: Seconds.
    grace: float = 5.0
    #: A refresh ends the earlier access tokens of its family.
    kill_old_access_tokens: bool = False
    #: What token responses say, whatever the lifetime is: any JSON value, or `ABSENT`.
    expires_in: Any = ACTUAL
    #: What is granted to those who ask for no scope, space-separated.
    scope: str = "read write"
    #: Further parameters of token responses; they go before those of the same name.
    extra: Mapping[str, Any] = _NOTHING
    #: RFC 6749 section 4.4.3 says not to.
    issue_refresh_token_for_client_credentials: bool = False
    #: Further metadata; what has the same name is replaced, or removed with `ABSENT`.
    metadata: Mapping[str, Any] = _NOTHING
    #: The redirect URIs that both clients have registered; those on 127.0.0.1 and
    #: [::1] count with any port (RFC 8252 section 7.3). None: every one that is https
    #: or on loopback.
    redirect_uris: Sequence[str] | None = None
    #: What a person's login, by browser or device, ends with in place of a token:
    #: "access_denied", or any other code of RFC 6749 section 4.1.2.1.
    authorization_error: str | None = None
    #: Further parameters of authorization responses; they replace those of the same
    #: name, such as ``iss`` and ``state``, or remove them with `ABSENT`.
    authorization_response: Mapping[str, Any] = _NOTHING
    #: Seconds within which an authorization code has to be redeemed.
    code_lifetime: float = 60.0
    #: Seconds between two polls of a device, at least; whoever is faster is told to
    #: slow down, each time by 5 s more.
    device_interval: float = 5.0
    #: Seconds until a device's codes expire.
    device_lifetime: float = 600.0
    #: Further parameters of device authorization responses, true or not; they replace
    #: those of the same name, or remove them with `ABSENT`.
    device_response: Mapping[str, Any] = _NOTHING
    #: Further claims of ID tokens; they replace those of the same name, such as
    #: ``iss``, ``aud``, ``exp`` and ``nonce``, or remove them with `ABSENT`.
    id_token_claims: Mapping[str, Any] = _NOTHING
    #: The same for the header of ID tokens: ``kid``, or ``alg``, for which "none" and
    #: "HS256" (signed with the client's secret) are known beside "RS256".
    id_token_header: Mapping[str, Any] = _NOTHING
    #: The public keys of the confidential client (RFC 7517 section 5), which it proves
    #: itself with by private_key_jwt beside its secret.
    client_jwks: Mapping[str, Any] = _NOTHING
    #: The public keys of those whose JWTs are taken for the login of their ``sub``: by
    #: the grants jwt-bearer (RFC 7523) and token-exchange (RFC 8693).
    assertion_jwks: Mapping[str, Any] = _NOTHING
    #: Accounts and passwords for the grant "password".
    passwords: Mapping[str, str] = _NOTHING

    def changed(self, **changes: Unpack[SettingsChanges]) -> Settings:
        """Return the settings with some of them changed.

        Raises:
            TypeError: There is no such setting.
            ValueError: A setting cannot have that value.
        """
        settings = Settings(**{**self._asdict(), **changes})
        if settings.rotation not in get_args(Rotation):
            raise ValueError(
                f"rotation must be one of {get_args(Rotation)}, "
                f"not {settings.rotation!r}"
            )
        for name in _SECONDS:
            seconds = getattr(settings, name)
            number = isinstance(seconds, int | float) and math.isfinite(seconds)
            if not number or seconds < 0:
                raise ValueError(f"{name} must be seconds, not {seconds!r}")
        algorithm = settings.id_token_header.get("alg", "RS256")
        if algorithm not in SIGNATURES:
            raise ValueError(
                f"ID tokens are signed by one of {SIGNATURES}, not {algorithm!r}"
            )
        return settings


def changed(answer: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer as a setting wants it: with changes, and without the absent."""
    return {
        name: value for name, value in {**answer, **changes}.items() if value != ABSENT
    }
