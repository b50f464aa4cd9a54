"""A SAML 2.0 assertion in place of a login (RFC 7522 section 2.1)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final, Unpack, final

from oauth_auth.grants.assertion import AssertionGrant
from oauth_auth.presented import PresentedToken
from oauth_auth.secret import Secret, as_source

if TYPE_CHECKING:
    from oauth_auth.grants.base import SharedOptions
    from oauth_auth.presented import GivenToken
    from oauth_auth.server import AuthorizationServer

__all__ = ["SAML2Bearer"]


@final
class SAML2Bearer(AssertionGrant):
    """A token for whom a SAML 2.0 assertion names.

    Args:
        server: See `Grant`, as for all other arguments.
        assertion: The assertion, as XML or already encoded by base64url: `FromFile` or
            a path, `FromEnv`, a function that returns it, or text. It is read for each
            request.
        client_id: See `Grant`.
        options: See `Grant`.

    Raises:
        ConfigurationError: The assertion is given as something else.

    Example:
        >>> from oauth_auth import FromFile
        >>> SAML2Bearer("https://a.example", assertion=FromFile("/run/saml.xml"))
        SAML2Bearer('https://a.example', client_id='')
    """

    grant_type = "urn:ietf:params:oauth:grant-type:saml2-bearer"

    def __init__(
        self,
        server: str | AuthorizationServer | None = None,
        *,
        assertion: GivenToken,
        client_id: str = "",
        **options: Unpack[SharedOptions],
    ) -> None:
        # First of all: errors raised from here pass this frame.
        options["client_secret"] = as_source(options.get("client_secret"))
        assertion = PresentedToken(assertion, "assertion")
        self._given: Final = assertion
        super().__init__(server, client_id=client_id, **options)

    def assertion(self, server: AuthorizationServer) -> Secret:  # noqa: ARG002  # the base class needs it
        """Return the assertion, encoded (section 2.1)."""
        text = Secret(self._given.reveal())
        if not text.reveal().startswith("<"):
            return text
        encoded = base64.urlsafe_b64encode(text.reveal().encode())
        return Secret(encoded.decode().rstrip("="))

    def inputs(self, account: str | None) -> dict[str, Any]:
        """Return everything that can change which token is issued."""
        whose = {"assertion": self._given.identity(account)}
        return {**super().inputs(account), **whose}
