"""What every login ends with: a token request, and a record's new lineage."""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING, Any, Final

from oauth_auth.endpoint import TokenRequest
from oauth_auth.lazy_errors import errors
from oauth_auth.login.pending import used_already
from oauth_auth.protocol import Outcome
from oauth_auth.stores.base import Journal, replaceable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oauth_auth.held import Held
    from oauth_auth.protocol import TokenAnswer
    from oauth_auth.renewal import Terms, TokenSource
    from oauth_auth.secret import Secret
    from oauth_auth.server import AuthorizationServer
    from oauth_auth.stores.base import Record, Transaction
    from oauth_auth.token import Token

__all__ = ["check_writable", "keep", "redeem"]

#: Waits for a worker that is renewing the login before, in seconds.
_LOCK_SECONDS: Final = 60.0

_log = logging.getLogger("oauth_auth")


def check_writable(source: TokenSource) -> None:
    """Find out that a login could not be kept before a person takes the trouble.

    Raises:
        StoreNotWritable: It could not.
        KeyMismatch: What it would replace was sealed with a key that is not among
            ours.
    """
    with source.store.lock(source.record_id, timeout=_LOCK_SECONDS) as transaction:
        record = replaceable(transaction)
        if record.journal is not None:
            return  # there is room, and somebody's refresh token is in doubt
        now = time.time()
        # As before a renewal, since on a full disk a lock can still be had.
        transaction.reserve(Journal(record.generation, "", now, now))
        transaction.mark(record.mark)


def redeem(
    source: TokenSource,
    terms: Terms,
    server: AuthorizationServer,
    params: Mapping[str, Any],
    *,
    once: Secret,
    check: Callable[[Token], object] | None = None,
) -> Held:
    """Redeem a code, and make what it brings the record's newest generation.

    Under the record's lock from the start: a code that was sent and whose token could
    not be kept would be lost, and with it the person's trouble.

    Args:
        source: Whose login it is.
        terms: How the token request is sent.
        server: The server, with its metadata.
        params: The token request's parameters.
        once: What the login is known by, so that no other process finishes it again: a
            server ends a login whose code comes twice (RFC 6749 section 4.1.2).
        check: Raises for a token that must not be used.

    Raises:
        MismatchingStateError: This login has been finished before.
        TokenEndpointError: The server refused the code.
        EndpointUnreachable: No answer came. The code may be spent, so a person has
            to log in again.
        TokenStoreError: The token cannot be kept.
    """
    request = TokenRequest(server, terms.grant, None, None, params)
    name = terms.identifier.fingerprint(once)
    with source.store.lock(source.record_id, timeout=_LOCK_SECONDS) as transaction:
        record = replaceable(transaction)
        if name in record.claims:
            raise used_already()
        record = record._replace(claims=record.claiming(name))
        token = granted(request.send(terms.reach), server)
        if check is not None:
            check(token)
        return _save(source, terms, transaction, record, token)


def keep(source: TokenSource, terms: Terms, token: Token) -> Held:
    """Make a token the record's newest generation.

    Raises:
        TokenStoreError: It cannot be kept.
    """
    with source.store.lock(source.record_id, timeout=_LOCK_SECONDS) as transaction:
        return _save(source, terms, transaction, replaceable(transaction), token)


def granted(answer: TokenAnswer, server: AuthorizationServer) -> Token:
    """Return the token that a server sent.

    Raises:
        OAuthAuthError: It sent none.
    """
    if answer.outcome is not Outcome.GRANTED or answer.token is None:
        raise answer.error or errors.ServerError(f"{server.name} sent no token")
    return answer.token


def _save(
    source: TokenSource,
    terms: Terms,
    transaction: Transaction,
    record: Record,
    token: Token,
) -> Held:
    refresh_token = terms.grant.refresh_token_of(token)
    claims = record.claims
    if refresh_token is not None:
        claims = record.claiming(terms.identifier.fingerprint(refresh_token))
    # Memory may be ahead of a store that was put back: generations never restart.
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
        try:
            source.store.claim(new.claims[-1], source.record_id)
        except errors.TokenStoreError as error:
            # The login is safe all the same.
            _log.warning("a refresh token would not be recognised as seed: %s", error)
    # Whatever was said or put off about the login before is past.
    source.mark = source.unsaved = None
    source.quiet_until = 0.0
    source.said.clear()
    held = source._adopt(new)
    assert held is not None  # noqa: S101  # GRANTED means that there is a token
    _log.info("logged in: %r, generation %d", terms.grant, new.generation)
    return held
