"""Hand out a fresh token; renew it once, however many ask.

One request's token, step by step:

1. Memory: a fresh token is returned at the cost of one look at the clock.
2. The store, read without a lock: another worker may have renewed it. *Adopt* it.
3. A flight, one per record in this process, which all callers wait for: take the
   record's lock, read again, write the journal, ask the server once, save, release.

A token is *fresh*, then *stale* for the last fifth of its life, then expired. A stale
token is still used, while one worker of all renews it in the background: no request
waits, and an outage shorter than that fifth is not noticed.

A refresh token is spent by one worker at a time, and never once a newer generation
exists. Between the server's answer and its save nothing raises, logs or calls back.
"""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING, Any, Final, NoReturn, final

from oauth_auth import flight, forking, greenlets
from oauth_auth.held import Held
from oauth_auth.lazy_errors import errors
from oauth_auth.rejections import Rejections
from oauth_auth.stores.base import PATIENT_SECONDS, SAVE_SECONDS, Record, holder_of

if TYPE_CHECKING:
    from collections.abc import Hashable

    from oauth_auth.grants.base import Grant
    from oauth_auth.identity import Identifier
    from oauth_auth.reach import Reach
    from oauth_auth.stores.base import Mark, TokenStore

__all__ = ["Terms", "TokenSource"]

#: A server that keeps the records may be started anew meanwhile, in seconds.
_OUTAGE_SECONDS: Final = 5.0
#: A flight that others started may bring just the token that this caller wants to have
#: replaced; each further one is a renewal more.
_FLIGHTS: Final = 5
#: Background renewals look this often whether somebody has logged in again.
_REFUSED_PAUSE: Final = 60.0
_EXCHANGES: Final = 4  # two for metadata, the request, its replay

_log = logging.getLogger("oauth_auth")
_adopting = greenlets.brief_lock()


def _new_lock_after_fork() -> None:
    global _adopting  # noqa: PLW0603  # another thread may have held it at the fork
    _adopting = greenlets.brief_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_lock_after_fork)


@final
class Terms:
    """What travels with a call, so that a replaced secret takes effect at once."""

    __slots__ = (
        "account",
        "background",
        "configuration",
        "grant",
        "identifier",
        "leeway",
        "reach",
    )

    def __init__(
        self,
        *,
        grant: Grant,
        reach: Reach,
        identifier: Identifier,
        leeway: float,
        background: bool,
        account: str | None,
        configuration: str,
    ) -> None:
        self.grant: Final = grant
        self.reach: Final = reach
        self.identifier: Final = identifier
        #: Seconds before expiry at which a token is no longer handed out.
        self.leeway: Final = leeway
        #: Whether stale tokens are renewed behind the requests' back.
        self.background: Final = background
        self.account: Final = account
        #: The record id of the configuration without a seed.
        self.configuration: Final = configuration


def _patience_with(error: Exception, terms: Terms) -> float:
    """Return how long an error of the store is waited for to pass, in seconds."""
    if isinstance(error, errors.StoreLocked):
        return _EXCHANGES * terms.reach.timeout + SAVE_SECONDS
    if not terms.grant.needs_person:
        return -1.0  # it does without the store
    return _OUTAGE_SECONDS


def _refused_again(terms: Terms) -> NoReturn:
    raise errors.OAuthAuthError(
        f"{terms.grant!r}: {_FLIGHTS} renewals in a row brought only tokens that an "
        "API refused meanwhile; check what the API expects"
    )


@final
class TokenSource:
    """Hands out the tokens of one record. Holds state only; safe for all threads.

    Args:
        store: Where the record is kept.
        record_id: Which record.
    """

    __slots__ = (
        "__weakref__",
        "held",
        "mark",
        "quiet_until",
        "record_id",
        "rejections",
        "said",
        "store",
        "unsaved",
    )

    def __init__(self, store: TokenStore, record_id: str) -> None:
        self.store: Final = store
        self.record_id: Final = record_id
        self.held: Held | None = None
        #: A generation that could not be saved yet.
        self.unsaved: Record | None = None
        #: The last failure, also where the store could not keep it.
        self.mark: Mark | None = None
        #: No background renewal before this time (monotonic): the last one failed.
        self.quiet_until = 0.0
        self.rejections: Final = Rejections()
        #: What was said in the log once and need not be said again.
        self.said: set[Hashable] = set()

    # -- for callers ----------------------------------------------------------------

    def obtain(self, terms: Terms, rejected: Held | None = None) -> Held:
        """Return a token that is not the rejected one, renewing if need be.

        Args:
            terms: How a renewal would be done.
            rejected: The token that an API refused, or that the caller wants replaced.

        Raises:
            OAuthAuthError: There is none to be had.
        """
        held = self.in_memory(terms, rejected)
        if held is not None:
            return held
        try:
            held = self._consult(terms, rejected, renewing=False)
            for _ in range(_FLIGHTS):
                if held is not None:
                    break
                under_way = self._join(terms, rejected)
                held = self._acceptable(under_way.wait(), rejected)
        except flight.Reentered:
            return self._stale(reason="its own renewal asked for it")
        except errors.OAuthAuthError as error:
            return self._still_valid(error, rejected)
        return held or _refused_again(terms)

    async def obtain_async(self, terms: Terms, rejected: Held | None = None) -> Held:
        """Return what `obtain` does, without blocking the event loop.

        The store is read in the flight's thread, since a disk or network may be slow.
        """
        held = self.in_memory(terms, rejected)
        if held is not None:
            return held
        try:
            for _ in range(_FLIGHTS):
                if held is not None:
                    break
                under_way = self._join(terms, rejected)
                held = self._acceptable(await under_way.wait_async(), rejected)
        except flight.Reentered:
            return self._stale(reason="its own renewal asked for it")
        except errors.OAuthAuthError as error:
            return self._still_valid(error, rejected)
        return held or _refused_again(terms)

    def in_memory(self, terms: Terms, rejected: Held | None = None) -> Held | None:
        """Return the token in memory if it is good, with no lock and no disk."""
        held = self.held
        if held is None or held.rejected or held is rejected:
            return None
        now = time.time()
        if now < held.fresh_until:
            return held
        if now < held.usable_until(terms.leeway):
            if terms.background and time.monotonic() >= self.quiet_until:
                flight.join(
                    self._key, lambda f: self._renew(f, terms, None), background=True
                )
            return held
        return None

    def look(self) -> Held | None:
        """Adopt what the store holds, if it can be read; return what memory holds."""
        try:
            record = self.store.read(self.record_id)
        except errors.TokenStoreError:
            return self.held
        return self._adopt(record) if record is not None else self.held

    # -- deciding -------------------------------------------------------------------

    @property
    def _key(self) -> Hashable:
        return (self.store, self.record_id)

    def _join(self, terms: Terms, rejected: Held | None) -> flight.Flight[Held]:
        under_way = flight.join(self._key, lambda f: self._renew(f, terms, rejected))
        assert under_way is not None  # noqa: S101  # only background flights may lack
        return under_way

    def _acceptable(self, held: Held, rejected: Held | None) -> Held | None:
        """Take over a flight's result, unless it is what this caller wants replaced.

        A flight that somebody else started may bring just the rejected token.
        """
        if held is rejected or held.rejected:
            return None
        mine = self.held
        if mine is None or mine.generation < held.generation:
            self.held = held
        return held

    def _stale(self, reason: str) -> Held:
        held = self.held
        if held is None or held.token._access_token is None:
            raise errors.OAuthAuthError(
                f"no token can be had here: {reason}, as a log handler does that uses "
                "the same login for its own requests"
            )
        return held

    def _still_valid(self, error: Any, rejected: Held | None) -> Held:
        """Return a token in its last seconds in place of an error.

        Raises:
            OAuthAuthError: There is none.
        """
        held = self.held
        if held is None or held.rejected or held is rejected:
            raise error
        if time.time() >= (held.token.expires_at or float("inf")):
            raise error
        return held

    def _consult(
        self, terms: Terms, rejected: Held | None, *, renewing: bool
    ) -> Held | None:
        """Adopt what the store holds; return it if it is good.

        Args:
            terms: The caller's terms.
            rejected: A token that will not do.
            renewing: Only a fresh token will do, not a stale one.

        Raises:
            LoginRequired: The login has ended.
            OAuthAuthError: The last renewal failed, and it is too soon for another.
        """
        try:
            record = self.store.read(self.record_id)
        except errors.StoreCorrupt:
            if terms.grant.needs_person:
                raise
            record = None  # the flight keeps it aside, and starts anew
        except errors.StoreNotWritable as error:
            # A flight waits for a server for a moment, or does without the store.
            waits = not renewing and isinstance(error, errors.StoreUnreachable)
            if terms.grant.needs_person and not waits:
                raise
            record = None
        if record is not None:
            self._adopt(record)
        held = self._good(terms, rejected) if renewing else None
        if held is None and not renewing:
            held = self.in_memory(terms, rejected)
        if held is None:
            self._raise_if_marked(record or Record(), terms)
        return held

    def _good(self, terms: Terms, rejected: Held | None) -> Held | None:
        held = self.held
        if held is None or held.rejected or held is rejected:
            return None
        until = (
            held.fresh_until if terms.background else held.usable_until(terms.leeway)
        )
        return held if time.time() < until else None

    def _adopt(self, record: Record) -> Held | None:
        """Take over a record if it is newer than memory; return what memory holds."""
        with _adopting:
            held = self.held
            if held is not None and record.generation <= held.generation:
                return held
            token = record.token
            if token is None or token._access_token is None:
                self.held = None
            else:
                self.held = Held(token, record)
            return self.held

    def _raise_if_marked(self, record: Record, terms: Terms) -> None:
        if record.logged_out and terms.grant.needs_person:
            moved_to = (record.document or {}).get("moved_to")
            if moved_to is not None:
                raise errors.LoginRequired(
                    f"the login of {terms.grant!r} was moved to the store {moved_to}; "
                    "use that one (OAUTH_AUTH_STORE)"
                )
            raise errors.LoginRequired(
                f"{terms.grant!r} was logged out; {terms.grant.remedy}"
            )
        now = time.time()
        for mark in (record.mark, self.mark):
            if mark and mark.generation == record.generation and mark.active(now):
                raise errors.from_facts(dict(mark.error))

    # -- renewing, on the flight's thread -------------------------------------------

    def _renew(
        self, under_way: flight.Flight[Held], terms: Terms, rejected: Held | None
    ) -> Held:
        """Renew, or adopt what another worker renewed meanwhile."""
        try:
            return self._in_turn(under_way, terms, rejected)
        except errors.StoreNotWritable as error:
            if terms.grant.needs_person:
                self._be_quiet(error)
                raise
            # Nothing can be lost that the next request to the server does not bring.
            self.say_once(
                logging.WARNING,
                "unwritable",
                "tokens are kept in memory only: %s",
                error,
            )
            return self._renew_in_memory(terms, rejected)
        except errors.OAuthAuthError as error:
            # When the program ends nobody minds.
            self._be_quiet(error, said=not under_way.abandoned)
            raise

    def _in_turn(
        self, under_way: flight.Flight[Held], terms: Terms, rejected: Held | None
    ) -> Held:
        """Take a turn at the record, unless another worker's brings what is wanted.

        Waiters watch the record rather than the lock: they are content as soon as the
        holder has saved, and fail together with it.
        """
        with forking.importing("oauth_auth.lookout"):
            from oauth_auth.lookout import Lookout
        attempt = self.store.lock(self.record_id, timeout=0)
        began = time.monotonic()
        patient = True
        lookout = Lookout(self.store, self.record_id)
        while True:
            try:
                if lookout.look():
                    held = self._consult(terms, rejected, renewing=True)
                    if held is not None:
                        return held
                if lookout.should_try_lock():
                    with attempt as transaction:
                        # All that a turn needs is loaded before anything is spent.
                        with forking.importing("oauth_auth.turn"):
                            from oauth_auth.turn import Turn
                        return Turn(self, terms, rejected, under_way, transaction).run()
            except (errors.StoreLocked, errors.StoreUnreachable) as error:
                waited = time.monotonic() - began
                if waited > _patience_with(error, terms) or under_way.abandoned:
                    raise
                if waited > PATIENT_SECONDS and patient:
                    patient = False
                    self._name_holder(attempt)
            lookout.rest(lambda: under_way.abandoned)

    def _name_holder(self, attempt: object) -> None:
        _log.warning(
            "waiting for %s, which has locked record %s for more than %g s",
            holder_of(attempt),
            self.record_id,
            PATIENT_SECONDS,
        )

    def _renew_in_memory(self, terms: Terms, rejected: Held | None) -> Held:
        """Get a token that nobody has to log in for, without the store."""
        from oauth_auth.endpoint import TokenRequest, find_metadata  # loaded with turn

        generation = self.held.generation if self.held else 0
        held = self._good(terms, rejected)
        if held is not None:
            return held
        self._raise_if_marked(Record(generation=generation), terms)
        try:
            server = find_metadata(
                terms.grant.server, self.store, terms.identifier, terms.reach
            )
        except errors.OAuthAuthError as error:
            self._hold(error, generation)
            raise
        # No hold if it cannot be built: what a machine presents may be back at once.
        answer = TokenRequest(server, terms.grant, None, None).send(terms.reach)
        if answer.token is None or answer.error is not None:
            failure: Any = answer.error or errors.ServerError("no token came")
            self._hold(failure, generation)
            raise failure
        token = answer.token
        told = self.held.rejections if self.held else ()
        record = Record(
            generation=generation + 1,
            token=token,
            rejections=self.rejections.leading_to(generation + 1, rejected, told),
        )
        held = self._adopt(record)
        assert held is not None  # noqa: S101  # the token is newer and presentable
        return held

    def _hold(self, error: Any, generation: int) -> None:
        from oauth_auth.turn import hold

        self.mark = hold(error, self.mark, generation, None)
        self._be_quiet(error)

    def _be_quiet(self, error: Any, *, said: bool = True) -> None:
        mark = self.mark
        pause = 1.0
        if mark is not None and mark.active(time.time()):
            pause = mark.duration if mark.kind == "hold" else _REFUSED_PAUSE
        self.quiet_until = time.monotonic() + pause
        if said:
            _log.warning("not renewed: %s", error)

    def say_once(self, level: int, key: Hashable, message: str, *args: object) -> None:
        """Log something that need not be said again for this record."""
        if key not in self.said:
            self.said.add(key)
            _log.log(level, message, *args)
