"""Preset: what is known about one authorization server."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Final, final

from oauth_auth.lazy_errors import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PARAMETERS", "Preset"]

PARAMETERS: Final = ("tenant", "host", "domain", "realm")
#: What may stand for a parameter in a URL: nothing that ends a host or path segment.
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._~-]*[A-Za-z0-9_~-])?")
_PLACE: Final = re.compile(r"\{(\w+)\}")


@final
@dataclass(frozen=True, kw_only=True)
class Preset:
    """What is known about one authorization server."""

    title: str
    #: Where it was taken from.
    documentation: str
    #: Parameters that the URLs need, with their defaults; None: the profile must say.
    parameters: Mapping[str, str | None] = field(default_factory=dict)
    issuer: str | None = None
    token_endpoint: str | None = None
    authorization_endpoint: str | None = None
    device_authorization_endpoint: str | None = None
    revocation_endpoint: str | None = None
    introspection_endpoint: str | None = None
    jwks_uri: str | None = None
    #: How a client with a secret authenticates; None: as the metadata say, else basic.
    client_auth: str | None = None
    scope: str | None = None
    #: What joins a list of scopes.
    scope_separator: str = " "
    #: The scope without which no refresh token is issued; added where a person logs in.
    offline_scope: str | None = None
    audience: str | None = None
    redirect_uris: tuple[str, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)
    authorization_extra: Mapping[str, str] = field(default_factory=dict)
    #: Where its API is; None where the tokens are for APIs of the user's own.
    allowed_origins: tuple[str, ...] | None = None
    #: What to know about its tokens.
    note: str = ""

    def filled(self, given: Mapping[str, str | None]) -> Preset:
        """Return the preset with its parameters put in.

        Args:
            given: The parameters that the profile gives; None for those it does not.

        Raises:
            ConfigurationError: One is missing, not taken, or does not fit into a URL.
        """
        values = {}
        for name, default in self.parameters.items():
            value = given.get(name) or default
            if value is None:
                raise errors.ConfigurationError(
                    f"the preset for {self.title} needs {name}; give it too (--{name})",
                    key="preset",
                )
            pattern = _HOST if name in ("host", "domain") else _SEGMENT
            if not pattern.fullmatch(value):
                raise errors.ConfigurationError(
                    f"{name} = {value!r} does not fit into the URLs of {self.title}; "
                    "it takes a name alone, without https:// or /",
                    key=name,
                )
            values[name] = value
        for name, value in given.items():
            if value is not None and name not in self.parameters:
                raise errors.ConfigurationError(
                    f"the preset for {self.title} takes no {name}", key=name
                )
        changed = {
            each.name: _filled(getattr(self, each.name), values)
            for each in fields(self)
            if each.name != "parameters"
        }
        return replace(self, **changed)


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, tuple):
        return tuple(_filled(each, values) for each in value)
    if not isinstance(value, str):
        return value
    return _PLACE.sub(lambda found: values.get(found[1], found[0]), value)
