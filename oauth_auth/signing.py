"""Signatures by a client's own key (RFC 7515), made by joserfc, which loads late."""

from __future__ import annotations

import json
import secrets
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, final

from oauth_auth import forking
from oauth_auth.answer import Members
from oauth_auth.lazy_errors import errors
from oauth_auth.presented import as_presented
from oauth_auth.secret import Secret, takes_time

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from oauth_auth.secret import SecretSource
    from oauth_auth.server import AuthorizationServer

__all__ = [
    "LIFETIME",
    "GivenKey",
    "SigningKey",
    "audience_of",
    "once",
    "sign_with_secret",
]

#: What a signing key may be given as: PEM or a JWK as text or bytes, a JWK as a
#: mapping, a path, a reference, or a function that returns one of the first three.
GivenKey: TypeAlias = (
    "str | bytes | Mapping[str, Any] | os.PathLike[str] | SecretSource | "
    "Callable[[], str | bytes | Mapping[str, Any]]"
)

#: Seconds that a statement is good for. Long enough for clocks that differ by minutes.
LIFETIME: Final = 300.0
#: As an audience: what the server calls itself, or what its metadata say.
_NAMED: Final = ("token_endpoint", "issuer")

#: By kind of key: what it signs with, the usual first.
_RSA: Final = ("RS256", "PS256", "RS384", "PS384", "RS512", "PS512")
_BY_CURVE: Final = {
    "P-256": ("ES256",),
    "P-384": ("ES384",),
    "P-521": ("ES512",),
    "secp256k1": ("ES256K",),
    # The name of RFC 8037, and that of RFC 9864 which is to replace it.
    "Ed25519": ("EdDSA", "Ed25519"),
    "Ed448": ("EdDSA", "Ed448"),
}
#: RFC 7518 section 3.2: at least as many bytes as the hash has.
_LEAST_SECRET: Final = 32


class _Loaded(NamedTuple):
    """A key that joserfc has read."""

    key: Any
    key_id: str | None = None
    algorithm: str | None = None


@final
class SigningKey:
    """A private key, read anew for each signature so that a replaced one counts.

    Args:
        key: A PEM or JWK as text, bytes or mapping; `FromEnv`, `FromFile` or a path;
            or a function that returns the text, bytes or mapping. The JSON file of a
            Google service account is taken as well.

    Raises:
        ConfigurationError: It is none of these.
    """

    __slots__ = ("_source",)

    def __init__(self, key: GivenKey) -> None:
        source = as_presented(key)
        if source is None:
            raise errors.ConfigurationError(
                "a signing key must be text, bytes, a mapping, FromEnv, FromFile, a "
                f"path or a function, not {type(key).__name__}"
            )
        self._source: Final = source

    @property
    def takes_time(self) -> bool:
        """Whether to read it may take more than a glance at a file."""
        return takes_time(self._source)

    def reveal(self) -> str:
        """Return the key as text: PEM or JSON.

        Raises:
            ConfigurationError: It cannot be read, or is empty.
        """
        text = Secret(self._source.reveal().strip())
        if not text:
            raise errors.ConfigurationError(
                f"the signing key {self._source!r} is empty"
            )
        if "\\n" in text.reveal() and text.reveal().startswith("-----BEGIN"):
            # Many tools cannot set a variable to more than one line.
            return text.reveal().replace("\\n", "\n")
        return text.reveal()

    def sign(
        self,
        claims: Mapping[str, Any],
        *,
        algorithm: str | None = None,
        key_id: str | None = None,
        offered: Sequence[str] = (),
    ) -> Secret:
        """Return a JWT in the compact form (RFC 7519 section 7.1).

        Args:
            claims: What it says.
            algorithm: What to sign with (RFC 7518 section 3.1); by default what the
                JWK says, else what is usual for such a key.
            key_id: The ``kid`` of its header; by default that of the JWK, if any.
            offered: The algorithms that the receiver takes, where that is known.

        Raises:
            ConfigurationError: There is no such key, or it cannot sign so.
        """
        with forking.importing("joserfc.jwt"):
            import joserfc.jwk
            import joserfc.jwt  # noqa: F401
        loaded = _load(Secret(self.reveal()))
        if isinstance(loaded, str):
            raise self._unfit(loaded)
        usual = _algorithms(loaded.key)
        fitting = [name for name in usual if name in offered] or usual
        chosen = algorithm or loaded.algorithm or next(iter(fitting), None)
        if chosen not in usual:
            raise self._unfit(
                f"cannot sign by {chosen}; it can by {', '.join(usual) or 'nothing'}"
            )
        header = {"alg": chosen}
        key_id = key_id or loaded.key_id
        if key_id:
            header["kid"] = key_id
        signed = _signed(header, claims, loaded.key)
        if signed is None:
            raise self._unfit(
                f"could not sign by {chosen}; check the claims, and what the JWK is for"
            )
        return signed

    def _unfit(self, why: str) -> Exception:
        return errors.ConfigurationError(f"the signing key {self!r} {why}")

    def __repr__(self) -> str:
        return repr(self._source)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SigningKey) and other._source == self._source

    def __hash__(self) -> int:
        return hash(self._source)

    def __reduce__(self) -> tuple[object, ...]:
        return SigningKey, (self._source,)


def once(lifetime: float) -> dict[str, Any]:
    """Return the claims that make a statement good once, and for a while only.

    Args:
        lifetime: Seconds until it expires.
    """
    now = int(time.time())
    return {
        "jti": secrets.token_urlsafe(24),
        "iat": now,
        "exp": now + max(1, int(lifetime)),
    }


def audience_of(server: AuthorizationServer, wanted: str) -> str:
    """Return the audience of a statement for a server (RFC 7523 section 3).

    Args:
        server: The server, with its metadata.
        wanted: ``"token_endpoint"`` or ``"issuer"``, which stand for the server's; or
            the audience itself.

    Raises:
        ConfigurationError: That of the server is not known.
    """
    if wanted not in _NAMED:
        return wanted
    found: str | None = getattr(server, wanted)
    if found is None:
        raise errors.ConfigurationError(
            f"the {wanted} of {server.name}, which should be the audience, is not "
            "known; write the audience itself"
        )
    return found


def sign_with_secret(secret: SecretSource, claims: Mapping[str, Any]) -> Secret:
    """Return a JWT that is signed by a shared secret: HS256 (RFC 7518 section 3.2).

    Raises:
        ConfigurationError: The secret is too short to sign with.
    """
    with forking.importing("joserfc.jwt"):
        import joserfc.jwk
        import joserfc.jwt
    secret = Secret(secret.reveal())
    size = len(secret.reveal().encode("utf-8", "surrogatepass"))
    try:
        key = (
            joserfc.jwk.OctKey.import_key(secret.reveal())
            if size >= _LEAST_SECRET
            else None
        )
    except (ValueError, TypeError):
        key = None
    signed = None if key is None else _signed({"alg": "HS256"}, claims, key)
    if signed is None:
        raise errors.ConfigurationError(
            f"client_secret_jwt needs a client_secret of {_LEAST_SECRET} bytes or more "
            f"to sign with (RFC 7518 section 3.2), and this one has {size}; have the "
            'server make a longer one, or choose client_auth="client_secret_basic"'
        )
    return signed


def _signed(
    header: dict[str, str], claims: Mapping[str, Any], key: Any
) -> Secret | None:
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jws import JWSRegistry

    class _Quiet(JWSRegistry):
        """Signs by what was chosen, and gives the caller's users no advice."""

        def get_alg(self, name: str) -> Any:
            return self.algorithms[name]

    try:
        return Secret(jwt.encode(header, dict(claims), key, registry=_Quiet()))
    except (JoseError, ValueError, TypeError, KeyError):
        # Not raised from here: the error's frames hold the key.
        return None


def _load(text: Secret) -> _Loaded | str:
    """Return the key, or what is wrong with the text."""
    if text.reveal().startswith("{"):
        document = _document(text)
        if document is None:
            return "looks like JSON, and is not"
        pem = document.text("private_key")
        if pem is not None:  # a Google service account
            return _from_pem(pem, _text(document, "private_key_id"))
        return _from_jwk(document)
    if "-----BEGIN" in text.reveal():
        return _from_pem(text, None)
    return "is neither a PEM nor a JWK; for a file pass FromFile(path)"


def _document(text: Secret) -> Members | None:
    try:
        return Members(dict(json.loads(text.reveal())))
    except (ValueError, TypeError, RecursionError):
        return None


def _text(document: Members, name: str) -> str | None:
    found = document.get(name)
    return found if isinstance(found, str) and found else None


def _from_pem(pem: Secret, key_id: str | None) -> _Loaded | str:
    from cryptography.exceptions import UnsupportedAlgorithm
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, OKPKey, RSAKey

    if "PRIVATE" not in pem.reveal():
        return "is not a private key, and only that can sign"
    if "ENCRYPTED" in pem.reveal():
        return (
            "is encrypted with a passphrase; decrypt it (openssl pkey -in ... -out "
            "...), or pass a function that returns it decrypted"
        )
    for kind in (RSAKey, ECKey, OKPKey):
        try:
            return _Loaded(kind.import_key(pem.reveal()), key_id)
        except JoseError:
            continue  # of another kind
        except (ValueError, TypeError, UnsupportedAlgorithm):
            break
    return "cannot be read as a PEM; check that it is complete"


def _from_jwk(document: Members) -> _Loaded | str:
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key

    if document.get("kty") not in ("RSA", "EC", "OKP"):
        return "is no JWK of an RSA, EC or OKP key"
    if document.get("d") is None:
        return "is not a private key, and only that can sign"
    try:
        key = import_key(document._members)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        key = None
    if key is None:
        return "cannot be read as a JWK; check that it is complete"
    return _Loaded(key, _text(document, "kid"), _text(document, "alg"))


def _algorithms(key: Any) -> tuple[str, ...]:
    if key.key_type == "RSA":
        return _RSA
    return _BY_CURVE.get(key.curve_name, ())
