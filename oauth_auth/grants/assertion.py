"""What the grants share that present an assertion (RFC 7521 section 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oauth_auth.grants.base import Grant

if TYPE_CHECKING:
    from oauth_auth.secret import Secret, SecretSource
    from oauth_auth.server import AuthorizationServer
    from oauth_auth.token import Token

__all__ = ["AssertionGrant"]


class AssertionGrant(Grant):
    """A token for an assertion, and the next one for another assertion."""

    needs_person = False
    needs_client = False

    def assertion(self, server: AuthorizationServer) -> Secret:
        """Return an assertion that is good for one request.

        Raises:
            ConfigurationError: It cannot be had.
        """
        raise NotImplementedError

    def token_request(self, server: AuthorizationServer) -> dict[str, Any]:
        """Return the parameters of RFC 7521 section 4.1.

        Raises:
            ConfigurationError: The assertion cannot be had.
        """
        standard: dict[str, Any] = {
            "grant_type": self.grant_type,
            "assertion": self.assertion(server),
            "scope": self.scope,
            "audience": self.audience,
            "resource": self.resource,
        }
        return self.with_extra(standard)

    def refresh_token_of(self, token: Token | None) -> SecretSource | None:  # noqa: ARG002  # the base class needs it
        """Return None: RFC 7521 wants none issued, and asking again is as good."""
        return None
