"""ID tokens: who logged in, checked (OpenID Connect Core section 3.1.3.7)."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from oauth_auth.lazy_errors import errors
from oauth_auth.quoting import quoted
from oauth_auth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Expected", "UnknownKey", "check_id_token", "signing_algorithms"]

#: Clocks differ by so much, in seconds.
_SKEW: Final = 60.0
#: Signatures by a server's own key. "none" proves nothing, and the HS family is made
#: with the client's secret, which other holders of that secret could do as well.
_ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)


class UnknownKey(Exception):  # noqa: N818  # never reaches a user
    """The token is signed with a key that is not among those known yet."""


class Expected(NamedTuple):
    """What an ID token has to say."""

    issuer: str | None
    client_id: str
    nonce: Secret
    algorithms: Sequence[str]


def signing_algorithms(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the algorithms that a server's ID tokens may be signed with."""
    offered = metadata.get("id_token_signing_alg_values_supported")
    if not isinstance(offered, list):
        # OpenID Connect Discovery section 3: RS256 is always among them.
        return ("RS256",)
    return tuple(name for name in _ALGORITHMS if name in offered)


def check_id_token(
    id_token: Secret, jwks: Mapping[str, Any] | None, expected: Expected, now: float
) -> Mapping[str, Any]:
    """Check an ID token, and return its claims.

    Args:
        id_token: The token as it came.
        jwks: The server's keys (RFC 7517 section 5); None where it publishes none.
            Then TLS at the token endpoint vouches for the token, as section 3.1.3.7
            of OpenID Connect Core allows.
        expected: What it has to say.
        now: Seconds since the epoch.

    Raises:
        UnknownKey: Its key is not among the server's, which may have new ones.
        LoginFailed: It is not what was expected.
    """
    claims = _claims(id_token, jwks, expected.algorithms)
    problem = _problem(claims, expected, now)
    if problem:
        raise errors.LoginFailed(
            f"the ID token of {expected.issuer or 'the server'} {problem}; the login "
            "is refused (OpenID Connect Core section 3.1.3.7)"
        )
    return claims


def _claims(
    id_token: Secret, jwks: Mapping[str, Any] | None, algorithms: Sequence[str]
) -> Mapping[str, Any]:
    from joserfc import jws, jwt
    from joserfc.errors import InvalidKeyIdError, JoseError
    from joserfc.jwk import KeySet

    try:
        if jwks is None:
            return _object(jws.extract_compact(id_token.reveal().encode()).payload)
        keys: Any = KeySet.import_key_set(dict(jwks))  # type: ignore[arg-type]
        return jwt.decode(id_token.reveal(), keys, algorithms=algorithms).claims
    except InvalidKeyIdError:
        unknown = True
    except (JoseError, ValueError, TypeError, KeyError) as error:
        # Outside the clause: the error's frames hold the token.
        unknown, reason = False, quoted(Secret(str(error)), (id_token,))
    if unknown:
        raise UnknownKey
    raise errors.LoginFailed(
        f"the ID token cannot be verified: {reason}; the login is refused"
    )


def _object(payload: bytes) -> Mapping[str, Any]:
    import json

    claims = json.loads(payload)
    if not isinstance(claims, dict):
        raise TypeError("its payload is no object")
    return claims


def _problem(claims: Mapping[str, Any], expected: Expected, now: float) -> str | None:
    """Return the first thing that is wrong."""
    issuer, audience = claims.get("iss"), claims.get("aud")
    party, ends, nonce = claims.get("azp"), claims.get("exp"), claims.get("nonce")
    number = isinstance(ends, int | float) and not isinstance(ends, bool)
    expires_at: float | None = ends if number else None
    findings = (
        (
            expected.issuer not in (None, issuer),
            f"names another issuer, {quoted(Secret(str(issuer)), ())}",
        ),
        (
            expected.client_id
            not in (audience if isinstance(audience, list) else [audience]),
            "is meant for another client",
        ),
        (party not in (None, expected.client_id), "was issued to another client"),
        (expires_at is None, "does not say when it expires"),
        (
            expires_at is not None and expires_at < now - _SKEW,
            "has expired; check this machine's clock",
        ),
        (
            not isinstance(nonce, str)
            or not hmac.compare_digest(
                nonce.encode("utf-8", "surrogatepass"), expected.nonce.reveal().encode()
            ),
            "belongs to another login (nonce)",
        ),
    )
    return next((what for wrong, what in findings if wrong), None)
