"""What we ask an authorization server: its metadata, tokens, revocation."""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from oauth_auth.client_auth import Draft, client_auth_from
from oauth_auth.lazy_errors import errors
from oauth_auth.message import Request
from oauth_auth.protocol import (
    Outcome,
    TokenAnswer,
    encode_form,
    judge_revocation_response,
    judge_token_response,
    revocation_params,
)
from oauth_auth.refusal import LATER, is_redirect, is_success, redirect_host
from oauth_auth.secret import SecretSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_auth.grants.base import Grant
    from oauth_auth.identity import Identifier
    from oauth_auth.message import Response
    from oauth_auth.reach import Reach
    from oauth_auth.server import AuthorizationServer
    from oauth_auth.stores.base import TokenStore
    from oauth_auth.token import Token

__all__ = [
    "AuthenticatedRequest",
    "TokenRequest",
    "authenticated_request",
    "find_metadata",
    "revoke",
]

#: How long metadata is used before it is fetched again, in seconds.
_METADATA_LIFE: Final = 86400.0
#: How long old metadata serve before the next try, where new ones cannot be had.
_METADATA_PAUSE: Final = 300.0
_HTTP_CLIENT_ERRORS: Final = range(400, 500)
_OK: Final = 200

_log = logging.getLogger("oauth_auth")
_found: dict[tuple[TokenStore, str], tuple[float, Mapping[str, Any]]] = {}


class TokenRequest:
    """A token request, built and ready to send.

    Building may fail, as when a secret cannot be read; sending never raises, so that
    nothing can come between an answer and its save.

    Args:
        server: The server, with its token endpoint known.
        grant: Who asks.
        refresh_token: The refresh token to spend, or None for the grant's own request.
        previous: The token to be replaced, of which a refresh answer may leave out
            parts that stay as they are.
        params: The parameters of any other request, such as that for a code.

    Raises:
        ConfigurationError: The request cannot be built.
    """

    def __init__(
        self,
        server: AuthorizationServer,
        grant: Grant,
        refresh_token: SecretSource | None,
        previous: Token | None,
        params: Mapping[str, Any] | None = None,
    ) -> None:
        if refresh_token is not None:
            params = grant.refresh_request(refresh_token)
        elif params is None:
            params = grant.token_request(server) or {}
        self._server: Final = server
        self._grant: Final = grant
        self._params: Final = params
        self._refreshing: Final = refresh_token is not None
        # After a refresh token has died, the grant's own request must not keep it.
        self._previous: Final = previous if refresh_token is not None else None
        self._made: AuthenticatedRequest | None = self._make()

    def _make(self) -> AuthenticatedRequest:
        return authenticated_request(
            self._server, self._grant, "token_endpoint", self._params
        )

    def send(self, reach: Reach) -> TokenAnswer:
        """Send the request and judge what comes; never raises an error of ours.

        It may be sent again; what is good for one attempt only is made anew for that.
        """
        try:
            made = self._made or self._make()
            self._made = None if made.one_time else made
            response = reach.exchange(made.request)
        except errors.EndpointUnreachable as error:
            outcome = Outcome.UNKNOWN if error.outcome_unknown else Outcome.LATER
            return TokenAnswer(outcome, None, error, None)
        except errors.OAuthAuthError as error:
            return TokenAnswer(Outcome.REFUSED, None, error, None)
        return judge_token_response(
            response,
            url=made.request.url,
            now=time.time(),
            sent=made.sent,
            previous=self._previous,
            auth_method=made.method,
            refreshing=self._refreshing,
        )


class AuthenticatedRequest(NamedTuple):
    """A form to be sent by POST, with what proves the client."""

    request: Request
    #: How the client proves itself (RFC 7591 name).
    method: str
    #: The secrets in it, to be hidden where the server repeats them.
    sent: list[SecretSource]
    #: Whether it is good for one attempt.
    one_time: bool


def authenticated_request(
    server: AuthorizationServer, grant: Grant, endpoint: str, params: Mapping[str, Any]
) -> AuthenticatedRequest:
    """Return a request to an endpoint, with what proves the client.

    Args:
        server: The server, with its metadata.
        grant: Whose client it is.
        endpoint: The metadata's name for the endpoint, which the server has.
        params: The form.

    Raises:
        ConfigurationError: It cannot be built.
    """
    method = client_auth_from(
        grant.client_auth, server=server, has_secret=grant.client_secret is not None
    )
    draft = Draft(server, endpoint, grant.client_id, grant.client_secret, params)
    method.apply(draft)
    form = encode_form(draft.params)
    return AuthenticatedRequest(
        Request("POST", draft.url, draft.headers, form, draft.certificate),
        method.method,
        [
            value
            for value in (*draft.params.values(), grant.client_secret)
            if isinstance(value, SecretSource)
        ],
        draft.one_time,
    )


def revoke(
    server: AuthorizationServer, grant: Grant, token: Token, reach: Reach
) -> Exception | None:
    """Tell the server that a token is no longer wanted (RFC 7009).

    Returns:
        None, or the reason why the server may still honour the token.
    """
    if server.revocation_endpoint is None:
        return None
    secret = token._refresh_token or token._access_token
    if secret is None:
        return None
    hint = "refresh_token" if token._refresh_token else "access_token"
    params = revocation_params(secret, hint)
    try:
        made = authenticated_request(server, grant, "revocation_endpoint", params)
        response = reach.exchange(made.request)
    except errors.OAuthAuthError as error:
        return error
    return judge_revocation_response(
        response, made.request.url, sent=made.sent, auth_method=made.method
    )


def find_metadata(
    server: AuthorizationServer,
    store: TokenStore,
    identifier: Identifier,
    reach: Reach,
) -> AuthorizationServer:
    """Return the server with its endpoints filled in from its metadata.

    Metadata is kept in memory and in the store for a day, and used longer while there
    is none to replace it.

    Raises:
        ConfigurationError: There is no metadata, or it is not this issuer's, and
            nothing is kept.
        EndpointUnreachable: The server cannot be reached, and nothing is kept.
        ServerError: It failed, and nothing is kept.
        TemporarilyUnavailableError: It asks to come back later, and nothing is kept.
    """
    if server.token_endpoint is not None or server.issuer is None:
        return server
    now = time.time()
    key = (store, server.issuer)
    record_id = identifier.record_id({"metadata": server.issuer})
    kept = _found.get(key)
    if not _is_new(kept, now):
        kept = _kept(store, record_id) or kept
    if kept is None or not _is_new(kept, now):
        try:
            kept = (now, _fetched(server, reach))
        except errors.OAuthAuthError as error:
            # Whatever came (a proxy's page, another issuer's document), what the
            # server said before is the best that is known.
            if kept is None:
                raise
            _log.warning("using old metadata of %s: %s", server.issuer, error)
            # Asking at every renewal could cost each of them a timeout.
            kept = (now - _METADATA_LIFE + _METADATA_PAUSE, kept[1])
        else:
            _keep(store, record_id, kept)
    _found[key] = kept
    return server.with_metadata(kept[1])


def _is_new(kept: tuple[float, Mapping[str, Any]] | None, now: float) -> bool:
    # Metadata from the future were fetched while a clock was wrong.
    return kept is not None and kept[0] <= now < kept[0] + _METADATA_LIFE


def _fetched(server: AuthorizationServer, reach: Reach) -> Mapping[str, Any]:
    tried = []
    failure = None
    for url in server.metadata_urls():
        request = Request("GET", url, {"Accept": "application/json"})
        response = reach.exchange(request)
        document = _document(response)
        if document is not None:
            if not isinstance(server.with_metadata(document).token_endpoint, str):
                raise errors.ConfigurationError(
                    f"the metadata at {url} names no token_endpoint; write "
                    "token_endpoint=..."
                )
            return document
        failure = _passing_failure(url, response) or failure
        tried.append(f"{urlsplit(url).path}: {response.status}")
    if failure is not None:
        raise failure
    raise errors.ConfigurationError(
        f"no metadata at {server.issuer} ({', '.join(tried)}); if this is the token "
        "endpoint, write token_endpoint=..."
    )


def _passing_failure(url: str, response: Response) -> Exception | None:
    """Return what to raise if the same request may succeed later."""
    status = response.status
    what = f"{url} answered {status}"
    if is_redirect(response):
        # Networks that want a login of their own redirect everything for a while.
        return errors.ServerError(
            f"{what}, a redirect to {redirect_host(response)}, instead of metadata; "
            "redirects are not followed: if that is the right server, write its issuer",
            status_code=status,
        )
    if status in LATER:
        return errors.TemporarilyUnavailableError(
            f"{what} instead of metadata; try again later", status_code=status
        )
    if status in _HTTP_CLIENT_ERRORS or is_success(response):
        return None
    return errors.ServerError(
        f"{what} instead of metadata; try again later", status_code=status
    )


def _document(response: Response) -> dict[str, Any] | None:
    if response.status != _OK:
        return None
    try:
        document = json.loads(response.body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) and "issuer" in document else None


def _kept(store: TokenStore, record_id: str) -> tuple[float, Mapping[str, Any]] | None:
    try:
        record = store.read(record_id)
        document = (record and record.document) or {}
        return float(document["fetched_at"]), dict(document["metadata"])
    except (KeyError, TypeError, ValueError, errors.TokenStoreError):
        return None


def _keep(
    store: TokenStore, record_id: str, found: tuple[float, Mapping[str, Any]]
) -> None:
    document = {"fetched_at": found[0], "metadata": dict(found[1])}
    try:
        with store.lock(record_id, timeout=0) as transaction:
            record = transaction.read()
            transaction.save(record.succeed(document=document))
    except errors.TokenStoreError as error:
        # Only a saving of time is lost.
        _log.debug("metadata is not kept: %s", error)
