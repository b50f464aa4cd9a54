"""A signed statement in place of a login (RFC 7523 section 2.1): service accounts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Self, Unpack

from oauth_auth.grants.assertion import AssertionGrant
from oauth_auth.grants.service_account import ServiceAccount
from oauth_auth.lazy_errors import errors
from oauth_auth.presented import PresentedToken
from oauth_auth.secret import Secret, as_source, takes_time
from oauth_auth.signing import LIFETIME, SigningKey, audience_of, once

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    from oauth_auth.grants.base import SharedOptions
    from oauth_auth.presented import GivenToken
    from oauth_auth.server import AuthorizationServer
    from oauth_auth.signing import GivenKey

__all__ = ["JWTBearer"]


class JWTBearer(AssertionGrant):
    """A token for whom a signed JWT names, such as a service account.

    The JWT is made and signed here, anew for each request; or somebody else has made
    it, and it is read anew for each request.

    Args:
        server: See `Grant`, as for all other arguments.
        key: The private key to sign with: PEM or JWK as text, bytes or mapping;
            `FromEnv`, `FromFile` or a path; or a function that returns it. It is read
            for each signature, so a key that is replaced counts at once.
        assertion: Instead, the JWT: `FromFile` or a path, `FromEnv`, a function that
            returns it, an `OAuthAuth` whose access token it is, or text.
        issuer: The JWT's ``iss``; by default the client_id.
        subject: Its ``sub``, for whom the token is; by default the issuer.
        assertion_audience: Its ``aud``: ``"token_endpoint"`` or ``"issuer"``, which
            stand for the server's, or any other text.
        algorithm: What to sign with, such as ``"PS256"``; by default what the JWK
            says, else what is usual for the key.
        key_id: The ``kid`` of its header; by default that of the JWK, if it has one.
        lifetime: Seconds until the JWT expires.
        claims: Further claims. One that is None is left out, whatever else says it.
        client_id: See `Grant`. Most servers want none here.
        options: See `Grant`.

    Raises:
        ConfigurationError: Not exactly one of `key` and `assertion` is given, or
            nothing says whose JWT it is.

    Example:
        >>> from oauth_auth import FromFile
        >>> JWTBearer(
        ...     "https://auth.example.com",
        ...     key=FromFile("/run/keys/reports.pem"),
        ...     issuer="reports",
        ...     subject="alice@example.com",
        ... )
        JWTBearer('https://auth.example.com', issuer='reports', \
subject='alice@example.com')
    """

    grant_type = "urn:ietf:params:oauth:grant-type:jwt-bearer"

    def __init__(
        self,
        server: str | AuthorizationServer | None = None,
        *,
        key: GivenKey | None = None,
        assertion: GivenToken | None = None,
        issuer: str | None = None,
        subject: str | None = None,
        assertion_audience: str = "token_endpoint",
        algorithm: str | None = None,
        key_id: str | None = None,
        lifetime: float = LIFETIME,
        claims: Mapping[str, Any] | None = None,
        client_id: str = "",
        **options: Unpack[SharedOptions],
    ) -> None:
        # First of all: errors raised from here pass this frame.
        options["client_secret"] = as_source(options.get("client_secret"))
        key = None if key is None else SigningKey(key)
        assertion = (
            None if assertion is None else PresentedToken(assertion, "assertion")
        )
        whose = issuer or client_id
        said = {"iss": whose, "sub": subject or whose, "aud": assertion_audience}
        said |= claims or {}
        self._key: Final = key
        self._given: Final = assertion
        self._claims: Final = {k: v for k, v in said.items() if v is not None}
        self._algorithm: Final = algorithm
        self._key_id: Final = key_id
        self._lifetime: Final = lifetime
        super().__init__(server, client_id=client_id, **options)

    @classmethod
    def from_service_account_file(
        cls,
        path: str | os.PathLike[str],
        *,
        scope: str | Iterable[str] | None = None,
        subject: str | None = None,
        **arguments: Any,
    ) -> Self:
        """Return the grant of a Google service account.

        Args:
            path: The JSON file of its key. The key in it is read for each signature,
                so that a file which is replaced counts at once.
            scope: The scope to ask for, which Google wants within the JWT.
            subject: The user to act for, where the account may do that (domain-wide
                delegation).
            arguments: Those of this class, which win over what the file says.

        Raises:
            ConfigurationError: The file cannot be read, or is not such a file.
        """
        account = ServiceAccount.of_file(path)
        return cls(**{**account.arguments(scope, subject), **arguments})

    @classmethod
    def from_service_account_info(
        cls,
        info: Mapping[str, Any],
        *,
        scope: str | Iterable[str] | None = None,
        subject: str | None = None,
        **arguments: Any,
    ) -> Self:
        """Return the grant of a Google service account, from its parsed JSON.

        Args:
            info: What is in the file of its key.
            scope: See `from_service_account_file`, as for the others.
            subject: See there.
            arguments: See there.

        Raises:
            ConfigurationError: It is not that of a service account.
        """
        # First of all: errors raised from here pass this frame.
        info = ServiceAccount.of_info(info)  # type: ignore[assignment]
        account: Any = info
        return cls(**{**account.arguments(scope, subject), **arguments})

    def check(self) -> None:
        """Refuse what nobody could sign.

        Raises:
            ConfigurationError: Not exactly one of key and assertion is given, or
                nothing says whose JWT it is.
        """
        if (self._key is None) == (self._given is None):
            raise errors.ConfigurationError(
                f"JWTBearer for {self.server.name} needs either key=, to sign a JWT "
                "with, or assertion=, a JWT that somebody else has signed"
            )
        if self._key is not None and not self._claims.get("iss"):
            raise errors.ConfigurationError(
                f"JWTBearer for {self.server.name} does not say whose JWT it is; pass "
                "issuer=, or client_id="
            )
        try:
            json.dumps(self._claims)
        except (TypeError, ValueError, RecursionError) as error:
            raise errors.ConfigurationError(
                f"the claims of JWTBearer for {self.server.name} are no JSON: {error}"
            ) from None

    def assertion(self, server: AuthorizationServer) -> Secret:
        """Return a JWT that is good for one request.

        Raises:
            ConfigurationError: The key or the JWT is missing, cannot be read, or has
                expired.
        """
        if self._given is not None:
            return Secret(self._given.reveal())
        assert self._key is not None  # noqa: S101  # check() has seen to it
        audience = self._claims["aud"]
        if isinstance(audience, str):
            audience = audience_of(server, audience)
        return self._key.sign(
            {**once(self._lifetime), **self._claims, "aud": audience},
            algorithm=self._algorithm,
            key_id=self._key_id,
        )

    def inputs(self, account: str | None) -> dict[str, Any]:
        """Return everything that can change which token is issued."""
        whose: dict[str, Any] = (
            {"claims": self._claims, "key": self._key}
            if self._given is None
            else {"assertion": self._given.identity(account)}
        )
        return {**super().inputs(account), **whose}

    @property
    def takes_time(self) -> bool:
        """Whether `inputs` may ask more than memory and a file, so not on a loop."""
        return super().takes_time or takes_time(self._key) or takes_time(self._given)

    def about(self, account: str | None) -> dict[str, str]:
        """Return what a person wants to see of a record."""
        return {**self._whose(), **super().about(account)}

    def _whose(self) -> dict[str, str]:
        if self._given is not None:
            return {"assertion": repr(self._given)}
        named = {"issuer": "iss", "subject": "sub"}
        return {
            name: str(self._claims[claim])
            for name, claim in named.items()
            if self._claims.get(claim)
        }

    def __repr__(self) -> str:
        parts = [f"{name}={value!r}" for name, value in self._whose().items()]
        return f"{type(self).__name__}({', '.join([repr(self.server.name), *parts])})"
