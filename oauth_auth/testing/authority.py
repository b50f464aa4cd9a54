"""The rules of OAuth as the testing server keeps them; no I/O.

All tokens that come from one login are a *family*. Whoever sends a spent refresh token
again has shown that two parties hold the login, and so the family ends (RFC 9700
section 4.14.2).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from oauth_auth.testing.clients import Client, Refusal
from oauth_auth.testing.settings import ACTUAL, Settings, changed

__all__ = ["AccessToken", "Authority", "Family", "Grant", "RefreshToken"]

#: Answers the token requests of one grant type, or raises `Refusal`.
Grant: TypeAlias = Callable[[Client, Mapping[str, str]], dict[str, Any]]


class Family:
    """One login and all its tokens."""

    __slots__ = (
        "access_tokens",
        "account",
        "client_id",
        "resources",
        "revoked",
        "scope",
    )

    def __init__(
        self,
        account: str,
        client_id: str,
        scope: str,
        resources: tuple[str, ...] = (),
    ) -> None:
        self.account: Final = account
        self.client_id: Final = client_id
        self.scope: Final = scope
        #: RFC 8707; empty where none was named.
        self.resources: Final = resources
        self.revoked = False
        self.access_tokens: list[AccessToken] = []


class AccessToken:
    """One access token."""

    __slots__ = (
        "expires_at",
        "family",
        "lifetime",
        "revoked",
        "scope",
        "value",
    )

    def __init__(
        self, family: Family, scope: str, *, now: float, lifetime: float
    ) -> None:
        self.value: Final = f"at_{secrets.token_urlsafe(24)}"
        self.family: Final = family
        self.scope: Final = scope
        self.lifetime: Final = lifetime
        self.expires_at: Final = now + lifetime
        self.revoked = False


class RefreshToken:
    """One refresh token, and what its first use gave once it is spent."""

    __slots__ = ("family", "first_answer", "spent_at", "value")

    def __init__(self, family: Family) -> None:
        self.value: Final = f"rt_{secrets.token_urlsafe(24)}"
        self.family: Final = family
        self.spent_at: float | None = None
        self.first_answer: tuple[AccessToken, RefreshToken] | None = None


class Authority:
    """Issues tokens, and knows which are good.

    Args:
        settings: The rules; may be replaced at any time.
        count: Called with the name of a field of `Counts` when that has happened.
        clock: Seconds that never go back.

    Attributes:
        grants: The grant types; a further one is a further entry.
        count: As given.
        now: The clock.
    """

    def __init__(
        self,
        settings: Settings,
        count: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.grants: dict[str, Grant] = {
            "client_credentials": self._client_credentials,
            "refresh_token": self._refresh,
        }
        self.count: Final = count
        self.now: Final = clock
        self._access_tokens: dict[str, AccessToken] = {}
        self._refresh_tokens: dict[str, RefreshToken] = {}

    def token(self, client: Client, form: Mapping[str, str]) -> dict[str, Any]:
        """Answer a token request (RFC 6749 section 5).

        Raises:
            Refusal: No token for that.
        """
        if "grant_type" not in form:
            raise Refusal("invalid_request", "grant_type is missing")
        grant = self.grants.get(form["grant_type"])
        if grant is None:
            raise Refusal("unsupported_grant_type", "this grant type is not known")
        return grant(client, form)

    def login(
        self,
        account: str,
        client_id: str,
        scope: str | None = None,
        resources: tuple[str, ...] = (),
    ) -> tuple[AccessToken, RefreshToken]:
        """Start a family, as a person does who logs in."""
        family = Family(account, client_id, scope or self.settings.scope, resources)
        return self._new_access_token(family, family.scope), self._add(family)

    def check(self, value: str) -> AccessToken | None:
        """Return the access token, or None if it is not good (any more)."""
        token = self._access_tokens.get(value)
        if token is None or token.revoked or token.family.revoked:
            return None
        return token if self.now() < token.expires_at else None

    def refresh_token(self, value: str) -> RefreshToken | None:
        """Return the refresh token, or None if it is not good (any more)."""
        token = self._refresh_tokens.get(value)
        if token is None or token.first_answer is not None or token.family.revoked:
            return None
        return token

    def revoke(self, client: Client, value: str) -> None:
        """Revoke a token (RFC 7009): a refresh token with its whole family.

        Raises:
            Refusal: The token is another client's.
        """
        access_token = self._access_tokens.get(value)
        family = self._family(value)
        if family is None:
            return
        if family.client_id != client.client_id:
            raise Refusal("invalid_grant", "the token was issued to another client")
        if access_token is not None:
            access_token.revoked = True
        else:
            family.revoked = True

    def revoke_family(self, value: str) -> bool:
        """End the login that a token came from; False if there is no such token."""
        family = self._family(value)
        if family is not None:
            family.revoked = True
        return family is not None

    def revoke_access_tokens(self) -> None:
        """End all access tokens; the refresh tokens stay."""
        for token in self._access_tokens.values():
            token.revoked = True

    @staticmethod
    def describe(
        access_token: AccessToken, refresh_token: RefreshToken | None, age: float = 0.0
    ) -> dict[str, Any]:
        """Return a token response (RFC 6749 section 5.1) that is true.

        Args:
            access_token: What was issued.
            refresh_token: What came with it.
            age: Seconds since the access token was issued.
        """
        left = max(0.0, access_token.lifetime - age)
        answer = {
            "access_token": access_token.value,
            "token_type": "Bearer",
            # Whole seconds, as servers send them, unless that would be none.
            "expires_in": int(left) if left >= 1 else left,
            "scope": access_token.scope,
        }
        if refresh_token is not None:
            answer["refresh_token"] = refresh_token.value
        return answer

    def _client_credentials(
        self, client: Client, form: Mapping[str, str]
    ) -> dict[str, Any]:
        """RFC 6749 section 4.4."""
        if client.client_secret is None:
            raise Refusal(
                "unauthorized_client", "a public client has no credentials of its own"
            )
        scope = form.get("scope", self.settings.scope)
        family = Family(client.client_id, client.client_id, scope)
        access_token = self._new_access_token(family, scope)
        if self.settings.issue_refresh_token_for_client_credentials:
            return self.respond(access_token, self._add(family))
        return self.respond(access_token, None)

    def _refresh(self, client: Client, form: Mapping[str, str]) -> dict[str, Any]:
        """RFC 6749 section 6."""
        if "refresh_token" not in form:
            raise Refusal("invalid_request", "refresh_token is missing")
        token = self._refresh_tokens.get(form["refresh_token"])
        if token is None or token.family.client_id != client.client_id:
            raise Refusal("invalid_grant", "the refresh token is not known")
        if token.first_answer is not None:
            return self._refresh_again(token, token.first_answer)
        family = token.family
        if family.revoked:
            raise Refusal("invalid_grant", "the refresh token was revoked")
        scope = form.get("scope", family.scope)
        if not set(scope.split()) <= set(family.scope.split()):
            raise Refusal("invalid_scope", "more than was granted")
        if family.resources and not set(form.get("resource", "").split()) <= set(
            family.resources
        ):
            raise Refusal("invalid_target", "more than was granted")
        if self.settings.kill_old_access_tokens:
            for old in family.access_tokens:
                old.revoked = True
            family.access_tokens.clear()
        access_token = self._new_access_token(family, scope)
        self.count("refreshes_granted")
        if self.settings.rotation == "none":
            return self.respond(access_token, None)
        token.spent_at = self.now()
        token.first_answer = access_token, self._add(family)
        return self.respond(*token.first_answer)

    def _refresh_again(
        self, token: RefreshToken, first_answer: tuple[AccessToken, RefreshToken]
    ) -> dict[str, Any]:
        age = self.now() - (token.spent_at or 0.0)
        in_grace = self.settings.rotation == "grace" and age < self.settings.grace
        if in_grace and not token.family.revoked:
            self.count("replays_in_grace")
            return self.respond(*first_answer, age=age)
        self.end_reused(token.family, "reuse_detected")
        raise Refusal("invalid_grant", "the refresh token was used before")

    def end_reused(self, family: Family, what: str) -> None:
        """End a login of which something was used a second time.

        Args:
            family: The login.
            what: The field of `Counts` that tells of it.
        """
        self.count(what)
        if not family.revoked:
            family.revoked = True
            self.count("families_revoked")

    def respond(
        self,
        access_token: AccessToken,
        refresh_token: RefreshToken | None,
        more: Mapping[str, Any] | None = None,
        age: float = 0.0,
    ) -> dict[str, Any]:
        """Return a token response as the settings want it, true or not.

        Args:
            access_token: What was issued.
            refresh_token: What came with it.
            more: Further parameters, such as the ID token.
            age: Seconds since the access token was issued.
        """
        answer = {**self.describe(access_token, refresh_token, age), **(more or {})}
        if self.settings.expires_in != ACTUAL:
            answer["expires_in"] = self.settings.expires_in
        return changed(answer, self.settings.extra)

    def _new_access_token(self, family: Family, scope: str) -> AccessToken:
        lifetime = self.settings.access_token_lifetime
        token = AccessToken(family, scope, now=self.now(), lifetime=lifetime)
        self._access_tokens[token.value] = token
        family.access_tokens.append(token)
        return token

    def _add(self, family: Family) -> RefreshToken:
        token = RefreshToken(family)
        self._refresh_tokens[token.value] = token
        return token

    def _family(self, value: str) -> Family | None:
        token = self._access_tokens.get(value) or self._refresh_tokens.get(value)
        return None if token is None else token.family
