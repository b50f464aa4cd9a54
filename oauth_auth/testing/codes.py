"""Authorization codes: what a browser brings back, and a client redeems; no I/O."""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from oauth_auth.testing.clients import Client, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_auth.testing.authority import Authority, Family
    from oauth_auth.testing.id_tokens import IdTokens

__all__ = ["Codes", "Consent"]


class Consent(NamedTuple):
    """What a person has agreed to."""

    account: str
    client_id: str
    #: As the authorization request wrote it; the token request has to repeat it.
    redirect_uri: str
    #: PKCE's, by S256 (RFC 7636 section 4.2).
    code_challenge: str
    scope: str
    nonce: str | None
    #: RFC 8707; empty if none was named.
    resources: tuple[str, ...]


class _Code:
    """One code, and the login that it was redeemed for."""

    __slots__ = ("consent", "expires_at", "family")

    def __init__(self, consent: Consent, expires_at: float) -> None:
        self.consent: Final = consent
        self.expires_at: Final = expires_at
        self.family: Family | None = None


class Codes:
    """Issues authorization codes and redeems them (RFC 6749 section 4.1, RFC 7636).

    Args:
        authority: Issues the tokens; it is taught the grant type.
        id_tokens: Signs what OpenID Connect adds.
    """

    def __init__(self, authority: Authority, id_tokens: IdTokens) -> None:
        self._authority: Final = authority
        self._id_tokens: Final = id_tokens
        self._codes: Final[dict[str, _Code]] = {}
        authority.grants["authorization_code"] = self._redeem

    def issue(self, consent: Consent) -> str:
        """Return a new code."""
        value = f"code_{secrets.token_urlsafe(24)}"
        lifetime = self._authority.settings.code_lifetime
        self._codes[value] = _Code(consent, self._authority.now() + lifetime)
        return value

    def _redeem(self, client: Client, form: Mapping[str, str]) -> dict[str, Any]:
        """RFC 6749 section 4.1.3 and RFC 7636 section 4.6."""
        for name in ("code", "redirect_uri", "code_verifier"):
            if name not in form:
                raise Refusal("invalid_request", f"{name} is missing")
        code = self._codes.get(form["code"])
        if code is None or code.consent.client_id != client.client_id:
            raise Refusal("invalid_grant", "the code is not known")
        if code.family is not None:
            # Section 4.1.2: two parties hold it, so what was issued for it ends.
            self._authority.end_reused(code.family, "codes_reused")
            raise Refusal("invalid_grant", "the code was used before")
        consent = code.consent
        if self._authority.now() >= code.expires_at:
            raise Refusal("invalid_grant", "the code has expired")
        if form["redirect_uri"] != consent.redirect_uri:
            raise Refusal("invalid_grant", "the redirect_uri is another one")
        if _challenge(form["code_verifier"]) != consent.code_challenge:
            raise Refusal("invalid_grant", "the code_verifier is another one")
        if not set(form.get("resource", "").split()) <= set(consent.resources):
            raise Refusal("invalid_target", "no consent was given for this resource")
        access_token, refresh_token = self._authority.login(
            consent.account, client.client_id, consent.scope, consent.resources
        )
        code.family = access_token.family
        self._authority.count("codes_redeemed")
        return self._authority.respond(
            access_token,
            refresh_token,
            self._id_tokens.beside(access_token.family, consent.nonce),
        )


def _challenge(code_verifier: str) -> str:
    digest = hashlib.sha256(code_verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
