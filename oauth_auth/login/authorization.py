"""The authorization request, and the answer that the browser brings back.

RFC 6749 sections 4.1.1 and 4.1.2, RFC 7636, RFC 8707, RFC 9207. Pure functions.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from oauth_auth.lazy_errors import errors
from oauth_auth.protocol import merge_params
from oauth_auth.quoting import quoted
from oauth_auth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_auth.grants.authorization_code import AuthorizationCode
    from oauth_auth.login.pending import PendingLogin
    from oauth_auth.server import AuthorizationServer

__all__ = ["answered_code", "authorization_url", "wants_id_token"]

#: What the answer may hold of interest; anything else is ignored (section 4.1.2).
_KNOWN: Final = ("code", "error", "error_description", "error_uri", "iss", "state")


def wants_id_token(scope: str | None) -> bool:
    """Whether a scope makes the request one of OpenID Connect."""
    return "openid" in (scope or "").split()


def authorization_url(
    server: AuthorizationServer,
    grant: AuthorizationCode,
    pending: PendingLogin,
    extra: Mapping[str, str],
) -> str:
    """Return the URL to which the person's browser is sent.

    Args:
        server: The server, with its metadata.
        grant: Who asks, and for what.
        pending: This login.
        extra: Further parameters of this one request.

    Raises:
        ConfigurationError: The server has no authorization endpoint, or does not know
            S256 (RFC 7636 section 4.2), or a parameter is given twice.
    """
    endpoint = server.authorization_endpoint
    if endpoint is None:
        raise errors.ConfigurationError(
            f"no authorization_endpoint is known for {server.name}; pass its issuer "
            "URL, or AuthorizationServer(..., authorization_endpoint=...)"
        )
    methods = server.metadata.get("code_challenge_methods_supported")
    if isinstance(methods, list) and methods and "S256" not in methods:
        # RFC 7636 section 7.2 forbids to fall back to "plain".
        raise errors.ConfigurationError(
            f"{server.name} offers PKCE only by {quoted(Secret(str(methods)), ())}, "
            "and nothing less than S256 is used"
        )
    digest = hashlib.sha256(pending.code_verifier.reveal().encode()).digest()
    standard: dict[str, Any] = {
        "response_type": "code",
        "client_id": grant.client_id,
        "redirect_uri": pending.redirect_uri,
        "scope": grant.scope,
        "state": pending.state.reveal(),
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
        "audience": grant.audience,
        "resource": grant.resource,
    }
    if wants_id_token(grant.scope):
        standard["nonce"] = pending.nonce.reveal()
    params = merge_params(standard, {**grant.authorization_extra, **extra})
    parts = urlsplit(endpoint)
    # RFC 6749 section 3.1: a query that the endpoint has stays.
    query = "&".join(
        filter(
            None,
            (
                parts.query,
                urlencode({k: v for k, v in params.items() if v}, doseq=True),
            ),
        )
    )
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


def answered_code(
    response: Secret, server: AuthorizationServer, pending: PendingLogin
) -> Secret:
    """Return the code of an authorization response, after every check.

    Args:
        response: The URL that the browser came back to, or its query alone.
        server: The server, with its metadata.
        pending: The login that it is to answer; used up by this.

    Raises:
        MismatchingStateError: It answers another login.
        AccessDeniedError: The person said no.
        LoginFailed: It comes from another server, or tells of an error.
    """
    members = _members(response)
    pending.check_state(members.get("state"))
    _check_issuer(members.get("iss"), server, pending)
    error = members.get("error")
    if error is not None:
        raise _refused(error, members, server)
    code = members.get("code")
    if code is None:
        raise errors.LoginFailed(
            f"{server.name} sent the browser back without a code; log in again, and "
            "pass the whole URL that the browser came back to"
        )
    return code


def _members(response: Secret) -> dict[str, Secret]:
    # A query alone has no "?"; a whole URL does.
    return {
        name: Secret(value)
        for name, value in parse_qsl(
            response.reveal().strip().rpartition("?")[2].partition("#")[0],
            errors="surrogateescape",
        )
        if name in _KNOWN and value
    }


def _check_issuer(
    iss: Secret | None, server: AuthorizationServer, pending: PendingLogin
) -> None:
    """Refuse another server's answer: a mix-up (RFC 9207 section 2.4)."""
    expected = pending.issuer
    if iss is None:
        if (
            server.metadata.get("authorization_response_iss_parameter_supported")
            is not True
        ):
            return
        raise errors.LoginFailed(
            f"{server.name} promises to name itself in its answers, and this answer "
            "names nobody: it may come from another server, and is refused"
        )
    if expected is None or not hmac.compare_digest(
        iss.reveal().encode("utf-8", "surrogatepass"), expected.encode()
    ):
        raise errors.LoginFailed(
            f"the answer comes from {quoted(iss, ())}, and this login was started at "
            f"{expected or server.name}; it is refused, and its code is not used"
        )


def _refused(
    error: Secret, members: dict[str, Secret], server: AuthorizationServer
) -> Exception:
    code = quoted(error, ())
    said = {
        name: quoted(members[name], ())
        for name in ("error_description", "error_uri")
        if name in members
    }
    text = said.get("error_description", "").rstrip(". ")
    kind = errors.AccessDeniedError if code == "access_denied" else errors.LoginFailed
    step = (
        "the person, or a rule of the server, said no; log in again to ask anew"
        if code == "access_denied"
        else "check the client's registration and the scope asked for"
    )
    facts = {"error": code, "description": text or code, "uri": said.get("error_uri")}
    return kind(
        f"{server.name} refused the login: {': '.join(filter(None, (code, text)))}; "
        f"{step}",
        **{name: value for name, value in facts.items() if value},
    )
