"""Who logged in: the check of the ID token that comes with a code's token."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from oauth_auth.endpoint import fetch_jwks
from oauth_auth.id_token import (
    Expected,
    UnknownKey,
    check_id_token,
    signing_algorithms,
)
from oauth_auth.lazy_errors import errors
from oauth_auth.login.authorization import wants_id_token

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_auth.endpoint import Reach
    from oauth_auth.grants.authorization_code import AuthorizationCode
    from oauth_auth.login.pending import PendingLogin
    from oauth_auth.server import AuthorizationServer
    from oauth_auth.token import Token

__all__ = ["id_token_check"]


def id_token_check(
    server: AuthorizationServer,
    grant: AuthorizationCode,
    pending: PendingLogin,
    reach: Reach,
) -> Callable[[Token], object] | None:
    """Return the check of a new token's ID token; None where none was asked for."""
    if not wants_id_token(grant.scope):
        return None
    expected = Expected(
        pending.issuer,
        grant.client_id,
        pending.nonce,
        signing_algorithms(server.metadata),
    )

    def check(token: Token) -> Any:
        id_token = token._id_token
        if id_token is None:
            if token.scope is not None and not wants_id_token(token.scope):
                return None  # the server has granted less, and says so
            raise errors.LoginFailed(
                f"{server.name} sent no ID token although openid was asked for; take "
                "openid out of scope if it is no OpenID Connect server"
            )
        jwks = fetch_jwks(server, reach)
        try:
            return check_id_token(id_token, jwks, expected, time.time())
        except UnknownKey:
            jwks = fetch_jwks(server, reach, anew=True)
        try:
            return check_id_token(id_token, jwks, expected, time.time())
        except UnknownKey:
            raise errors.LoginFailed(
                f"the ID token is signed with a key that {server.jwks_uri} does not "
                "have; the login is refused"
            ) from None

    return check
