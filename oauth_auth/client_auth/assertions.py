"""The methods that send a signed statement in place of a secret (RFC 7523 section 2.2).

A statement is good for one attempt: each has a ``jti`` of its own, so that a server may
refuse whatever comes twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, final

from oauth_auth.client_auth.base import Method
from oauth_auth.presented import PresentedToken
from oauth_auth.secret import Secret
from oauth_auth.signing import (
    LIFETIME,
    SigningKey,
    audience_of,
    once,
    sign_with_secret,
)

if TYPE_CHECKING:
    from oauth_auth.client_auth.base import Draft
    from oauth_auth.presented import GivenToken
    from oauth_auth.secret import SecretSource
    from oauth_auth.signing import GivenKey

__all__ = ["ClientAssertion", "ClientSecretJWT", "PrivateKeyJWT"]

_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def _attach(draft: Draft, assertion: SecretSource) -> None:
    """Set the parameters of RFC 7521 section 4.2."""
    draft.params["client_assertion_type"] = _TYPE
    draft.params["client_assertion"] = assertion
    # Optional there, and wanted by some servers.
    draft.params["client_id"] = draft.client_id
    draft.one_time = True


class _Signed(Method):
    """What the two methods have in common that sign by themselves."""

    __slots__ = ()

    audience: str
    lifetime: float

    def _claims(self, draft: Draft) -> dict[str, Any]:
        return {
            "iss": draft.client_id,
            "sub": draft.client_id,
            # For all endpoints the same, as servers know themselves by it.
            "aud": audience_of(draft.server, self.audience),
            **once(self.lifetime),
        }


@final
class ClientSecretJWT(_Signed):
    """``client_secret_jwt``: the client's secret signs, by HS256, and is not sent.

    Args:
        audience: Whom the statement is for: ``"token_endpoint"`` or ``"issuer"``, which
            stand for the server's, or any other text.
        lifetime: Seconds until the statement expires.

    Example:
        >>> ClientSecretJWT(audience="issuer")
        ClientSecretJWT(audience='issuer')
    """

    __slots__ = ("audience", "lifetime")

    method: ClassVar[str] = "client_secret_jwt"

    def __init__(
        self, *, audience: str = "token_endpoint", lifetime: float = LIFETIME
    ) -> None:
        self.audience = audience
        self.lifetime = lifetime

    def apply(self, draft: Draft) -> None:
        """Sign a new statement."""
        secret = draft.needed_secret(self.method)
        _attach(draft, sign_with_secret(secret, self._claims(draft)))

    def __repr__(self) -> str:
        return f"ClientSecretJWT({_shown(self)})"


@final
class PrivateKeyJWT(_Signed):
    """``private_key_jwt``: a key signs that only this client has.

    Args:
        key: The private key: PEM or JWK as text, bytes or mapping; `FromEnv`,
            `FromFile` or a path; or a function that returns it. It is read for each
            request, so a key that is replaced counts at once.
        algorithm: ``"RS256"``, ``"PS256"``, ``"ES256"``, ``"EdDSA"`` or another of the
            registry; by default what the JWK says, else what fits the key and the
            server's ``token_endpoint_auth_signing_alg_values_supported``.
        key_id: The ``kid`` by which the server finds the public key; by default that of
            the JWK, if it has one.
        audience: Whom the statement is for: ``"token_endpoint"`` or ``"issuer"``, which
            stand for the server's, or any other text.
        lifetime: Seconds until the statement expires.

    Raises:
        ConfigurationError: The key is given as something else.

    Example:
        >>> from oauth_auth import FromFile
        >>> PrivateKeyJWT(FromFile("/run/keys/reports.pem"), key_id="2026-11")
        PrivateKeyJWT(FromFile('/run/keys/reports.pem'), key_id='2026-11')
    """

    __slots__ = ("algorithm", "audience", "credential", "key_id", "lifetime")

    method: ClassVar[str] = "private_key_jwt"

    def __init__(
        self,
        key: GivenKey,
        *,
        algorithm: str | None = None,
        key_id: str | None = None,
        audience: str = "token_endpoint",
        lifetime: float = LIFETIME,
    ) -> None:
        # First of all: errors raised from here pass this frame.
        key = SigningKey(key)
        #: The key, by which this client is told from others.
        self.credential: Final = key
        self.algorithm: Final = algorithm
        self.key_id: Final = key_id
        self.audience = audience
        self.lifetime = lifetime

    def apply(self, draft: Draft) -> None:
        """Sign a new statement.

        Raises:
            ConfigurationError: The key cannot be read, or cannot sign so.
        """
        offered = draft.server.metadata.get(
            "token_endpoint_auth_signing_alg_values_supported"
        )
        signed = self.credential.sign(
            self._claims(draft),
            algorithm=self.algorithm,
            key_id=self.key_id,
            offered=offered if isinstance(offered, list) else (),
        )
        _attach(draft, signed)

    def __repr__(self) -> str:
        rest = _shown(self)
        return f"PrivateKeyJWT({self.credential!r}{', ' if rest else ''}{rest})"


@final
class ClientAssertion(Method):
    """``private_key_jwt`` with a statement that somebody else signs.

    A platform (Kubernetes, a CI system) gives its workloads JWTs that say who they are,
    and the authorization server trusts it: workload identity.

    Args:
        assertion: The JWT: `FromFile` or a path, `FromEnv`, or a function that returns
            it; read for each request.

    Example:
        >>> from oauth_auth import FromFile
        >>> ClientAssertion(FromFile("/var/run/secrets/tokens/oauth"))
        ClientAssertion(FromFile('/var/run/secrets/tokens/oauth'))
    """

    __slots__ = ("_assertion",)

    method: ClassVar[str] = "private_key_jwt"

    def __init__(self, assertion: GivenToken) -> None:
        # First of all: errors raised from here pass this frame.
        assertion = PresentedToken(assertion, "client assertion")
        self._assertion: Final = assertion

    def apply(self, draft: Draft) -> None:
        """Send what is there now.

        Raises:
            ConfigurationError: It is missing, cannot be read, or has expired.
        """
        _attach(draft, Secret(self._assertion.reveal()))

    def identity(self, account: str | None) -> Any:
        """Return what tells this client from others, for record ids."""
        return self._assertion.identity(account)

    def __repr__(self) -> str:
        return f"ClientAssertion({self._assertion!r})"


def _shown(method: Any) -> str:
    """Return the arguments that are not the usual ones."""
    usual = {"audience": "token_endpoint", "lifetime": LIFETIME}
    names = ("algorithm", "key_id", "audience", "lifetime")
    shown = (
        f"{name}={getattr(method, name)!r}"
        for name in names
        if getattr(method, name, None) not in (None, usual.get(name))
    )
    return ", ".join(shown)
