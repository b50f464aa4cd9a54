"""What the testing server says about itself (RFC 8414, OpenID Connect Discovery)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oauth_auth.testing.settings import changed

if TYPE_CHECKING:
    from oauth_auth.testing.authority import Authority

__all__ = ["describe"]


def describe(issuer: str, authority: Authority) -> dict[str, Any]:
    """Return the metadata (RFC 8414 section 2), changed as the settings want.

    Args:
        issuer: The server.
        authority: Knows the grant types and settings.
    """
    methods = ["client_secret_basic", "client_secret_post", "none", "private_key_jwt"]
    document = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "authorization_response_iss_parameter_supported": True,
        "code_challenge_methods_supported": ["S256"],
        "device_authorization_endpoint": f"{issuer}/device_authorization",
        "grant_types_supported": sorted(authority.grants),
        "id_token_signing_alg_values_supported": ["RS256"],
        "introspection_endpoint": f"{issuer}/introspect",
        "introspection_endpoint_auth_methods_supported": methods,
        "jwks_uri": f"{issuer}/jwks",
        "response_modes_supported": ["query"],
        "response_types_supported": ["code"],
        "revocation_endpoint": f"{issuer}/revoke",
        "revocation_endpoint_auth_methods_supported": methods,
        "scopes_supported": sorted({"openid", *authority.settings.scope.split()}),
        "subject_types_supported": ["public"],
        "token_endpoint": f"{issuer}/token",
        "token_endpoint_auth_methods_supported": methods,
    }
    return changed(document, authority.settings.metadata)
