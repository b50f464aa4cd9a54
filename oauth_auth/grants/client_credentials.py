"""The client credentials grant (RFC 6749 section 4.4): a machine as itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from oauth_auth.grants.base import Grant
from oauth_auth.lazy_errors import errors

if TYPE_CHECKING:
    from oauth_auth.secret import SecretSource
    from oauth_auth.server import AuthorizationServer
    from oauth_auth.token import Token

__all__ = ["ClientCredentials"]


@final
class ClientCredentials(Grant):
    """A token for the client itself; no person is asked.

    The arguments are those of `Grant`.

    Raises:
        ConfigurationError: There is no client credential.

    Example:
        >>> ClientCredentials(
        ...     "https://auth.example.com", client_id="reports", client_secret="s3cret"
        ... )
        ClientCredentials('https://auth.example.com', client_id='reports')
    """

    grant_type = "client_credentials"
    needs_person = False

    def check(self) -> None:
        """Refuse a public client (RFC 6749 section 4.4).

        Raises:
            ConfigurationError: There is no client credential.
        """
        if self.client_secret is None and self.client_auth is None:
            raise errors.ConfigurationError(
                f"ClientCredentials for {self.client_id} at {self.server.name} has no "
                "client_secret; if it is read from the environment, the variable is "
                "not set"
            )

    def token_request(self, server: AuthorizationServer) -> dict[str, Any]:  # noqa: ARG002  # the base class needs it
        """Return the parameters of RFC 6749 section 4.4.2."""
        standard = {
            "grant_type": "client_credentials",
            "scope": self.scope,
            "audience": self.audience,
            "resource": self.resource,
        }
        return self.with_extra(standard)

    def refresh_token_of(self, token: Token | None) -> SecretSource | None:  # noqa: ARG002  # the base class needs it
        """Return None: section 4.4.3 wants none issued, and asking again is as good."""
        return None
