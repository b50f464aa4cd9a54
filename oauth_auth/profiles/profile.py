"""Profile: a named configuration, without secrets."""

from __future__ import annotations

import re
from dataclasses import MISSING, dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self, final

from oauth_auth.client_auth import client_auth_from
from oauth_auth.lazy_errors import errors
from oauth_auth.origins import Origins
from oauth_auth.presets import PARAMETERS, PRESETS, Preset
from oauth_auth.profiles.building import built
from oauth_auth.profiles.references import SecretReference, own_address
from oauth_auth.profiles.spelling import refuse_unknown
from oauth_auth.profiles.values import READERS, check_kinds
from oauth_auth.stores.places import store_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_auth.grants.base import Grant
    from oauth_auth.server import AuthorizationServer
    from oauth_auth.stores.base import TokenStore

__all__ = ["CLIENT_OPTIONAL", "GRANTS", "Profile"]

GRANTS: Final = (
    "authorization_code",
    "client_credentials",
    "device_code",
    "jwt_bearer",
    "password",
    "refresh_token",
    "token_exchange",
)
#: Where a person logs in, for the grants for which `oauth-auth login NAME` does that.
_PAGES: Final = {
    "authorization_code": "authorization_endpoint",
    "device_code": "device_authorization_endpoint",
}
#: Those that do without a client where the server does.
CLIENT_OPTIONAL: Final = ("jwt_bearer", "password", "token_exchange")
#: Settings that mean something for some grants alone.
_ONLY: Final = {
    "refresh_token": ("refresh_token",),
    "redirect_uris": ("authorization_code",),
    "authorization_extra": ("authorization_code",),
    "assertion": ("jwt_bearer",),
    "assertion_issuer": ("jwt_bearer",),
    "subject": ("jwt_bearer",),
    "claims": ("jwt_bearer",),
    "subject_token": ("token_exchange",),
    "subject_token_type": ("token_exchange",),
    "actor_token": ("token_exchange",),
    "actor_token_type": ("token_exchange",),
    "requested_token_type": ("token_exchange",),
    "username": ("password",),
    "password": ("password",),
}
#: What some grants cannot do without.
_NEEDED: Final = {
    "password": ("username", "password"),
    "token_exchange": ("subject_token",),
}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@final
@dataclass(frozen=True, kw_only=True)
class Profile:
    """A named configuration: how a token is had, and where it may go. Immutable.

    It holds no secret, only references to them. The fields are the keys of a table in
    ``profiles.toml``, and mean what the arguments of the grants, of
    `AuthorizationServer` and of `OAuthAuth` of the same names mean. What a preset says
    is used where nothing else is said.

    Args:
        name: Letters, digits, and ``_`` and ``-`` within; at most 64.
        grant: One of `GRANTS`.
        preset: The name of a preset; see `oauth_auth.presets`.
        tenant: The preset's parameter of that name, as are the next three.
        host: See `tenant`.
        domain: See `tenant`.
        realm: See `tenant`.
        issuer: The authorization server's issuer URL. The preset's endpoints are not
            used then.
        client_secret: A `SecretReference`, or how one is written in TOML.
        private_key: The same, for what this client signs; so are `refresh_token`,
            `assertion`, `subject_token`, `actor_token` and `password`, each for the
            grant that needs it.
        signing_algorithm: See `PrivateKeyJWT`, as for `key_id` and for
            `assertion_audience`, which is its ``audience``; `JWTBearer` has the same.
        certificate: A path, as is `certificate_key`; see `TLSClientAuth`.
        store: The directory of a `FileStore`, or the URL of a `RedisStore` or
            `PostgresStore` without a password; by default the user's own.
        leeway: Seconds, as is `timeout`.

    Raises:
        ConfigurationError: The settings cannot work. Its ``.key`` is the field that
            is at fault, where it is one.

    Example:
        >>> profile = Profile(name="gh", preset="github", client_id="Iv1.8a61f9b3a7aba")
        >>> profile.build_grant()
        AuthorizationCode('https://github.com/login/oauth', \
client_id='Iv1.8a61f9b3a7aba')
        >>> profile.settings()
        {'allowed_origins': ['https://api.github.com', 'https://uploads.github.com']}
    """

    name: str
    grant: str = "authorization_code"
    preset: str | None = None
    tenant: str | None = None
    host: str | None = None
    domain: str | None = None
    realm: str | None = None
    issuer: str | None = None
    token_endpoint: str | None = None
    authorization_endpoint: str | None = None
    device_authorization_endpoint: str | None = None
    revocation_endpoint: str | None = None
    introspection_endpoint: str | None = None
    jwks_uri: str | None = None
    allow_http: bool = False
    client_id: str | None = None
    client_secret: SecretReference | None = None
    client_auth: str | None = None
    private_key: SecretReference | None = None
    key_id: str | None = None
    signing_algorithm: str | None = None
    certificate: str | None = None
    certificate_key: str | None = None
    scope: str | None = None
    audience: str | None = None
    resource: tuple[str, ...] = ()
    redirect_uris: tuple[str, ...] = ()
    refresh_token: SecretReference | None = None
    refresh_scope: str | None = None
    assertion: SecretReference | None = None
    assertion_issuer: str | None = None
    assertion_audience: str | None = None
    subject: str | None = None
    claims: Mapping[str, str] = field(default_factory=dict, hash=False)
    subject_token: SecretReference | None = None
    subject_token_type: str | None = None
    actor_token: SecretReference | None = None
    actor_token_type: str | None = None
    requested_token_type: str | None = None
    username: str | None = None
    password: SecretReference | None = None
    extra: Mapping[str, str] = field(default_factory=dict, hash=False)
    authorization_extra: Mapping[str, str] = field(default_factory=dict, hash=False)
    allowed_origins: tuple[str, ...] | None = None
    account: str | None = None
    store: str | None = None
    leeway: float | None = None
    background: bool | None = None
    timeout: float | None = None

    def __post_init__(self) -> None:
        _check_name(self.name)
        for each in fields(self)[1:]:
            value = getattr(self, each.name)
            if value is each.default:
                continue
            if value is None:
                value = {} if each.default is MISSING else each.default
            value = READERS[each.name](value, each.name)
            if isinstance(value, dict):
                value = MappingProxyType(value)
            if each.name == "scope":
                value = self._joined(value)
            object.__setattr__(self, each.name, value)
        self._check()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_dict, (self.name, self.to_dict())

    # -- what it is for -------------------------------------------------------------

    def build_grant(self) -> Grant:
        """Return the grant. References stay references: no secret is read."""
        # Made once: a profile is looked up for every `OAuthAuth("name")`.
        known: Grant | None = self.__dict__.get("_grant")
        if known is None:
            known = built(self)
            if self.grant in _PAGES:
                known = known.of_profile(self.name)
            self.__dict__["_grant"] = known
        return known

    def settings(self) -> dict[str, Any]:
        """Return the keyword arguments for `OAuthAuth` beside the grant."""
        # Made once, as the grant is; the list may be the caller's own to change.
        known: dict[str, Any] | None = self.__dict__.get("_settings")
        if known is None:
            known = self.__dict__["_settings"] = self._set()
        origins = known.get("allowed_origins")
        return {**known, **({} if origins is None else {"allowed_origins": [*origins]})}

    def _set(self) -> dict[str, Any]:
        preset = self._preset()
        origins = self.allowed_origins
        if origins is None and preset is not None:
            origins = preset.allowed_origins
        known = {
            "store": self._store(),
            "account": self.account,
            "allowed_origins": origins,
            "leeway": self.leeway,
            "background": self.background,
            "timeout": self.timeout,
        }
        return {name: value for name, value in known.items() if value is not None}

    def _joined(self, scope: str | tuple[str, ...]) -> str | None:
        preset = self._preset()
        separator = " " if preset is None else preset.scope_separator
        # No scope has a space in it (RFC 6749 section 3.3), whatever a server wants
        # between two.
        if isinstance(scope, str):
            scope = tuple(scope.split()) if separator != " " else (scope,)
        return separator.join(scope) or None

    def _store(self) -> TokenStore | None:
        if self.store is None:
            return None
        known: TokenStore | None = self.__dict__.get("_own_store")
        if known is None:
            known = store_at(own_address(self.store, "store"))
            self.__dict__["_own_store"] = known
        return known

    def _preset(self) -> Preset | None:
        if self.preset is None:
            return None
        known: Preset | None = self.__dict__.get("_filled_preset")
        if known is None:
            if self.preset not in PRESETS:
                refuse_unknown(self.preset, PRESETS, "preset", key="preset")
            given = {name: getattr(self, name) for name in PARAMETERS}
            known = PRESETS[self.preset].filled(given)
            self.__dict__["_filled_preset"] = known
        return known

    # -- what cannot work -----------------------------------------------------------

    def _check(self) -> None:
        if self.grant not in GRANTS:
            refuse_unknown(self.grant, GRANTS, "grant", key="grant")
        if self.preset is None:
            for name in PARAMETERS:
                if getattr(self, name) is not None:
                    raise errors.ConfigurationError(
                        f"{name} is a parameter of presets, and no preset is named",
                        key=name,
                    )
        self._check_grant()
        check_kinds(self)
        if self.store is not None:
            own_address(self.store, "store")
        grant = self.build_grant()
        self._check_endpoints(grant.server)
        client_auth_from(
            grant.client_auth,
            server=grant.server,
            has_secret=grant.client_secret is not None,
        )
        Origins(self.settings().get("allowed_origins"))

    def _check_grant(self) -> None:
        """Refuse settings that the grant has no use for, or lacks."""
        if self.client_id is None and self.grant not in CLIENT_OPTIONAL:
            raise errors.ConfigurationError(
                "client_id is missing: what the server calls this application",
                key="client_id",
            )
        for name, grants in _ONLY.items():
            if getattr(self, name) and self.grant not in grants:
                raise errors.ConfigurationError(
                    f'{name} is for grant = "{grants[0]}" alone, and this is '
                    f'"{self.grant}"',
                    key=name,
                )
        for name in _NEEDED.get(self.grant, ()):
            if getattr(self, name) is None:
                raise errors.ConfigurationError(
                    f'{name} is missing, which grant = "{self.grant}" needs',
                    key="grant",
                )

    def _check_endpoints(self, server: AuthorizationServer) -> None:
        """Refuse a login whose page nobody can find."""
        name = _PAGES.get(self.grant)
        if name is None or getattr(server, name) is not None:
            return
        # Metadata are not looked up where the token endpoint is known.
        if server.token_endpoint is not None:
            raise errors.ConfigurationError(
                f'{name} is missing, which grant = "{self.grant}" needs; write it '
                "down, or leave token_endpoint out where the issuer has metadata",
                key="grant",
            )

    # -- TOML -----------------------------------------------------------------------

    @classmethod
    def from_dict(cls, name: str, table: Mapping[str, Any]) -> Self:
        """Make a profile of a table of ``profiles.toml``.

        Args:
            name: The profile's name.
            table: Its settings.

        Raises:
            ConfigurationError: One of them is unknown, or cannot work.
        """
        known = [each.name for each in fields(cls) if each.name != "name"]
        for key in table:
            if key not in known:
                refuse_unknown(str(key), known, "key", key=str(key))
        return cls(name=name, **table)

    def to_dict(self) -> dict[str, Any]:
        """Return what is set, as plain data that TOML can hold."""
        table: dict[str, Any] = {"grant": self.grant}
        for each in fields(self)[2:]:
            value = getattr(self, each.name)
            if value in (None, each.default, {}):
                continue
            if isinstance(value, SecretReference):
                value = value.to_dict()
            elif isinstance(value, tuple):
                value = list(value)
            elif isinstance(value, MappingProxyType):
                value = dict(value)
            table[each.name] = value
        return table


def _check_name(name: object) -> None:
    if isinstance(name, str) and _NAME.fullmatch(name):
        return
    raise errors.ConfigurationError(
        f"{str(name)[:80]!r} is no name for a profile: it takes letters, digits, and "
        '"_" and "-" within, 64 at most'
    )
