"""The authorization endpoint: a browser comes, a simulated person decides, it leaves.

RFC 6749 sections 4.1.1 and 4.1.2, RFC 7636, RFC 8252 section 7.3, RFC 8707, RFC 9207.
"""

from __future__ import annotations

import re
from http import HTTPMethod
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from oauth_auth.testing.clients import CLIENTS, Refusal
from oauth_auth.testing.codes import Consent
from oauth_auth.testing.http_message import HttpResponse, json_response
from oauth_auth.testing.settings import changed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oauth_auth.testing.codes import Codes
    from oauth_auth.testing.http_message import HttpRequest
    from oauth_auth.testing.settings import Settings

__all__ = ["authorize"]

#: RFC 7636 section 4.2, of a SHA-256 digest.
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
#: With any port (RFC 8252 section 7.3); "localhost" may be any address, and is not.
_LOOPBACK: Final = ("127.0.0.1", "::1")
_HOSTS_OF_THIS_MACHINE: Final = (*_LOOPBACK, "localhost")
#: Who is logged in at the server, unless the request hints at somebody else.
_SOMEBODY: Final = "alice"


def authorize(
    request: HttpRequest, codes: Codes, settings: Settings, issuer: str
) -> HttpResponse:
    """Answer an authorization request: send the browser on, with a code or an error.

    The person is the one in ``login_hint`` of the request, else "alice", has logged in
    before, and agrees; unless the settings say otherwise.

    Args:
        request: The browser's.
        codes: Issues the code.
        settings: What the person and the server do.
        issuer: The server.
    """
    if request.method != HTTPMethod.GET:
        return _page(405, "open this page in a browser")
    sent = parse_qsl(request.query, keep_blank_values=True)
    params = {name: value for name, value in sent if value}
    client = CLIENTS.get(params.get("client_id", ""))
    if client is None:
        return _page(400, "there is no such client")
    redirect_uri = params.get("redirect_uri", "")
    # Section 4.1.2.1: nobody is sent to a place that the client has not named before.
    if not _is_registered(redirect_uri, settings.redirect_uris):
        return _page(400, "this redirect_uri is not registered")
    response: dict[str, Any] = {"iss": issuer}
    if "state" in params:
        response["state"] = params["state"]
    try:
        response["code"] = codes.issue(_consented(sent, params, settings))
    except Refusal as refusal:
        response["error"] = refusal.error
        response["error_description"] = refusal.description
    answer = changed(response, settings.authorization_response)
    return _sent_on(redirect_uri, answer)


def _consented(
    sent: Sequence[tuple[str, str]], params: Mapping[str, str], settings: Settings
) -> Consent:
    """Return what the person agrees to.

    Raises:
        Refusal: The request is not one, or the person does not agree.
    """
    once = [name for name, _ in sent if name != "resource"]
    if len(set(once)) < len(once):
        raise Refusal("invalid_request", "a parameter occurs more than once")
    if "response_type" not in params:
        raise Refusal("invalid_request", "response_type is missing")
    if params["response_type"] != "code":
        raise Refusal("unsupported_response_type", "only code is known")
    if params.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(
        params.get("code_challenge", "")
    ):
        raise Refusal("invalid_request", "PKCE by S256 is required")
    resources = tuple(value for name, value in sent if name == "resource")
    for resource in resources:
        parts = urlsplit(resource)
        # RFC 8707 section 2.
        if not parts.scheme or parts.fragment:
            raise Refusal("invalid_target", "resource must be an absolute URI")
    if settings.authorization_error is not None:
        raise Refusal(settings.authorization_error, "as the settings want it")
    return Consent(
        account=params.get("login_hint", _SOMEBODY),
        client_id=params["client_id"],
        redirect_uri=params["redirect_uri"],
        code_challenge=params["code_challenge"],
        scope=params.get("scope", settings.scope),
        nonce=params.get("nonce"),
        resources=resources,
    )


def _is_registered(uri: str, registered: Sequence[str] | None) -> bool:
    try:
        parts = urlsplit(uri)
        host = parts.hostname
    except ValueError:
        return False
    if not host or "#" in uri:
        return False
    if registered is None:
        return parts.scheme == "https" or (
            parts.scheme == "http" and host in _HOSTS_OF_THIS_MACHINE
        )
    return uri in registered or any(
        _without_port(uri) == _without_port(other)
        for other in registered
        if host in _LOOPBACK
    )


def _without_port(uri: str) -> tuple[str | None, ...]:
    parts = urlsplit(uri)
    return parts.scheme, parts.hostname, parts.path, parts.query


def _sent_on(redirect_uri: str, answer: Mapping[str, Any]) -> HttpResponse:
    """RFC 6749 section 4.1.2: a query that the redirect URI has stays."""
    parts = urlsplit(redirect_uri)
    query = "&".join(filter(None, (parts.query, urlencode(answer, doseq=True))))
    location = urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))
    return HttpResponse(302, (("Location", location), ("Cache-Control", "no-store")))


def _page(status: int, text: str) -> HttpResponse:
    return json_response(status, {"error": "invalid_request", "said": text})
