"""Tokens for machines: a signed JWT, another token, a password; no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from oauth_auth.testing.clients import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_auth.testing.assertions import Assertions
    from oauth_auth.testing.authority import Authority
    from oauth_auth.testing.clients import Client

__all__ = ["CLIENT_OPTIONAL", "MachineGrants"]

_JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_TOKEN_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105  # a name
_TYPES: Final = "urn:ietf:params:oauth:token-type:"
#: The grants for which no client need be named.
CLIENT_OPTIONAL: Final = (_JWT_BEARER, _TOKEN_EXCHANGE, "password")


class MachineGrants:
    """Answers their token requests.

    Args:
        authority: Issues the tokens; it is taught the grant types.
        assertions: Checks JWTs.
    """

    def __init__(self, authority: Authority, assertions: Assertions) -> None:
        self._authority: Final = authority
        self._assertions: Final = assertions
        authority.grants[_JWT_BEARER] = self._jwt_bearer
        authority.grants[_TOKEN_EXCHANGE] = self._token_exchange
        authority.grants["password"] = self._password

    def _jwt_bearer(self, client: Client, form: Mapping[str, str]) -> dict[str, Any]:
        """RFC 7523 section 2.1."""
        claims = self._claims(form.get("assertion", ""))
        if "sub" not in claims:
            raise Refusal("invalid_grant", "the assertion is not good")
        return self._granted(str(claims["sub"]), client, form)

    def _token_exchange(
        self, client: Client, form: Mapping[str, str]
    ) -> dict[str, Any]:
        """RFC 8693 section 2."""
        for name in ("subject_token", "subject_token_type"):
            if name not in form:
                raise Refusal("invalid_request", f"{name} is missing")
        if ("actor_token" in form) != ("actor_token_type" in form):
            raise Refusal("invalid_request", "actor_token needs its type, and only it")
        account = self._subject(form["subject_token"])
        if "actor_token" in form:
            account = f"{self._subject(form['actor_token'])} for {account}"
        answer = self._granted(account, client, form)
        return {**answer, "issued_token_type": f"{_TYPES}access_token"}

    def _subject(self, token: str) -> str:
        ours = self._authority.check(token)
        if ours is not None:
            return ours.family.account
        claims = self._claims(token)
        if "sub" not in claims:
            raise Refusal("invalid_request", "the token is not good")
        return str(claims["sub"])

    def _password(self, client: Client, form: Mapping[str, str]) -> dict[str, Any]:
        """RFC 6749 section 4.3.2."""
        username = form.get("username", "")
        password = self._authority.settings.passwords.get(username)
        if password is None or password != form.get("password"):
            raise Refusal("invalid_grant", "there is no such user with this password")
        scope = form.get("scope")
        tokens = self._authority.login(username, client.client_id, scope)
        return self._authority.respond(*tokens)

    def _claims(self, jwt: str) -> dict[str, Any]:
        return self._assertions.claims(jwt, self._authority.settings.assertion_jwks)

    def _granted(
        self, account: str, client: Client, form: Mapping[str, str]
    ) -> dict[str, Any]:
        resources = tuple(form.get("resource", "").split())
        access_token, _ = self._authority.login(
            account, client.client_id, form.get("scope"), resources
        )
        return self._authority.respond(access_token, None)
