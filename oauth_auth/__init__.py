"""OAuth 2 for requests, httpx and httpx2.

Log in once, run any number of workers, never get logged out. Errors are in
`oauth_auth.errors`, a server to test against in `oauth_auth.testing`.

Names are loaded when they are first used (PEP 562): importing the package imports no
HTTP client.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oauth_auth.auth import OAuthAuth
    from oauth_auth.client_auth.assertions import PrivateKeyJWT
    from oauth_auth.client_auth.certificates import TLSClientAuth
    from oauth_auth.grants.authorization_code import AuthorizationCode
    from oauth_auth.grants.client_credentials import ClientCredentials
    from oauth_auth.grants.device_code import DeviceCode
    from oauth_auth.grants.jwt_bearer import JWTBearer
    from oauth_auth.grants.password import Password
    from oauth_auth.grants.refresh_token import RefreshToken
    from oauth_auth.grants.token_exchange import TokenExchange
    from oauth_auth.oauth2_session import OAuth2, OAuth2Session, TokenUpdated
    from oauth_auth.secret import FromEnv, FromFile
    from oauth_auth.server import AuthorizationServer
    from oauth_auth.stores.base import TokenStore
    from oauth_auth.stores.file import FileStore
    from oauth_auth.stores.memory import MemoryStore
    from oauth_auth.stores.postgres import PostgresStore
    from oauth_auth.stores.redis import RedisStore
    from oauth_auth.token import Token
    from oauth_auth.transport import HttpOptions

__all__ = [
    "AuthorizationCode",
    "AuthorizationServer",
    "ClientCredentials",
    "DeviceCode",
    "FileStore",
    "FromEnv",
    "FromFile",
    "HttpOptions",
    "JWTBearer",
    "MemoryStore",
    "OAuth2",
    "OAuth2Session",
    "OAuthAuth",
    "Password",
    "PostgresStore",
    "PrivateKeyJWT",
    "RedisStore",
    "RefreshToken",
    "TLSClientAuth",
    "Token",
    "TokenExchange",
    "TokenStore",
    "TokenUpdated",
]

_MODULES = {
    "AuthorizationCode": "grants.authorization_code",
    "AuthorizationServer": "server",
    "ClientCredentials": "grants.client_credentials",
    "DeviceCode": "grants.device_code",
    "FileStore": "stores.file",
    "FromEnv": "secret",
    "FromFile": "secret",
    "HttpOptions": "transport",
    "JWTBearer": "grants.jwt_bearer",
    "MemoryStore": "stores.memory",
    "OAuth2": "oauth2_session",
    "OAuth2Session": "oauth2_session",
    "OAuthAuth": "auth",
    "Password": "grants.password",
    "PostgresStore": "stores.postgres",
    "PrivateKeyJWT": "client_auth.assertions",
    "RedisStore": "stores.redis",
    "RefreshToken": "grants.refresh_token",
    "TLSClientAuth": "client_auth.certificates",
    "Token": "token",
    "TokenExchange": "grants.token_exchange",
    "TokenStore": "stores.base",
    "TokenUpdated": "oauth2_session",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("oauth-auth")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
