"""Signed statements, as the testing server checks them (RFC 7523 section 3)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from oauth_auth.testing.clients import Client, Presented, unproven

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oauth_auth.testing.settings import Settings

__all__ = ["ASSERTION_TYPE", "Assertions"]

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")


class Assertions:
    """Checks JWTs by the keys in the settings, and takes none of them twice.

    Args:
        settings: Returns the settings that hold.
        issuer: Returns the server's issuer.
    """

    def __init__(
        self, settings: Callable[[], Settings], issuer: Callable[[], str]
    ) -> None:
        self._settings: Final = settings
        self._issuer: Final = issuer
        self._seen: Final[set[str]] = set()

    def client_of(self, presented: Presented, *, optional: bool = False) -> Client:
        """Return who sends a request, proven.

        Args:
            presented: The credentials in it.
            optional: Whether a request without a client will do.

        Raises:
            Refusal: It is nobody known, or not proven.
        """
        if optional and presented.client_id is None and presented.method == "none":
            return Client("", None)
        if presented.assertion is None:
            return presented.verify()
        claims = self.claims(presented.assertion, self._settings().client_jwks)
        named = claims and {claims.get("iss"), claims.get("sub")}
        if not named or len(named) > 1 or not self._is_new(claims):
            raise unproven()
        return presented._replace(client_id=named.pop()).known()

    def claims(self, jwt: str, jwks: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a JWT says to this server; nothing if it is not good.

        Args:
            jwt: The JWT.
            jwks: The public keys of which one must have signed it.
        """
        from joserfc import jwt as library
        from joserfc.errors import JoseError
        from joserfc.jwk import import_key
        from joserfc.jws import JWSRegistry

        class _Quiet(JWSRegistry):
            def get_alg(self, name: str) -> Any:
                return self.algorithms[name] if name in _ALGORITHMS else None

        for key in jwks.get("keys", ()):
            try:
                found = library.decode(jwt, import_key(key), registry=_Quiet())
            except (JoseError, ValueError, TypeError, AttributeError):
                continue
            kid = found.header.get("kid")
            if kid in (None, key.get("kid")) and self._is_for_us(found.claims):
                return dict(found.claims)
        return {}

    def _is_for_us(self, claims: Mapping[str, Any]) -> bool:
        audience = claims.get("aud")
        named = audience if isinstance(audience, list) else [audience]
        ours = {self._issuer(), f"{self._issuer()}/token"}
        expires_at = claims.get("exp")
        return (
            not ours.isdisjoint(named)
            and isinstance(expires_at, int | float)
            and expires_at > time.time()
        )

    def _is_new(self, claims: Mapping[str, Any]) -> bool:
        """Whether a statement has not come before (RFC 7523 section 3, ``jti``)."""
        jti = str(claims.get("jti", ""))
        if not jti or jti in self._seen:
            return False
        self._seen.add(jti)
        return True
