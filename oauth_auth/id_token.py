"""ID tokens: who logged in, checked (OpenID Connect Core section 3.1.3.7)."""

from __future__ import annotations

import hmac
import json
import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from oauth_auth.answer import Members
from oauth_auth.lazy_errors import errors
from oauth_auth.quoting import quoted, spellings
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
#: Room for a certificate chain in the header.
_LONGEST_HEADER: Final = 16384


class UnknownKey(Exception):  # noqa: N818  # never reaches a user
    """The token is signed with a key that is not among those known yet."""


class Expected(NamedTuple):
    """What an ID token has to say."""

    issuer: str | None
    client_id: str
    #: None where the request had none.
    nonce: Secret | None
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
) -> Members:
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
) -> Members:
    from joserfc import jws
    from joserfc.errors import JoseError

    registry = _registry(algorithms)
    try:
        parsed = jws.extract_compact(id_token.reveal().encode(), registry=registry)
        claims = _object(parsed.payload)
        if jwks is None or _is_signed(parsed, jwks, registry):
            return claims
    except _NoSuchKey:
        unknown, reason = True, ""
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
        # Outside the clause: the error's frames hold the token.
        unknown, reason = False, quoted(Secret(str(error)), spellings([id_token]))
    else:
        unknown, reason = False, "its signature is wrong"
    if unknown:
        raise UnknownKey
    raise errors.LoginFailed(
        f"the ID token cannot be verified: {reason}; the login is refused"
    )


def _registry(algorithms: Sequence[str]) -> Any:
    from joserfc.errors import UnsupportedAlgorithmError
    from joserfc.jws import JWSRegistry

    class OnlyThese(JWSRegistry):
        max_header_length = _LONGEST_HEADER

        def get_alg(self, name: str) -> Any:
            # Not the library's: for an empty list it makes its own choice, and HS256
            # is in that; and it gives advice that is for those who sign.
            if name not in algorithms or name not in self.algorithms:
                raise UnsupportedAlgorithmError(f"{name!r} is not offered, or too weak")
            return self.algorithms[name]

    # RFC 7515 section 4: header parameters that are not understood are ignored.
    return OnlyThese(strict_check_header=False)


class _NoSuchKey(Exception):  # noqa: N818  # ends in this file
    """None of the server's keys can be the one."""


def _is_signed(parsed: Any, jwks: Mapping[str, Any], registry: Any) -> bool:
    from joserfc import jws
    from joserfc.errors import JoseError

    header = parsed.headers()
    registry.get_alg(header["alg"])  # before any key is looked for
    kid = header.get("kid")
    fitting = [
        key
        for key in _imported(jwks)
        if (kid is None or key.get("kid") == kid)
        and key.get("use") in (None, "sig")
        and key.get("alg") in (None, header["alg"])
    ]
    for key in fitting:
        try:
            if jws.validate_compact(parsed, key, registry=registry):
                return True
        except JoseError:
            if len(fitting) == 1:
                raise
            # Of another kind than the algorithm needs.
    if not fitting or kid is None:
        raise _NoSuchKey
    return False


def _imported(jwks: Mapping[str, Any]) -> list[Any]:
    """Return the keys that are understood (RFC 7517 section 5: ignore the others)."""
    from joserfc import jwk
    from joserfc.errors import JoseError

    keys = []
    for data in jwks["keys"]:
        if not isinstance(data, dict):
            continue
        try:
            keys.append(jwk.import_key(data))
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            continue
    return keys


def _object(payload: Any) -> Members:
    # What is in it is personal, and the nonce a secret, so no frame shows it.
    claims = json.loads(payload)
    if isinstance(claims, dict):
        return Members(claims)
    claims = None
    raise TypeError("its payload is no object")


def _problem(claims: Members, expected: Expected, now: float) -> str | None:
    """Return the first thing that is wrong."""
    issuer, subject, audience = claims.get("iss"), claims.get("sub"), claims.get("aud")
    party, nonce = claims.get("azp"), claims.get("nonce")
    expires_at = _number(claims.get("exp"))
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
        (not isinstance(subject, str) or not subject, "does not say who logged in"),
        (expires_at is None, "does not say when it expires"),
        (
            expires_at is not None and expires_at < now - _SKEW,
            "has expired; check this machine's clock",
        ),
        (
            expected.nonce is not None and not _is(expected.nonce, nonce),
            "belongs to another login (nonce)",
        ),
    )
    return next((what for wrong, what in findings if wrong), None)


def _number(value: object) -> float | None:
    """Return seconds; JSON as Python reads it knows NaN, which is never in the past."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _is(secret: Secret, text: object) -> bool:
    return isinstance(text, str) and hmac.compare_digest(
        text.encode("utf-8", "surrogatepass"),
        secret.reveal().encode("utf-8", "surrogatepass"),
    )
