"""What every login ends with: a token request, and a record's new lineage."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Final

from oauth_auth.endpoint import TokenRequest
from oauth_auth.lazy_errors import errors
from oauth_auth.protocol import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oauth_auth.held import Held
    from oauth_auth.renewal import Terms, TokenSource
    from oauth_auth.server import AuthorizationServer
    from oauth_auth.stores.base import Record, Transaction
    from oauth_auth.token import Token

__all__ = ["check_writable", "redeem"]

#: Waits for a worker that is renewing the login before, in seconds.
_LOCK_SECONDS: Final = 60.0


def check_writable(source: TokenSource) -> None:
    """Find out that a login could not be kept before a person takes the trouble.

    Raises:
        StoreNotWritable: It could not.
    """
    with source.store.lock(source.record_id, timeout=_LOCK_SECONDS):
        pass


def redeem(
    source: TokenSource,
    terms: Terms,
    server: AuthorizationServer,
    params: Mapping[str, Any],
    check: Callable[[Token], object] | None = None,
) -> Held:
    """Redeem a code, and make what it brings the record's newest generation.

    Args:
        source: Whose login it is.
        terms: How the token request is sent.
        server: The server, with its metadata.
        params: The token request's parameters.
        check: Raises for a token that must not be used.

    Raises:
        TokenEndpointError: The server refused the code.
        EndpointUnreachable: No answer came. The code may be spent, so a person has
            to log in again.
        TokenStoreError: The token cannot be kept.
    """
    request = TokenRequest(server, terms.grant, None, None, params)
    answer = request.send(terms.reach)
    if answer.outcome is not Outcome.GRANTED or answer.token is None:
        raise answer.error or errors.ServerError(f"{server.name} sent no token")
    if check is not None:
        check(answer.token)
    return _keep(source, terms, answer.token)


def _keep(source: TokenSource, terms: Terms, token: Token) -> Held:
    with source.store.lock(source.record_id, timeout=_LOCK_SECONDS) as transaction:
        record = _read(transaction)
        refresh_token = terms.grant.refresh_token_of(token)
        claims = record.claims
        if refresh_token is not None:
            claims = record.claiming(terms.identifier.fingerprint(refresh_token))
        known = source.held.generation if source.held else 0
        new = record._replace(generation=max(record.generation, known)).succeed(
            token=token,
            # What another worker still tries to save of the login before is void.
            lineage=os.urandom(16).hex(),
            logged_out=False,
            configuration=terms.configuration,
            about=terms.grant.about(terms.account),
            claims=claims,
            rejections=(),
        )
        transaction.save(new)
        if refresh_token is not None:
            source.store.claim(new.claims[-1], source.record_id)
    source.mark = source.unsaved = None
    held = source._adopt(new)
    assert held is not None  # noqa: S101  # GRANTED means that there is a token
    return held


def _read(transaction: Transaction) -> Record:
    from oauth_auth.stores.base import Record

    try:
        return transaction.read()
    except errors.StoreCorrupt:
        # A login heals the record: what is damaged is kept aside by the save. The
        # clock is past every generation counted from 1.
        return Record(generation=int(time.time()))
