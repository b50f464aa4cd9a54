"""Username and password for a token (RFC 6749 section 4.3): for legacy servers only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Unpack, final

from oauth_auth.grants.base import Grant
from oauth_auth.lazy_errors import errors
from oauth_auth.protocol import merge_params, settled
from oauth_auth.secret import SecretSource, as_source, takes_time

if TYPE_CHECKING:
    from oauth_auth.grants.base import SharedOptions
    from oauth_auth.server import AuthorizationServer

__all__ = ["Password"]


@final
class Password(Grant):
    """A token for a username and a password, on servers that know nothing better.

    RFC 9700 section 2.4 forbids this grant where there is a choice: it gives this
    program the password itself, and no second factor fits into it. A person logs in
    with `AuthorizationCode` or `DeviceCode`, a machine has `ClientCredentials`.

    A refresh token is used where the server issues one; when it has ended, or there is
    none, the password is sent again.

    Args:
        server: See `Grant`, as for all other arguments.
        username: Whose token it is.
        password: The password: text, `FromEnv` or `FromFile`.
        client_id: See `Grant`; some legacy servers want none.
        options: See `Grant`.

    Raises:
        ConfigurationError: There is no username, or no password.

    Example:
        >>> from oauth_auth import FromEnv
        >>> Password("https://a.example", username="sync", password=FromEnv("PASSWORD"))
        Password('https://a.example', username='sync')
    """

    grant_type = "password"
    # Whoever has the password needs nobody for the next token.
    needs_person = False
    needs_client = False

    def __init__(
        self,
        server: str | AuthorizationServer | None = None,
        *,
        username: str,
        password: str | SecretSource,
        client_id: str = "",
        **options: Unpack[SharedOptions],
    ) -> None:
        # First of all: errors raised from here pass this frame.
        options["client_secret"] = as_source(options.get("client_secret"))
        source = as_source(password)
        del password
        self._password: Final = source
        self.username: Final = username
        super().__init__(server, client_id=client_id, **options)

    def check(self) -> None:
        """Refuse what cannot be sent.

        Raises:
            ConfigurationError: There is no username, or no password.
        """
        for name in ("username", "_password"):
            if not getattr(self, name):
                raise errors.ConfigurationError(
                    f"Password for {self.server.name} has no {name.strip('_')}; if it "
                    "is read from the environment, check the variable"
                )

    def token_request(self, server: AuthorizationServer) -> dict[str, Any]:  # noqa: ARG002  # the base class needs it
        """Return the parameters of section 4.3.2.

        Raises:
            ConfigurationError: The password cannot be read.
        """
        assert self._password is not None  # noqa: S101  # check() has seen to it
        standard: dict[str, Any] = {
            "grant_type": self.grant_type,
            "username": self.username,
            "password": settled(self._password, "password"),
            "scope": self.scope,
            "audience": self.audience,
            "resource": self.resource,
        }
        return merge_params(standard, self.extra)

    def inputs(self, account: str | None) -> dict[str, Any]:
        """Return everything that can change which token is issued."""
        # Who does not know the password does not get its token.
        whose = {"username": self.username, "password": self._password}
        return {**super().inputs(account), **whose}

    @property
    def takes_time(self) -> bool:
        """Whether `inputs` may ask more than memory and a file, so not on a loop."""
        return super().takes_time or takes_time(self._password)

    def about(self, account: str | None) -> dict[str, str]:
        """Return what a person wants to see of a record."""
        return {**super().about(account), "username": self.username}

    def __repr__(self) -> str:
        return f"Password({self.server.name!r}, username={self.username!r})"
