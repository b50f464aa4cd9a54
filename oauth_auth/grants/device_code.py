"""A person logs in on another device (RFC 8628)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from oauth_auth.grants.base import Grant

if TYPE_CHECKING:
    from oauth_auth.secret import SecretSource
    from oauth_auth.server import AuthorizationServer

__all__ = ["DeviceCode"]


@final
class DeviceCode(Grant):
    """A person logs in with the browser of a phone or another computer.

    For machines without a browser: ``auth.login()`` shows a short code and the URL
    where it is to be entered, and asks the server until the person is done. See
    `Grant` for the arguments.

    Example:
        >>> DeviceCode("https://auth.example.com", client_id="tv", scope="read")
        DeviceCode('https://auth.example.com', client_id='tv')
    """

    grant_type = "urn:ietf:params:oauth:grant-type:device_code"
    needs_person = True

    def token_request(self, server: AuthorizationServer) -> None:
        """Return None: without a refresh token a person has to log in again."""

    def authorization_request(self) -> dict[str, Any]:
        """Return the parameters of the device authorization request (section 3.1)."""
        standard: dict[str, Any] = {
            # Section 3.1 wants it only of clients that do not authenticate; servers
            # made with oauthlib want it of all.
            "client_id": self.client_id,
            "scope": self.scope,
            "audience": self.audience,
            "resource": self.resource,
        }
        return self.with_extra(standard)

    def code_request(self, device_code: SecretSource) -> dict[str, Any]:
        """Return the parameters of one poll (section 3.4)."""
        standard: dict[str, Any] = {
            "grant_type": self.grant_type,
            "device_code": device_code,
            # RFC 8707 section 2.2: it belongs to each token request.
            "resource": self.resource,
        }
        return self.with_extra(standard)

    @property
    def _remedy(self) -> str:
        return "log in again: auth.login()"
