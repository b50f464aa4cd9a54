"""Start from a refresh token that is there already: a seed (RFC 6749 section 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Unpack

from oauth_auth.grants.base import Grant
from oauth_auth.lazy_errors import errors
from oauth_auth.secret import Secret, SecretSource, as_source
from oauth_auth.token import Token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_auth.grants.base import ClientOptions
    from oauth_auth.server import AuthorizationServer

__all__ = ["RefreshToken"]


class RefreshToken(Grant):
    """Go on with a login that another program made.

    The token given here is a *seed*. When it is first seen, the store makes a record
    of it, and from then on recognises it, and the refresh tokens that followed it, as
    this login: a script that starts again with its old token goes on with the newest
    one, and a spent token is never sent again.

    Args:
        server: See `Grant`, as for all other arguments.
        refresh_token: The refresh token: the text, or `FromEnv` or `FromFile`.
        token: Instead, a whole token response, or the dictionary that
            requests-oauthlib or Authlib kept; its access token is used until it
            expires.
        options: See `Grant`.

    Raises:
        ConfigurationError: There is no refresh token, or both arguments are given.

    Example:
        >>> RefreshToken("https://a.example", client_id="cli", refresh_token="8xLOxBtZ")
        RefreshToken('https://a.example', client_id='cli')
    """

    grant_type = "refresh_token"
    needs_person = True

    def __init__(
        self,
        server: str | AuthorizationServer | None = None,
        *,
        refresh_token: str | SecretSource | None = None,
        token: Token | Mapping[str, Any] | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        # First of all: errors raised from here pass this frame.
        options["client_secret"] = as_source(options.get("client_secret"))
        refresh_token = as_source(refresh_token)
        if token is not None and not isinstance(token, Token):
            token = Token.from_dict(token)
        super().__init__(server, **options)
        if (refresh_token is None) == (token is None):
            raise errors.ConfigurationError(
                f"RefreshToken for {self.client_id} at {self.server.name} needs either "
                "refresh_token= or token="
            )
        if token is not None and not token.refresh_token:
            raise errors.ConfigurationError(
                f"the token for {self.client_id} at {self.server.name} has no "
                "refresh_token in it, so it could never be renewed; ask the server for "
                "one (often the scope offline_access)"
            )
        self._token: Final = token
        self._refresh_token: Final = refresh_token

    @property
    def seed(self) -> Token:
        """The token to start from, read anew where it is a reference.

        Raises:
            ConfigurationError: The reference leads nowhere, or to an empty text.
        """
        return self.seed_with(self.seed_secret)

    @property
    def seed_secret(self) -> Secret:
        """The refresh token to start from, read anew where it is a reference.

        Raises:
            ConfigurationError: The reference leads nowhere, or to an empty text.
        """
        if self._token is not None:
            assert self._token._refresh_token is not None  # noqa: S101  # as below
            return self._token._refresh_token
        assert self._refresh_token is not None  # noqa: S101  # the constructor checks
        text = Secret(self._refresh_token.reveal().strip())
        if not text:
            raise errors.ConfigurationError(
                f"the refresh token for {self.client_id} at {self.server.name} is empty"
            )
        return text

    def seed_with(self, secret: Secret) -> Token:
        """Return the token to start from, whose `seed_secret` was read before."""
        if self._token is not None:
            return self._token
        return Token(None, refresh_token=secret, expires_at=0.0, obtained_at=0.0)

    def token_request(self, server: AuthorizationServer) -> None:
        """Return None: without a refresh token there is no next token."""

    @property
    def _remedy(self) -> str:
        return "log in again, and pass the new refresh token"
