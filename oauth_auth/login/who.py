"""Who logged in: the check of the ID token that comes with a code's token."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from oauth_auth.id_token import (
    Expected,
    UnknownKey,
    check_id_token,
    signing_algorithms,
)
from oauth_auth.jwks import fetch_jwks
from oauth_auth.lazy_errors import errors
from oauth_auth.login.authorization import wants_id_token
from oauth_auth.server import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_auth.grants.base import Grant
    from oauth_auth.login.pending import PendingLogin
    from oauth_auth.reach import Reach
    from oauth_auth.secret import Secret
    from oauth_auth.server import AuthorizationServer
    from oauth_auth.token import Token

__all__ = ["id_token_check"]


def id_token_check(
    server: AuthorizationServer,
    grant: Grant,
    reach: Reach,
    pending: PendingLogin | None = None,
) -> Callable[[Token], None] | None:
    """Return the check of a new token's ID token; None where none was asked for.

    The server's keys are fetched at once, so that trouble with them comes before
    anything is spent.

    Args:
        server: The server, with its metadata.
        grant: Who asks, and for what.
        reach: How to reach the server.
        pending: The login; None for one by device, which has no nonce.

    Raises:
        OAuthAuthError: The server's keys cannot be had.
    """
    if not wants_id_token(grant.scope):
        return None
    fetch_jwks(server, reach)
    expected = Expected(
        pending.issuer if pending is not None else server.issuer,
        grant.client_id,
        pending.nonce if pending is not None else None,
        signing_algorithms(server.metadata),
    )

    def check(token: Token) -> None:
        if token._id_token is not None:
            _check(token._id_token, server, reach, expected)
            return
        narrowed = token.scope is not None and not wants_id_token(token.scope)
        # RFC 8628 knows nothing of ID tokens, and not every server adds one.
        if not narrowed and pending is not None:
            raise errors.LoginFailed(
                f"{server.name} sent no ID token although openid was asked for; take "
                "openid out of scope if it is no OpenID Connect server"
            )

    return check


def _check(
    id_token: Secret, server: AuthorizationServer, reach: Reach, expected: Expected
) -> None:
    jwks = fetch_jwks(server, reach)
    if jwks is None:
        _check_transport(server)
    try:
        check_id_token(id_token, jwks, expected, time.time())
    except UnknownKey:
        # The server may have new keys since they were fetched.
        jwks = fetch_jwks(server, reach, anew=True)
    else:
        return
    try:
        check_id_token(id_token, jwks, expected, time.time())
    except UnknownKey:
        unknown = True
    else:
        unknown = False
    if unknown:
        raise errors.LoginFailed(
            f"the ID token is signed with a key that {server.jwks_uri} does not have; "
            "the login is refused"
        )


def _check_transport(server: AuthorizationServer) -> None:
    """Refuse what neither a signature nor TLS vouches for."""
    parts = urlsplit(server.token_endpoint or "")
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise errors.LoginFailed(
            f"{server.name} publishes no keys, and its ID token came over plain http: "
            "anybody on the way may have written it; the login is refused"
        )
