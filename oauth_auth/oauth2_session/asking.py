"""What a session asks a token endpoint by itself: for a token, and for the next one.

The parameters are built by oauthlib's client and sent as requests-oauthlib sends them,
but redirects are not followed: they would take secrets along.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import requests
from oauthlib.common import urldecode
from oauthlib.oauth2 import LegacyApplicationClient, WebApplicationClient

from oauth_auth.oauth2_session import secure
from oauth_auth.oauth2_session.answers import hooked, parse
from oauth_auth.oauth2_session.hidden import Hidden
from oauth_auth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oauth_auth.oauth2_session.session import OAuth2Session

__all__ = [
    "Sent",
    "basic",
    "fetch",
    "prepare_refresh",
    "refresh",
    "run_hooks",
    "warn_of_scope",
]

_FORM = {
    "Accept": "application/json",
    "Content-Type": "application/x-www-form-urlencoded",
}

#: URL, headers and a form or the keyword arguments of a request, as hooks get them.
Sent = Hidden[tuple[str, Any, Any]]


def basic(client_id: str, client_secret: Secret) -> requests.auth.HTTPBasicAuth:
    """Return the client's credentials for the Authorization header, as requests does.

    requests encodes text as latin-1, and fails with what that cannot hold.
    """
    try:
        (client_id + client_secret.reveal()).encode("latin-1")
    except UnicodeEncodeError:
        # It holds the secret, so it must not become another error's context.
        encoding = "utf-8"
    else:
        encoding = "latin-1"
    made: Any = requests.auth.HTTPBasicAuth
    result: requests.auth.HTTPBasicAuth = made(
        client_id.encode(encoding), client_secret.reveal().encode(encoding)
    )
    return result


def decoded(body: Hidden[str]) -> Hidden[dict[str, str]]:
    """Return the parameters in a form.

    Raises:
        ValueError: It is none. Unlike oauthlib's, it does not quote the form.
    """
    try:
        return Hidden(dict(urldecode(body.value)))
    except ValueError:
        pass
    raise ValueError(
        "the body of the token request is not form-encoded; check body= and what the "
        "session's hooks make of it"
    )


def run_hooks(hooks: Iterable[Any], sent: Sent) -> Sent:
    """Have a session's hooks change a request, one after the other."""
    for hook in hooks:
        sent = Hidden(tuple(hook(*sent.value)))
    return sent


def warn_of_scope(warning: str | None) -> None:
    """Say that a scope has changed, once the token is safe."""
    if warning is not None:
        warnings.warn(f"{warning} The token is kept.", stacklevel=4)


# -- a first token ------------------------------------------------------------------


def fetch(
    session: OAuth2Session, token_url: str, given: Hidden[dict[str, Any]]
) -> None:
    """Fetch a token and make it the session's.

    Args:
        session: The session.
        token_url: The token endpoint.
        given: The other arguments of `OAuth2Session.fetch_token`, by name.

    Raises:
        InsecureTransportError: The endpoint is neither https nor on loopback.
        ValueError: An argument is missing or wrong.
        TokenEndpointError: The answer is no token; also oauthlib's error.
    """
    secure.check(Hidden(token_url))
    client: Any = session._client
    code = _code(session, given)
    params = _params(session, given)
    auth, include_client_id = _client_auth(session, given, params)
    form = decoded(
        Hidden(
            client.prepare_request_body(
                code=code.value,
                body=given.value["body"],
                redirect_uri=session.redirect_uri,
                include_client_id=include_client_id,
                **params.value,
            )
        )
    )
    method = given.value["method"].upper()
    if method not in ("POST", "GET"):
        raise ValueError(f"fetch_token sends POST or GET, not {method}")
    in_query = method == "GET" or given.value["force_querystring"]
    sent: Sent = run_hooks(
        session.compliance_hook["access_token_request"],
        Hidden(
            (
                token_url,
                given.value["headers"] or dict(_FORM),
                {"params" if in_query else "data": form.value},
            )
        ),
    )
    answer = session.request(
        method=given.value["method"],
        url=sent.value[0],
        headers=sent.value[1],
        withhold_token=True,
        **{
            "timeout": given.value["timeout"],
            "auth": auth.value,
            "verify": given.value["verify"],
            "proxies": given.value["proxies"],
            "cert": given.value["cert"],
            "allow_redirects": False,
            **sent.value[2],
        },
    )
    answer, raised = hooked(answer, session.compliance_hook["access_token_response"])
    parsed = parse(
        client,
        answer,
        scope=session.scope,
        url=token_url,
        sent=_secrets(form),
        raised=raised,
    )
    session.token = parsed.token.value
    warn_of_scope(parsed.warning)


def _code(session: OAuth2Session, given: Hidden[dict[str, Any]]) -> Hidden[str | None]:
    client: Any = session._client
    if given.value["code"]:
        return Hidden(given.value["code"])
    if given.value["authorization_response"]:
        client.parse_request_uri_response(
            secure.for_oauthlib(Hidden(given.value["authorization_response"])).value,
            state=session._state,
        )
        return Hidden(client.code)
    if isinstance(client, WebApplicationClient):
        if not client.code:
            raise ValueError(
                "fetch_token needs code= or authorization_response=, the URL to which "
                "the person was sent back"
            )
        return Hidden(client.code)
    return Hidden(None)


def _params(
    session: OAuth2Session, given: Hidden[dict[str, Any]]
) -> Hidden[dict[str, Any]]:
    params = Hidden(dict(given.value["kwargs"]))
    if session._pkce:
        if session._code_verifier is None:
            raise ValueError(
                "there is no code_verifier yet: with pkce= call authorization_url() "
                "before fetch_token(), on the same session"
            )
        params.value["code_verifier"] = session._code_verifier
    if isinstance(session._client, LegacyApplicationClient):
        for name in ("username", "password"):
            if given.value[name] is None:
                raise ValueError(
                    f"a LegacyApplicationClient needs username= and password=; {name} "
                    "is missing"
                )
    for name in ("username", "password"):
        if given.value[name] is not None:
            params.value[name] = given.value[name]
    return params


def _client_auth(
    session: OAuth2Session,
    given: Hidden[dict[str, Any]],
    params: Hidden[dict[str, Any]],
) -> tuple[Hidden[Any], bool | None]:
    """Return ``auth`` for the request, and whether the body names the client."""
    auth, include = Hidden(given.value["auth"]), given.value["include_client_id"]
    if auth.value is not None:
        # Whoever authenticates in the header need not name the client in the body.
        include = False if include is None else include
    elif include is not True and session.client_id:
        auth = Hidden(
            basic(session.client_id, Secret(given.value["client_secret"] or ""))
        )
    if include and given.value["client_secret"] is not None:
        params.value["client_secret"] = given.value["client_secret"]
    return auth, include


# -- the next token -----------------------------------------------------------------


def prepare_refresh(
    session: OAuth2Session,
    token_url: str,
    refresh_token: Secret | None,
    given: Hidden[dict[str, Any]],
) -> Sent:
    """Build a refresh request, up to and with the session's hooks.

    Args:
        session: The session.
        token_url: The token endpoint.
        refresh_token: What to spend; None leaves it to oauthlib's client.
        given: ``body``, ``headers`` and the further parameters, as ``kwargs``.

    Returns:
        The URL, the headers, and the parameters of the form.
    """
    client: Any = session._client
    sent = run_hooks(
        session.compliance_hook["refresh_token_request"],
        Hidden(
            (
                token_url,
                dict(_FORM)
                if given.value["headers"] is None
                else given.value["headers"],
                client.prepare_refresh_body(
                    body=given.value["body"],
                    refresh_token=refresh_token.reveal() if refresh_token else None,
                    scope=session.scope,
                    **{**given.value["kwargs"], **session.auto_refresh_kwargs},
                ),
            )
        ),
    )
    form = decoded(Hidden(sent.value[2]))
    return Hidden((sent.value[0], sent.value[1], form.value))


def refresh(
    session: OAuth2Session,
    token_url: str,
    refresh_token: Secret | None,
    given: Hidden[dict[str, Any]],
) -> None:
    """Refresh a token that only this session has.

    Raises:
        TokenEndpointError: The answer is no token; also oauthlib's error.
    """
    sent = prepare_refresh(session, token_url, refresh_token, given)
    answer = session.post(
        sent.value[0],
        data=sent.value[2],
        auth=given.value["auth"],
        timeout=given.value["timeout"],
        headers=sent.value[1],
        verify=given.value["verify"],
        proxies=given.value["proxies"],
        **_no_redirects(given),
    )
    answer, raised = hooked(answer, session.compliance_hook["refresh_token_response"])
    parsed = parse(
        session._client,
        answer,
        scope=session.scope,
        url=token_url,
        sent=_secrets(Hidden(sent.value[2])),
        raised=raised,
    )
    # RFC 6749 section 6: no new one was issued, so the old one goes on.
    if refresh_token is not None and not parsed.token.value.get("refresh_token"):
        parsed.token.value["refresh_token"] = refresh_token.reveal()
    session.token = parsed.token.value
    warn_of_scope(parsed.warning)


def _no_redirects(given: Hidden[dict[str, Any]]) -> dict[str, Any]:
    cert = given.value.get("cert")
    return {
        "withhold_token": True,
        "allow_redirects": False,
        **({} if cert is None else {"cert": cert}),
    }


def _secrets(form: Hidden[dict[str, Any]]) -> list[Secret]:
    return [
        Secret(form.value[name])
        for name in form.value
        if name not in _NO_SECRETS and len(str(form.value[name])) >= _SHORTEST_SECRET
    ]


#: A shorter value is hardly a secret, and hiding it would make messages unreadable.
_SHORTEST_SECRET = 8
#: Parameters that a server may repeat, and an error message with it.
_NO_SECRETS = frozenset(
    {"client_id", "grant_type", "redirect_uri", "scope", "audience", "resource"}
)
