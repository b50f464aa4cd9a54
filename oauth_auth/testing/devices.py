"""Logins on another device (RFC 8628), as the testing server keeps them; no I/O."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from oauth_auth.testing.clients import Client, Refusal
from oauth_auth.testing.settings import changed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oauth_auth.testing.authority import Authority
    from oauth_auth.testing.id_tokens import IdTokens

__all__ = ["DEVICE_GRANT", "Devices"]

DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
#: RFC 8628 section 3.5: what "slow_down" adds, in seconds.
SLOWER: Final = 5.0
#: RFC 8628 section 6.1: no vowels, so that no words come of it.
_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
_HALF: Final = 4


class _Login:
    """One login under way."""

    __slots__ = (
        "account",
        "client_id",
        "error",
        "expires_at",
        "interval",
        "polled_at",
        "resources",
        "scope",
    )

    def __init__(
        self,
        client_id: str,
        scope: str,
        resources: tuple[str, ...],
        *,
        interval: float,
        expires_at: float,
    ) -> None:
        self.client_id: Final = client_id
        self.scope: Final = scope
        self.resources: Final = resources
        self.interval = interval
        self.expires_at: Final = expires_at
        self.polled_at: float | None = None
        #: Who has approved it.
        self.account: str | None = None
        #: The code by which it was refused.
        self.error: str | None = None


class Devices:
    """Issues device codes, and answers the devices' polls.

    Args:
        authority: Issues the tokens; it is taught the grant type.
        id_tokens: Signs what OpenID Connect adds.
        verification_uri: Returns where the person enters the code.
    """

    def __init__(
        self,
        authority: Authority,
        id_tokens: IdTokens,
        verification_uri: Callable[[], str],
    ) -> None:
        self._authority: Final = authority
        self._id_tokens: Final = id_tokens
        self._verification_uri: Final = verification_uri
        self._by_device_code: Final[dict[str, _Login]] = {}
        self._by_user_code: Final[dict[str, _Login]] = {}
        authority.grants[DEVICE_GRANT] = self._poll

    def start(self, client: Client, form: Mapping[str, str]) -> dict[str, Any]:
        """Answer a device authorization request (RFC 8628 section 3.2)."""
        settings = self._authority.settings
        login = _Login(
            client.client_id,
            form.get("scope", settings.scope),
            tuple(form.get("resource", "").split()),
            interval=settings.device_interval,
            expires_at=self._authority.now() + settings.device_lifetime,
        )
        device_code = f"dc_{secrets.token_urlsafe(24)}"
        user_code = "".join(secrets.choice(_LETTERS) for _ in range(2 * _HALF))
        self._by_device_code[device_code] = self._by_user_code[user_code] = login
        user_code = f"{user_code[:_HALF]}-{user_code[_HALF:]}"
        uri = self._verification_uri()
        answer = {
            "device_code": device_code,
            "user_code": user_code,
            "verification_uri": uri,
            "verification_uri_complete": f"{uri}?user_code={user_code}",
            "expires_in": settings.device_lifetime,
            "interval": settings.device_interval,
        }
        return changed(answer, settings.device_response)

    def decide(
        self, user_code: str, account: str | None, error: str | None = None
    ) -> bool:
        """Do what a person does who enters a code.

        Args:
            user_code: The code; its case and punctuation do not count.
            account: Who approves the login.
            error: Or the error code by which it is refused.

        Returns:
            Whether there is such a code, and it was good.
        """
        letters = "".join(filter(str.isalnum, user_code.upper()))
        login = self._by_user_code.get(letters)
        if login is None or self._authority.now() >= login.expires_at:
            return False
        login.account, login.error = account, error
        return True

    def _poll(self, client: Client, form: Mapping[str, str]) -> dict[str, Any]:
        """RFC 8628 sections 3.4 and 3.5."""
        if "device_code" not in form:
            raise Refusal("invalid_request", "device_code is missing")
        value = form["device_code"]
        login = self._by_device_code.get(value)
        if login is None or login.client_id != client.client_id:
            raise Refusal("invalid_grant", "the device code is not known")
        now = self._authority.now()
        if now >= login.expires_at:
            raise Refusal("expired_token", "the device code has expired")
        too_soon = (
            login.polled_at is not None and now < login.polled_at + login.interval
        )
        login.polled_at = now
        if too_soon:
            login.interval += SLOWER
            raise Refusal("slow_down", "the device polls too fast")
        if login.error is not None:
            raise Refusal(login.error, "the person, or a rule of this server, said no")
        if login.account is None:
            raise Refusal("authorization_pending", "the person is not done yet")
        # It is good for one answer, as every code is.
        del self._by_device_code[value]
        access_token, refresh_token = self._authority.login(
            login.account, client.client_id, login.scope, login.resources
        )
        return self._authority.respond(
            access_token, refresh_token, self._id_tokens.beside(access_token.family)
        )
