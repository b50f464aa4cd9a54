"""A profile's grant: what it says, and what its preset says where it is silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from oauth_auth.lazy_errors import errors
from oauth_auth.profiles.references import own_path
from oauth_auth.server import AuthorizationServer

if TYPE_CHECKING:
    from oauth_auth.client_auth import ClientAuth
    from oauth_auth.grants.base import Grant
    from oauth_auth.profiles.profile import Profile
    from oauth_auth.profiles.references import SecretReference

__all__ = ["built"]

_ENDPOINTS: Final = (
    "token_endpoint",
    "authorization_endpoint",
    "device_authorization_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
    "jwks_uri",
)
_SIGNED: Final = "private_key_jwt"
_BY_CERTIFICATE: Final = ("tls_client_auth", "self_signed_tls_client_auth")


def built(profile: Profile) -> Grant:
    """Return a profile's grant. References stay references: no secret is read.

    Raises:
        ConfigurationError: The settings do not fit together.
    """
    # Imported here: a program uses one of them.
    options = _client_options(profile)
    if profile.grant == "authorization_code":
        from oauth_auth.grants.authorization_code import AuthorizationCode

        return AuthorizationCode(
            redirect_uri=_of_preset(profile, "redirect_uris"),
            authorization_extra=_merged(profile, "authorization_extra"),
            **options,
        )
    if profile.grant == "device_code":
        from oauth_auth.grants.device_code import DeviceCode

        return DeviceCode(**options)
    if profile.grant == "refresh_token":
        from oauth_auth.grants.refresh_token import RefreshToken

        return RefreshToken(refresh_token=_secret(profile, "refresh_token"), **options)
    if profile.grant in ("jwt_bearer", "token_exchange", "password"):
        return _machine(profile, options)
    from oauth_auth.grants.client_credentials import ClientCredentials

    return ClientCredentials(**options)


def _machine(profile: Profile, options: dict[str, Any]) -> Grant:
    if profile.grant == "jwt_bearer":
        from oauth_auth.grants.jwt_bearer import JWTBearer

        return JWTBearer(
            key=None if profile.assertion else _secret(profile, "private_key"),
            assertion=_secret(profile, "assertion"),
            issuer=profile.assertion_issuer,
            subject=profile.subject,
            assertion_audience=profile.assertion_audience or "token_endpoint",
            algorithm=profile.signing_algorithm,
            key_id=profile.key_id,
            claims=profile.claims,
            **options,
        )
    if profile.grant == "password":
        from oauth_auth.grants.password import Password

        return Password(
            username=profile.username or "",
            password=_secret(profile, "password"),
            **options,
        )
    from oauth_auth.grants.token_exchange import TokenExchange

    return TokenExchange(
        subject_token=_secret(profile, "subject_token"),
        subject_token_type=profile.subject_token_type or "access_token",
        actor_token=_secret(profile, "actor_token"),
        actor_token_type=profile.actor_token_type,
        requested_token_type=profile.requested_token_type,
        **options,
    )


def _client_options(profile: Profile) -> dict[str, Any]:
    return {
        "server": _server(profile),
        "client_id": profile.client_id or "",
        "client_secret": _secret(profile, "client_secret"),
        "client_auth": _client_auth(profile),
        "scope": _scope(profile),
        "audience": _of_preset(profile, "audience"),
        "resource": profile.resource,
        "extra": _merged(profile, "extra"),
        "refresh_scope": profile.refresh_scope,
    }


def _server(profile: Profile) -> AuthorizationServer:
    endpoints = {name: getattr(profile, name) for name in _ENDPOINTS}
    issuer, preset = profile.issuer, profile._preset()
    if issuer is None and preset is not None:
        issuer = preset.issuer
        endpoints = {
            name: url or getattr(preset, name) for name, url in endpoints.items()
        }
    return AuthorizationServer(issuer, allow_http=profile.allow_http, **endpoints)


def _client_auth(profile: Profile) -> str | ClientAuth | None:
    """Return how the client authenticates: what is named, else what it has."""
    name = profile.client_auth
    if name is None and profile.client_secret is None:
        if profile.certificate:
            name = _BY_CERTIFICATE[0]
        elif profile.private_key and profile.grant != "jwt_bearer":
            name = _SIGNED
    if name == _SIGNED:
        return _signed(profile)
    if name in _BY_CERTIFICATE:
        return _by_certificate(profile, name)
    preset = profile._preset()
    if name or preset is None or profile.client_secret is None:
        return name
    return preset.client_auth


def _signed(profile: Profile) -> ClientAuth:
    from oauth_auth.client_auth import PrivateKeyJWT

    if profile.private_key is None:
        raise errors.ConfigurationError(
            f'private_key is missing, which client_auth = "{_SIGNED}" needs',
            key="client_auth",
        )
    return PrivateKeyJWT(
        _secret(profile, "private_key"),
        algorithm=profile.signing_algorithm,
        key_id=profile.key_id,
        audience=profile.assertion_audience or "token_endpoint",
    )


def _by_certificate(profile: Profile, name: str) -> ClientAuth:
    from oauth_auth.client_auth import SelfSignedTLSClientAuth, TLSClientAuth

    if profile.certificate is None:
        raise errors.ConfigurationError(
            f'certificate is missing, which client_auth = "{name}" needs',
            key="client_auth",
        )
    kind = TLSClientAuth if name == _BY_CERTIFICATE[0] else SelfSignedTLSClientAuth
    key = profile.certificate_key
    return kind(
        own_path(profile.certificate, "certificate"),
        None if key is None else own_path(key, "certificate_key"),
    )


def _scope(profile: Profile) -> str | None:
    preset = profile._preset()
    scope = profile.scope
    if preset is None:
        return scope
    scope = scope or preset.scope
    offline = preset.offline_scope
    person = profile.grant in ("authorization_code", "device_code")
    if offline and person and offline not in (scope or "").split():
        return f"{scope} {offline}" if scope else offline
    return scope


def _of_preset(profile: Profile, name: str) -> Any:
    preset = profile._preset()
    return getattr(profile, name) or (preset and getattr(preset, name)) or None


def _merged(profile: Profile, name: str) -> dict[str, str]:
    preset = profile._preset()
    of_preset = getattr(preset, name) if preset is not None else {}
    return {**of_preset, **getattr(profile, name)}


def _secret(profile: Profile, key: str) -> Any:
    reference: SecretReference | None = getattr(profile, key)
    return reference and reference.source(profile.name, key, profile._store())
