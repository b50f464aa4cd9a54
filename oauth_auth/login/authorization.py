"""The authorization request, and the answer that the browser brings back.

RFC 6749 sections 4.1.1 and 4.1.2, RFC 7636, RFC 8707, RFC 9207. Pure functions.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from oauth_auth.lazy_errors import errors
from oauth_auth.protocol import encode_form, merge_params
from oauth_auth.quoting import quoted, spellings
from oauth_auth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_auth.grants.authorization_code import AuthorizationCode
    from oauth_auth.login.pending import PendingLogin
    from oauth_auth.protocol import Param
    from oauth_auth.server import AuthorizationServer

__all__ = ["answered_code", "authorization_url", "wants_id_token"]

#: What the answer may hold of interest; anything else is ignored (section 4.1.2).
_KNOWN: Final = ("code", "error", "error_description", "error_uri", "iss", "state")
#: What a URL begins with and a query does not.
_URL: Final = re.compile(r"[a-z][a-z0-9+.-]*:|/", re.IGNORECASE)


def wants_id_token(scope: str | None) -> bool:
    """Whether a scope makes the request one of OpenID Connect."""
    return "openid" in (scope or "").split()


def authorization_url(
    server: AuthorizationServer,
    grant: AuthorizationCode,
    pending: PendingLogin,
    extra: Mapping[str, Param],
) -> Secret:
    """Return the URL to which the person's browser is sent; the state is in it.

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
    _check_methods(server)
    standard: dict[str, Any] = {
        "response_type": "code",
        "client_id": grant.client_id,
        "redirect_uri": pending.redirect_uri,
        "scope": grant.scope,
        "state": pending.state,
        "nonce": pending.nonce if wants_id_token(grant.scope) else None,
        "code_challenge": _challenge(pending.code_verifier),
        "code_challenge_method": "S256",
        "audience": grant.audience,
        "resource": grant.resource,
    }
    params = merge_params(standard, {**grant.authorization_extra, **extra})
    parts = urlsplit(endpoint)
    twice = {name for name, _ in parse_qsl(parts.query)} & {
        name for name, value in params.items() if value
    }
    if twice:
        raise errors.ConfigurationError(
            f"the authorization_endpoint {endpoint!r} has {', '.join(sorted(twice))} "
            "in its query, which is sent anyway and must not be sent twice (RFC 6749 "
            "section 3.1); take it out of the endpoint's URL"
        )
    # RFC 6749 section 3.1: a query that the endpoint has stays.
    return Secret(
        urlunsplit(
            (
                parts.scheme,
                parts.netloc,
                parts.path,
                "&".join(filter(None, (parts.query, encode_form(params).reveal()))),
                "",
            )
        )
    )


def _check_methods(server: AuthorizationServer) -> None:
    methods = server.metadata.get("code_challenge_methods_supported")
    if isinstance(methods, list) and methods and "S256" not in methods:
        # RFC 7636 section 7.2 forbids to fall back to "plain".
        raise errors.ConfigurationError(
            f"{server.name} offers PKCE only by {quoted(Secret(str(methods)), ())}, "
            "and nothing less than S256 is used"
        )


def _challenge(code_verifier: Secret) -> Secret:
    digest = hashlib.sha256(code_verifier.reveal().encode()).digest()
    # The URL shows it, and it tells of no verifier: a Secret as the form's other parts.
    return Secret(base64.urlsafe_b64encode(digest).rstrip(b"=").decode())


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
        LoginFailed: It comes from another server, came to another place, or tells of
            an error.
    """
    pairs = _pairs(response)
    names = [name for name, _ in pairs if name in _KNOWN]
    if len(set(names)) < len(names):
        # RFC 6749 section 3.1. One of them may have been put in by somebody else.
        raise errors.LoginFailed(
            "the answer to this login has a parameter twice; it is refused: log in "
            "again"
        )
    members = {name: value for name, value in pairs if name in _KNOWN and value}
    pending.use_up(members.get("state"))
    _check_place(response, pairs, pending)
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


def _split(response: Secret) -> tuple[Secret | None, Secret]:
    """Return the URL before its query, None if there is only a query, and the query."""
    text = Secret(response.reveal().strip().partition("#")[0])
    if _URL.match(text.reveal()):
        place, _, query = text.reveal().partition("?")
        return Secret(place), Secret(query)
    return None, Secret(text.reveal().removeprefix("?"))


def _pairs(response: Secret) -> list[tuple[str, Secret]]:
    return [
        (name, Secret(value))
        for name, value in parse_qsl(
            _split(response)[1].reveal(),
            keep_blank_values=True,
            errors="surrogateescape",
        )
    ]


def _check_place(
    response: Secret, pairs: list[tuple[str, Secret]], pending: PendingLogin
) -> None:
    """Refuse an answer that came to another redirect URI than this login's.

    RFC 9700 section 4.4.2.2: with a redirect URI for each server, an answer from
    another one shows. Scheme, host and port are not compared, since a proxy before a
    web application changes what it sees of them.
    """
    place = _split(response)[0]
    expected = urlsplit(pending.redirect_uri)
    wanted = [
        (name, Secret(value))
        for name, value in parse_qsl(expected.query, keep_blank_values=True)
    ]
    if place is not None and (
        _path(place.reveal()) != _path(pending.redirect_uri)
        or any(pair not in pairs for pair in wanted)
    ):
        raise errors.LoginFailed(
            f"the answer came to another place than {pending.redirect_uri}, where this "
            "login ends; it is refused, and its code is not used (if a proxy changes "
            "the path, pass the query alone)"
        )


def _path(url: str) -> str:
    return unquote(urlsplit(url).path) or "/"


def _check_issuer(
    iss: Secret | None, server: AuthorizationServer, pending: PendingLogin
) -> None:
    """Refuse another server's answer: a mix-up (RFC 9207 section 2.4)."""
    expected = pending.issuer
    if expected != server.issuer:
        # Else this server would get a code that is good at the other one.
        raise errors.LoginFailed(
            f"this login was started at {expected or 'another server'}, and is "
            f"finished at {server.name}; use the object that it was started with"
        )
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
    if expected is None:
        if _may_be_of(iss, server):
            return
        hint = "; if both are one server, write that as its issuer"
    elif hmac.compare_digest(
        iss.reveal().encode("utf-8", "surrogatepass"),
        expected.encode("utf-8", "surrogatepass"),
    ):
        return
    else:
        hint = ""
    raise errors.LoginFailed(
        f"the answer comes from {quoted(iss, ())}, and this login was started at "
        f"{expected or server.name}; it is refused, and its code is not used{hint}"
    )


def _may_be_of(iss: Secret, server: AuthorizationServer) -> bool:
    """Whether an issuer is at home where a server without a known one is.

    Servers begin to send their names one day, as GitHub did, and that must not end the
    logins of all who never needed to know them. In a mix-up the host is another one.
    """
    try:
        host = urlsplit(iss.reveal()).netloc
    except ValueError:
        return False
    endpoints = (server.authorization_endpoint, server.token_endpoint)
    return any(host == urlsplit(url).netloc for url in endpoints if url)


def _refused(
    error: Secret, members: Mapping[str, Secret], server: AuthorizationServer
) -> Exception:
    hidden = spellings((members.get("code"), members.get("state")))
    code = quoted(error, hidden)
    said = {
        name: quoted(members[name], hidden)
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
