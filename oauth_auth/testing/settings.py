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
    from collections.abc import Mapping

__all__ = ["ABSENT", "ACTUAL", "Rotation", "Settings", "SettingsChanges"]

#: What happens to a refresh token when it is used.
Rotation: TypeAlias = Literal["strict", "grace", "none"]

#: As `expires_in`: say what is true.
ACTUAL: Final = "<actual>"
#: As `expires_in` or as a value in `extra`: leave this parameter out of the response.
ABSENT: Final = "<absent>"

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
        for name in ("access_token_lifetime", "grace"):
            seconds = getattr(settings, name)
            number = isinstance(seconds, int | float) and math.isfinite(seconds)
            if not number or seconds < 0:
                raise ValueError(f"{name} must be seconds, not {seconds!r}")
        return settings
