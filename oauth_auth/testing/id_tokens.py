"""ID tokens and the keys that sign them (OpenID Connect Core section 2); no I/O."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from typing import TYPE_CHECKING, Any, Final

from oauth_auth.testing.clients import CLIENTS
from oauth_auth.testing.settings import changed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from joserfc.jwk import RSAKey

    from oauth_auth.testing.authority import Family
    from oauth_auth.testing.settings import Settings

__all__ = ["IdTokens"]

#: Seconds until an ID token expires.
_LIFETIME: Final = 600
_KEY_BITS: Final = 2048


class IdTokens:
    """Signs ID tokens by RS256, and publishes the key.

    Args:
        settings: Returns the settings that hold.
        issuer: Returns who issues them.
    """

    def __init__(
        self, settings: Callable[[], Settings], issuer: Callable[[], str]
    ) -> None:
        self._settings: Final = settings
        self._issuer: Final = issuer
        self._made: RSAKey | None = None

    @property
    def _key(self) -> RSAKey:
        # Made at first use: that takes longer than everything else at the start.
        if self._made is None:
            from joserfc.jwk import RSAKey

            self._made = RSAKey.generate_key(
                _KEY_BITS,
                {"kid": secrets.token_hex(8), "use": "sig", "alg": "RS256"},
            )
        return self._made

    def rotate(self) -> None:
        """Sign with a new key from now on, and publish the old one no more."""
        self._made = None

    def jwks(self) -> dict[str, Any]:
        """Return the public keys (RFC 7517 section 5)."""
        return {"keys": [self._key.as_dict(private=False)]}

    def beside(self, family: Family, nonce: str | None = None) -> dict[str, Any]:
        """Return what a token response has in addition, if openid is in the scope.

        Args:
            family: The login.
            nonce: What the authorization request said.
        """
        if "openid" not in family.scope.split():
            return {}
        now = int(time.time())
        claims = {
            "iss": self._issuer(),
            "sub": family.account,
            "aud": family.client_id,
            "iat": now,
            "exp": now + _LIFETIME,
            **({} if nonce is None else {"nonce": nonce}),
        }
        settings = self._settings()
        header = {"typ": "JWT", "alg": "RS256", "kid": self._key.kid}
        return {
            "id_token": self._signed(
                changed(header, settings.id_token_header),
                changed(claims, settings.id_token_claims),
                CLIENTS[family.client_id].client_secret or "",
            )
        }

    def _signed(
        self, header: Mapping[str, Any], claims: Mapping[str, Any], secret: str
    ) -> str:
        """RFC 7515 section 7.1, by whatever algorithm the header names."""
        signed = f"{_encoded(header)}.{_encoded(claims)}"
        if header.get("alg") == "none":
            return f"{signed}."
        if header.get("alg") == "HS256":
            digest = hmac.digest(secret.encode(), signed.encode(), hashlib.sha256)
        else:
            from cryptography.hazmat.primitives.asymmetric import padding
            from cryptography.hazmat.primitives.hashes import SHA256

            key = self._key.private_key
            assert key is not None  # noqa: S101  # for mypy: we have generated it
            digest = key.sign(signed.encode(), padding.PKCS1v15(), SHA256())
        return f"{signed}.{_base64url(digest)}"


def _encoded(part: Mapping[str, Any]) -> str:
    return _base64url(json.dumps(dict(part)).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
