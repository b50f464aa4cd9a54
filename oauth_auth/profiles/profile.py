"""Profile: a named configuration, without secrets."""

from __future__ import annotations

import re
from dataclasses import MISSING, dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self, final

from oauth_auth.client_auth import client_auth_from
from oauth_auth.lazy_errors import errors
from oauth_auth.origins import Origins
from oauth_auth.presets import PARAMETERS, Preset, preset_named
from oauth_auth.profiles.references import SecretReference, own_address
from oauth_auth.profiles.spelling import refuse_unknown
from oauth_auth.profiles.values import READERS, check_kinds
from oauth_auth.server import AuthorizationServer
from oauth_auth.stores.places import store_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_auth.grants.base import Grant
    from oauth_auth.stores.base import TokenStore

__all__ = ["GRANTS", "Profile"]

GRANTS: Final = (
    "authorization_code",
    "client_credentials",
    "device_code",
    "refresh_token",
)
#: Where a person logs in, for the grants for which `oauth-auth login NAME` does that.
_PAGES: Final = {
    "authorization_code": "authorization_endpoint",
    "device_code": "device_authorization_endpoint",
}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_ENDPOINTS: Final = (
    "token_endpoint",
    "authorization_endpoint",
    "device_authorization_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
    "jwks_uri",
)


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
        refresh_token: The same, for the grant ``refresh_token`` alone.
        store: The directory of a `FileStore`, or the URL of a `RedisStore` or
            `PostgresStore` without a password; by default the user's own.
        leeway: Seconds, as is `timeout`.

    Raises:
        ConfigurationError: The settings cannot work. Its ``.key`` is the field that
            is at fault, where it is one.

    Example:
        >>> profile = Profile(name="gh", preset="github", client_id="Iv1.8a61f9b3a7aba")
        >>> profile.build_grant()
        AuthorizationCode('https://github.com/login/oauth/access_token', \
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
    scope: str | None = None
    audience: str | None = None
    resource: tuple[str, ...] = ()
    redirect_uris: tuple[str, ...] = ()
    refresh_token: SecretReference | None = None
    refresh_scope: str | None = None
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
            known = self._built()
            if self.grant in _PAGES:
                known._profile = self.name
            self.__dict__["_grant"] = known
        return known

    def settings(self) -> dict[str, Any]:
        """Return the keyword arguments for `OAuthAuth` beside the grant."""
        preset = self._preset()
        origins = self.allowed_origins
        if origins is None and preset is not None:
            origins = preset.allowed_origins
        known = {
            "store": self._store(),
            "account": self.account,
            "allowed_origins": None if origins is None else list(origins),
            "leeway": self.leeway,
            "background": self.background,
            "timeout": self.timeout,
        }
        return {name: value for name, value in known.items() if value is not None}

    def _built(self) -> Grant:
        # Imported here: a program uses one of them.
        if self.grant == "authorization_code":
            from oauth_auth.grants.authorization_code import AuthorizationCode

            return AuthorizationCode(
                redirect_uri=self._of_preset("redirect_uris"),
                authorization_extra=self._merged("authorization_extra"),
                **self._client_options(),
            )
        if self.grant == "device_code":
            from oauth_auth.grants.device_code import DeviceCode

            return DeviceCode(**self._client_options())
        if self.grant == "refresh_token":
            from oauth_auth.grants.refresh_token import RefreshToken

            return RefreshToken(
                refresh_token=self._secret("refresh_token"), **self._client_options()
            )
        from oauth_auth.grants.client_credentials import ClientCredentials

        return ClientCredentials(**self._client_options())

    def _client_options(self) -> dict[str, Any]:
        return {
            "server": self._server(),
            "client_id": self.client_id,
            "client_secret": self._secret("client_secret"),
            "client_auth": self._client_auth(),
            "scope": self._scope(),
            "audience": self._of_preset("audience"),
            "resource": self.resource,
            "extra": self._merged("extra"),
            "refresh_scope": self.refresh_scope,
        }

    def _server(self) -> AuthorizationServer:
        endpoints = {name: getattr(self, name) for name in _ENDPOINTS}
        issuer, preset = self.issuer, self._preset()
        if issuer is None and preset is not None:
            issuer = preset.issuer
            endpoints = {
                name: url or getattr(preset, name) for name, url in endpoints.items()
            }
        return AuthorizationServer(issuer, allow_http=self.allow_http, **endpoints)

    def _client_auth(self) -> str | None:
        preset = self._preset()
        if self.client_auth or preset is None or self.client_secret is None:
            return self.client_auth
        return preset.client_auth

    def _scope(self) -> str | None:
        preset = self._preset()
        scope = self.scope
        if preset is None:
            return scope
        scope = scope or preset.scope
        offline = preset.offline_scope
        if offline and self.grant in _PAGES and offline not in (scope or "").split():
            return f"{scope} {offline}" if scope else offline
        return scope

    def _joined(self, scope: str | tuple[str, ...]) -> str | None:
        preset = self._preset()
        separator = " " if preset is None else preset.scope_separator
        # No scope has a space in it (RFC 6749 section 3.3), whatever a server wants
        # between two.
        if isinstance(scope, str):
            scope = tuple(scope.split()) if separator != " " else (scope,)
        return separator.join(scope) or None

    def _of_preset(self, name: str) -> Any:
        preset = self._preset()
        return getattr(self, name) or (preset and getattr(preset, name)) or None

    def _merged(self, name: str) -> dict[str, str]:
        preset = self._preset()
        of_preset = getattr(preset, name) if preset is not None else {}
        return {**of_preset, **getattr(self, name)}

    def _secret(self, key: str) -> Any:
        reference: SecretReference | None = getattr(self, key)
        return reference and reference.source(self.name, key, self._store())

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
            given = {name: getattr(self, name) for name in PARAMETERS}
            known = preset_named(self.preset).filled(given)
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
        if self.client_id is None:
            raise errors.ConfigurationError(
                "client_id is missing: what the server calls this application",
                key="client_id",
            )
        only = {
            "refresh_token": ("refresh_token",),
            "redirect_uris": ("authorization_code",),
            "authorization_extra": ("authorization_code",),
        }
        for name, grants in only.items():
            if getattr(self, name) and self.grant not in grants:
                raise errors.ConfigurationError(
                    f'{name} is for grant = "{grants[0]}" alone, and this is '
                    f'"{self.grant}"',
                    key=name,
                )
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
