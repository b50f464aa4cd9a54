"""The laws of renewal, checked while a run goes on and after it.

1. A refresh token is in flight with at most one worker, and is never sent once a newer
   generation exists.
2. Between the token answer and the durable save nothing sleeps, logs or sends.
3. Before a refresh token is spent, the journal is durable, and there is room.
4. What could not be saved is saved by a later call, and nothing older is spent.
5. Only an answer ends a login, or logout; a failure is answered to all by one request.
6. Generations in the store only ever grow, and what is there can be read.
7. Whoever saw a token rejected is content with a newer one, without a request.
"""

from oauth_auth import errors
from oauth_auth.stores.record_file import RecordFiles
from tests.faults.scheduler import aside

#: As they are, whatever a mutation makes of them.
_read_record, _read_mark = RecordFiles.read_record, RecordFiles.read_mark
_read_next = RecordFiles.read_next

#: Space for an answer that must be reserved, in bytes.
ROOM = 64 * 1024

#: How a login may be lost though no client could have kept it.
DIED = "the answer died with its worker"
WIRE = "the answer was lost on the wire"
LATE = "the request was processed after its sender had given up"
UNSAVED = "the disk failed for too long"


class Laws:
    """Checks one run."""

    def __init__(self, world):
        self.world = world
        #: Record id -> what is in the store.
        self.seen = {}
        #: Record id -> generation that somebody may rely on.
        self.promised = {}
        #: Refresh tokens that the server has called invalid.
        self.invalid = set()
        self.losses = []
        self._holds = 0

    def broken(self, law, what):
        """End the run: a law does not hold."""
        self.world.scheduler.stop(law, what)

    # -- the store ------------------------------------------------------------------

    def look(self, record_id):
        """Read a record that a step may have changed."""
        try:
            with aside():
                new = _read_record(self.files(record_id))
        except errors.TokenStoreError as error:
            self.broken("6 readable", f"{error}")
        old = self.seen.get(record_id)
        if new == old:
            return
        if new is None:
            self.broken("6 readable", f"record {record_id} has gone")
        if old is not None and new.generation <= old.generation:
            self.broken(
                "6 generations", f"{old.generation} was replaced by {new.generation}"
            )
        if new.logged_out and not any(w.logs_out for w in self.world.workers):
            self.broken("5 logout", "a record was logged out by nobody")
        if old and old.logged_out and new.lineage == old.lineage and new.token:
            self.broken("5 logout", "a logged-out login came back")
        self.seen[record_id] = new
        for grant in self.world.authority.grants:
            if new.token and grant.refresh_token == new.token.refresh_token:
                grant.safe = True

    def read_mark(self, record_id):
        """Return the mark of what is in the store now."""
        with aside():
            mark = _read_mark(self.files(record_id))
        record = self.seen.get(record_id)
        if mark is None or record is None or mark.generation != record.generation:
            return None
        return mark

    def look_at_mark(self, record_id):
        """Judge a mark that was just written."""
        mark = self.read_mark(record_id)
        if mark is None or mark.kind != "refused":
            return
        token = self.seen[record_id].token
        if token.refresh_token not in self.invalid:
            self.broken("5 refused", "a login was ended without an answer")

    def files(self, record_id):
        """Return the record's files."""
        return RecordFiles(self.world.records / record_id, self.world.sealer)

    # -- locks and waiting ------------------------------------------------------------

    def locked(self, process, path):
        """Note who got the lock."""
        self._holds += 1
        process.hold = self._holds
        process.generation_at_lock = self._generation(path)

    def unlocking(self, process, path):
        """Whoever comes next relies on what was saved."""
        generation = self._generation(path)
        if generation == process.generation_at_lock or self.world.disk_failed:
            return
        record_id = _record_id(path)
        if not self.world.platter.is_durable(self.world.records / record_id):
            self.broken("2 durable", "the lock was released before the save is durable")
        self.promised[record_id] = generation

    def _generation(self, path):
        record = self.seen.get(_record_id(path))
        return record.generation if record else 0

    def idles(self, task, what):
        """Nothing may come between the answer and its save."""
        grant = task.process.saving
        if grant is not None and grant.task is task and not self.world.disk_failed:
            self.broken("2 answer", f"a worker {what} between an answer and its save")

    def logged(self, task, record):
        """Judge a line in the log."""
        if "unexpected" in record.msg:
            error = record.exc_info and record.exc_info[1]
            self.broken("unexpected", f"{error!r}")
        self.idles(task, "logs")

    # -- requests ---------------------------------------------------------------------

    def sending(self, call):
        """Judge a token request that is about to leave."""
        process, token = call.process, call.refresh_token
        process.posts += 1
        call.task.posts += 1
        if token is None:
            return
        for other in self.world.calls:
            if (
                other.refresh_token == token
                and other.state in ("sent", "answered")
                and not other.process.dead
            ):
                self.broken("1 in flight", "two workers sent one refresh token")
        grant = self.world.authority.spent.get(token)
        if grant and not grant.safe and grant.held_by(process):
            self.broken("4 write back", "spent again while memory has its answer")
        if grant and not self.world.disk_failed and grant.held_by_the_living():
            self.broken("1 newer", "spent again while its answer is being saved")
        record_id, record = self._holding(token)
        if record is None:
            self.broken("1 newer", "the store no longer holds this refresh token")
        if process.definite == (process.hold, token):
            self.broken("5 once", "sent again after a definite answer")
        mark = self.read_mark(record_id)
        if mark is not None and mark.active(self.world.wall_time()):
            self.broken("5 once", f"sent in spite of a mark: {mark.kind}")
        self._journal(record_id, record, token)

    def _holding(self, token):
        for record_id, record in self.seen.items():
            if record.token is not None and record.token.refresh_token == token:
                return record_id, record
        return None, None

    def _journal(self, record_id, record, token):
        files = self.files(record_id)
        with aside():
            journal = _read_next(files).journal
            secret = record.token._refresh_token
            fingerprint = self.world.identifier().fingerprint(secret)
        if journal is None or journal.fingerprint != fingerprint:
            self.broken("3 journal", "a refresh token is spent without a journal")
        if journal.generation != record.generation:
            self.broken("3 journal", "the journal is void: of another generation")
        if not self.world.platter.is_durable(files.next):
            self.broken("3 journal", "the journal is not durable")
        found = files.next.stat()
        if min(found.st_size, found.st_blocks * 512) < ROOM:
            self.broken("3 journal", "no room is reserved for the answer")

    def refused(self, process, token):
        """Note a definite no: the request was not processed."""
        process.definite = (process.hold, token)

    def received(self, call, status):
        """Note an answer that has reached its worker."""
        process = call.process
        if call.refresh_token is None:
            return
        if status != 200:
            self.refused(process, call.refresh_token)
            self.invalid.add(call.refresh_token)
        elif call.grant.rotated:
            call.grant.task = call.task
            process.saving = call.grant

    def reused(self, grant, call):
        """Judge a spent refresh token that came back to the server."""
        if call.state == "late":
            self.losses.append(LATE)
        elif grant.safe:
            self.broken("1 spent twice", "its answer is in the store")
        elif self.world.authority.kind.grace:
            late = any(c.state == "late" for c in self.world.calls)
            if not late:
                self.broken("1 spent twice", "a grace window does not forgive this")
            self.losses.append(LATE)
        elif grant.held_by_the_living() or grant.unsaved:
            if not self.world.disk_failed:
                self.broken("1 spent twice", "a living worker has the answer")
            self.losses.append(UNSAVED)
        elif any(other.state == "lost" for other in grant.calls):
            self.losses.append(WIRE)
        else:
            self.losses.append(DIED)

    def saved(self, process):
        """Note that the names of the records are durable."""
        if process.saving is not None and process.saving.safe:
            process.saving = None

    def used(self, process, held):
        """Judge a token that was handed out."""
        if held.token.access_token in process.rejected:
            self.broken("7 rejected", "a rejected token was handed out again")

    # -- deaths -----------------------------------------------------------------------

    def after_death(self):
        """See which answers outlive their worker: those that are complete on disk."""
        with aside():
            for record_id in self.seen:
                answer = _read_next(self.files(record_id)).answer
                token = answer and answer.token and answer.token.refresh_token
                for grant in self.world.authority.grants:
                    if token and grant.refresh_token == token:
                        grant.safe = True

    def after_power_cut(self):
        """See what the store has come to: what was promised must be there."""
        for grant in self.world.authority.grants:
            grant.safe = False
        for record_id in list(self.seen):
            try:
                with aside():
                    record = _read_record(self.files(record_id))
            except errors.TokenStoreError as error:
                self.broken("6 readable", f"after a power cut: {error}")
            promised = self.promised.get(record_id, 0)
            if (record.generation if record else 0) < promised:
                self.broken("2 durable", "a power cut took what was saved")
            if record is None:
                del self.seen[record_id]
                continue
            self.seen[record_id] = record
            for grant in self.world.authority.grants:
                if record.token and grant.refresh_token == record.token.refresh_token:
                    grant.safe = True
        self.after_death()

    def ends(self, process):
        """A process ends: what it has not saved ends with it."""
        self.after_death()
        for call in self.world.calls:
            if call.process is not process or call.state != "received":
                continue
            grant = call.grant
            if grant is not None and grant.rotated and not grant.safe:
                grant.unsaved = True
                if not self.world.disk_failed:
                    self.broken("2 answer", "an answer was not saved")
                if process.owes_save and not self.losses:
                    self.broken("4 write back", "a later call did not try to save")
            call.state = "gone"


def _record_id(lock):
    return lock.rpartition("/")[2].removesuffix(".lock")
