"""What an authorization server says of a token (RFC 7662)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from oauth_auth.answer import parse, seconds
from oauth_auth.endpoint import authenticated_request
from oauth_auth.quoting import quoted, spellings
from oauth_auth.refusal import Refusal, is_success

if TYPE_CHECKING:
    from oauth_auth.answer import Members
    from oauth_auth.grants.base import Grant
    from oauth_auth.reach import Reach
    from oauth_auth.secret import Secret
    from oauth_auth.server import AuthorizationServer
    from oauth_auth.token import Token

__all__ = ["Introspection", "introspect"]

#: What is told of a token, of all that a server may add (section 2.2).
_TEXTS: Final = ("scope", "client_id", "username", "sub", "token_type", "iss")


class Introspection(NamedTuple):
    """An introspection response (RFC 7662 section 2.2)."""

    #: Which token was asked about: "access_token" or "refresh_token".
    asked: str
    #: Whether the server honours it.
    active: bool
    #: When it ends, in seconds since the epoch; None if the server does not say.
    expires_at: float | None
    #: ``scope``, ``client_id``, ``username``, ``sub``, ``token_type`` and ``iss``, as
    #: far as the server sent them.
    said: dict[str, str]


def introspect(
    server: AuthorizationServer,
    grant: Grant,
    token: Token,
    reach: Reach,
    *,
    now: float,
) -> Introspection | None:
    """Ask the server whether it still honours a token.

    It is asked about the access token while that lives, and about the refresh token
    after that, since it is then that which keeps the login. Nothing is renewed.

    Args:
        server: The server, with its metadata.
        grant: Who asks; many servers answer confidential clients only.
        token: The token.
        reach: How to reach the server.
        now: Seconds since the epoch.

    Returns:
        What it said; None if it has no introspection endpoint, or the token is empty.

    Raises:
        TokenEndpointError: It refused to tell, or answered with something else.
        EndpointUnreachable: No answer came.
        ConfigurationError: The client cannot authenticate.
    """
    asked, secret = _chosen(token, now)
    if server.introspection_endpoint is None or secret is None:
        return None
    params = {"token": secret, "token_type_hint": asked}
    made = authenticated_request(server, grant, "introspection_endpoint", params)
    response = reach.exchange(made.request)
    members = parse(response)
    hidden = spellings(made.sent)
    active = members.get("active") if members is not None else None
    if not is_success(response) or members is None or not isinstance(active, bool):
        refusal = Refusal(response, members, hidden, refreshing=False)
        raise refusal.error(
            made.request.url, "introspection_endpoint", auth_method=made.method
        )
    return Introspection(
        asked, active, seconds(members.get("exp")), _said(members, hidden)
    )


def _chosen(token: Token, now: float) -> tuple[str, Secret | None]:
    expired = token.expires_at is not None and token.expires_at <= now
    if token._refresh_token and (expired or not token._access_token):
        return "refresh_token", token._refresh_token
    return "access_token", token._access_token


def _said(members: Members, hidden: Any) -> dict[str, str]:
    texts = ((name, members.text(name)) for name in _TEXTS)
    return {name: quoted(text, hidden) for name, text in texts if text is not None}
