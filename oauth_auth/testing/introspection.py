"""What the testing server tells of a token (RFC 7662); no I/O."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oauth_auth.testing.authority import Authority
    from oauth_auth.testing.clients import Client

__all__ = ["introspect"]


def introspect(
    authority: Authority, client: Client, value: str, issuer: str
) -> dict[str, Any]:
    """Return an introspection response (RFC 7662 section 2.2).

    A client is told of its own tokens only; others are as good as unknown to it.

    Args:
        authority: Knows the tokens.
        client: Who asks.
        value: The token.
        issuer: The server.
    """
    access_token = authority.check(value)
    token = access_token or authority.refresh_token(value)
    if token is None or token.family.client_id != client.client_id:
        return {"active": False}
    family = token.family
    answer = {
        "active": True,
        "iss": issuer,
        "sub": family.account,
        "username": family.account,
        "client_id": family.client_id,
        "scope": family.scope,
    }
    if access_token is not None:
        left = access_token.expires_at - authority.now()
        answer |= {
            "scope": access_token.scope,
            "token_type": "Bearer",
            "exp": int(time.time() + left),
        }
    if family.resources:
        answer["aud"] = list(family.resources)
    return answer
