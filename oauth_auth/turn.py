"""A worker's turn at a record: everything that happens while it holds the lock.

Read again; journal; ask once; save. What can fail is done before the refresh token is
spent, and what can be put off is done after the answer is safe.
"""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING, Any, Final, final

from oauth_auth.endpoint import TokenRequest, find_metadata
from oauth_auth.held import fresh_until
from oauth_auth.lazy_errors import errors
from oauth_auth.protocol import Outcome
from oauth_auth.stores.base import Journal, Mark, replaceable

if TYPE_CHECKING:
    from oauth_auth.flight import Flight
    from oauth_auth.held import Held
    from oauth_auth.protocol import TokenAnswer
    from oauth_auth.renewal import Terms, TokenSource
    from oauth_auth.secret import SecretSource
    from oauth_auth.server import AuthorizationServer
    from oauth_auth.stores.base import Record, Transaction

__all__ = ["SAVE_SECONDS", "Turn", "hold"]

#: Room for saving beside the exchanges, in seconds.
SAVE_SECONDS: Final = 10.0
#: Holds after failures of the server or network double from 1 s up to this.
_LONGEST_HOLD: Final = 30.0
#: A hold after an answer that trying again soon will not change.
_REFUSED_HOLD: Final = 60.0
#: Pause between attempts to save, in seconds.
_SAVE_PAUSE: Final = 0.05

_log = logging.getLogger("oauth_auth")


@final
class Turn:
    """One renewal under the record's lock."""

    def __init__(
        self,
        source: TokenSource,
        terms: Terms,
        rejected: Held | None,
        under_way: Flight[Held],
        transaction: Transaction,
    ) -> None:
        self._source: Final = source
        self._terms: Final = terms
        self._grant: Final = terms.grant
        self._rejected: Final = rejected
        self._flight: Final = under_way
        self._transaction: Final = transaction

    def run(self) -> Held:
        """Read again, and renew only if no other worker has.

        Raises:
            OAuthAuthError: No token was had; the other workers are told by a mark.
        """
        record = self._newest(self._read())
        source = self._source
        source._adopt(record)
        held = source._good(self._terms, self._rejected)
        if held is not None:
            return held
        source._raise_if_marked(record, self._terms)
        refresh_token = self._grant.refresh_token_of(record.token)
        if refresh_token is None and self._grant.needs_person:
            raise errors.LoginRequired(
                f"no refresh token is kept for {self._grant!r}; {self._grant.remedy}"
            )
        try:
            server = find_metadata(
                self._grant.server,
                source.store,
                self._terms.identifier,
                self._terms.reach,
            )
        except errors.OAuthAuthError as error:
            self._mark(hold(error, source.mark, record.generation, None))
            raise
        return self._ask(server, record, refresh_token)

    def _read(self) -> Record:
        if self._grant.needs_person:
            return self._transaction.read()
        return replaceable(self._transaction)

    def _newest(self, record: Record) -> Record:
        """Write back what memory knows, rather than spend what is older.

        It may be what could not be saved before, or what the store has lost since: a
        server that took another's place may not have got its last writes.

        Raises:
            StoreNotWritable: It still cannot be saved.
        """
        source = self._source
        known = source.unsaved
        # A machine's token may never have been in the store, and matters to nobody.
        if known is None and self._grant.needs_person:
            known = _kept_in_memory(source.held)
        if known is None:
            return record
        if record.generation and (known.lineage != record.lineage or record.logged_out):
            source.unsaved = None  # somebody logged in or out since
            return record
        if known.generation > record.generation:
            if source.unsaved is None:
                _log.warning(
                    "record %s: the store has lost generation %d, which is written "
                    "back from memory",
                    source.record_id,
                    known.generation,
                )
            if not record.generation:
                self._terms.identifier.write_back(source.store)
            self._transaction.save(known)
            record = known
        elif source.unsaved is None:
            return record
        source.unsaved = None
        if source.held and source.held.generation == record.generation:
            source.held.fresh_until = fresh_until(source.held.token)
        self._claim(record)
        return record

    def _ask(
        self,
        server: AuthorizationServer,
        record: Record,
        refresh_token: SecretSource | None,
    ) -> Held:
        terms, grant = self._terms, self._grant
        request = TokenRequest(server, grant, refresh_token, record.token)
        if self._flight.abandoned:
            raise errors.OAuthAuthError(
                "the interpreter is ending, and nobody waits for this renewal"
            )
        doubtful = record.journal is not None
        # Made before the answer comes, so that nothing between it and the save is.
        lineage = record.lineage or os.urandom(16).hex()
        if refresh_token is not None:
            # Its writer may have died before: once spent, it must not seed again.
            self._claim(record)
            self._reserve(record, refresh_token)
        answer = request.send(terms.reach)
        if refresh_token is not None and answer.outcome is Outcome.UNKNOWN:
            doubtful = True
            if answer.token is None:
                # It may have been spent: a server with a grace window answers the
                # same again, but only within seconds.
                self._confirm()
                answer = request.send(terms.reach)
        if answer.token is not None:
            return self._keep(record, lineage, answer)
        if answer.outcome is Outcome.GRANT_ENDED and refresh_token is not None:
            return self._ended(server, record, refresh_token, answer, doubtful=doubtful)
        error = answer.error or errors.ServerError(f"{grant!r}: no token came")
        self._mark(
            hold(
                error,
                record.mark or self._source.mark,
                record.generation,
                answer,
                # What was in doubt before is so still, whatever this answer says.
                in_doubt=doubtful,
            )
        )
        raise error

    def _reserve(self, record: Record, refresh_token: SecretSource) -> None:
        now = time.time()
        self._transaction.reserve(
            Journal(
                generation=record.generation,
                fingerprint=self._terms.identifier.fingerprint(refresh_token),
                written_at=now,
                in_flight_until=now + 2 * self._terms.reach.timeout + SAVE_SECONDS,
            )
        )

    def _confirm(self) -> None:
        """See that nobody has taken over meanwhile.

        Raises:
            StoreLocked: Another worker may have, and sends the refresh token itself.
        """
        # Only where that is possible: a kernel's lock is held until it is freed.
        confirm = getattr(self._transaction, "confirm", None)
        if confirm is not None:
            confirm(self._terms.reach.timeout)

    def _keep(self, record: Record, lineage: str, answer: TokenAnswer) -> Held:
        """Save the answer, and serve it even if that fails."""
        source, terms, grant = self._source, self._terms, self._grant
        token = answer.token
        claims = record.claims
        spent = grant.refresh_token_of(token)
        if spent is not None:
            claims = record.claiming(terms.identifier.fingerprint(spent))
        known = source.held.generation if source.held else 0
        # Memory may be ahead of a store that could not be written, or was put back:
        # generations never restart.
        latest = max(record.generation, known)
        new = record._replace(generation=latest).succeed(
            token=token,
            lineage=lineage,
            logged_out=False,
            configuration=terms.configuration,
            about=grant.about(terms.account),
            claims=claims,
            rejections=source.rejections.leading_to(
                latest + 1, self._rejected, record.rejections
            ),
        )
        try:
            self._transaction.save(new)
        except errors.StoreConflict as error:
            return self._overtaken(error)
        except Exception as error:  # noqa: BLE001  # whatever it is, the token lives
            return self._serve_unsaved(new, error)
        source.mark = None
        held = source._adopt(new)
        self._claim(new, dropped=_dropped(record, new))
        if answer.error is not None or held is None:
            # Only a refresh token came: it is safe, and now the error may be raised.
            problem: Any = answer.error or errors.ServerError("no access token came")
            self._mark(hold(problem, None, new.generation, None))
            raise problem
        _log.info("renewed: %r, generation %d", grant, new.generation)
        if record.token and token and record.token.scope != token.scope:
            _log.info("%r: the scope is now %r", grant, token.scope)
        return held

    def _overtaken(self, conflict: Exception) -> Held:
        """Take what another worker has saved, which took over too early or too late.

        Raises:
            StoreConflict: There is nothing of use.
        """
        source = self._source
        source._adopt(self._transaction.read())
        held = source._good(self._terms, self._rejected)
        if held is None:
            raise conflict
        return held

    def _serve_unsaved(self, new: Record, error: Exception) -> Held:
        """Let the callers have the token, and go on saving while the lock is held."""
        source = self._source
        held = source._adopt(new)
        if held is None:
            raise error
        if not self._grant.needs_person:
            source.say_once(
                logging.WARNING,
                "unwritable",
                "a token is kept in memory only: %s",
                error,
            )
            return held
        source.unsaved = new
        # As if stale, so that later calls try again to save.
        held.fresh_until = 0.0
        self._flight.publish(held)
        _log.error("the new token is in memory only, and saving goes on: %s", error)
        deadline = time.monotonic() + self._terms.reach.timeout
        while time.monotonic() < deadline:
            time.sleep(_SAVE_PAUSE)
            try:
                self._newest(self._transaction.read())
            except errors.TokenStoreError:
                continue
            return held
        source.quiet_until = time.monotonic() + 1.0
        return held

    def _ended(
        self,
        server: AuthorizationServer,
        record: Record,
        refresh_token: SecretSource,
        answer: TokenAnswer,
        *,
        doubtful: bool,
    ) -> Held:
        """The server does not know the refresh token any more.

        Raises:
            LoginRequired: And there is no other way without a person.
        """
        again = self._transaction.read()
        other = self._grant.refresh_token_of(again.token)
        if other is not None and other.reveal() != refresh_token.reveal():
            return self._ask(server, again, other)
        if not self._grant.needs_person:
            return self._ask(server, record._replace(journal=None), None)
        cause: Any = answer.error
        error = errors.LoginRequired(
            f"{cause}{_LOST if doubtful else ''} The login has ended; "
            f"{self._grant.remedy}",
            status_code=cause.status_code,
            description=cause.description,
            answer_lost=doubtful,
        )
        self._mark(
            Mark("refused", record.generation, time.time(), 0.0, errors.to_facts(error))
        )
        raise error

    def _mark(self, mark: Mark) -> None:
        self._source.mark = mark
        try:
            self._transaction.mark(mark)
        except errors.TokenStoreError as error:
            _log.debug("the other workers are not told of a failure: %s", error)

    def _claim(self, record: Record, dropped: str | None = None) -> None:
        """Have the newest refresh token recognised if it comes back as a seed."""
        if not record.claims:
            return
        store, record_id = self._source.store, self._source.record_id
        try:
            store.claim(record.claims[-1], record_id, replaces=dropped)
        except errors.TokenStoreError as error:
            _log.warning("a refresh token would not be recognised as seed: %s", error)


def _kept_in_memory(held: Held | None) -> Record | None:
    # Without a lineage it was never in a store.
    return held.record if held is not None and held.record.lineage else None


#: What nobody could have prevented, said where it happened.
_LOST: Final = (
    " An earlier answer was lost, with the worker that waited for it or on the wire, "
    "and the server has no grace window in which it repeats one: no client could have "
    "kept this login."
)


def _dropped(old: Record, new: Record) -> str | None:
    if old.claims and new.claims and old.claims[0] not in new.claims:
        return old.claims[0]
    return None


def hold(
    error: Any,
    last: Mark | None,
    generation: int,
    answer: TokenAnswer | None,
    *,
    in_doubt: bool = False,
) -> Mark:
    """Return the mark by which all workers leave the server alone for a while."""
    failures = 1
    if last is not None and last.generation == generation:
        failures = last.failures + 1
    # Thousands of failures are a day's outage, and no power of two can hold that many.
    duration = min(2.0 ** min(failures - 1, 10), _LONGEST_HOLD)
    if not error.retryable:
        duration = _REFUSED_HOLD
    if answer is not None and answer.retry_after is not None:
        # A server that says "now" each time must not be hammered: its word shortens
        # only the first hold.
        least = duration if failures > 1 else 0.0
        duration = max(answer.retry_after, least)
    return Mark(
        "hold",
        generation,
        time.time(),
        duration,
        errors.to_facts(error),
        failures,
        in_doubt,
    )
