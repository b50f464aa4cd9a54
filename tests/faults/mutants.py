"""The real code with one thing wrong: what the explorer must find.

Each mutant is a context manager that patches the code under test, and says where to
look for it: in which scenarios, with which kind of server.
"""

import contextlib
import logging
import os
from typing import NamedTuple
from unittest import mock

from oauth_auth import seed, turn
from oauth_auth.endpoint import TokenRequest
from oauth_auth.held import Held
from oauth_auth.protocol import Outcome
from oauth_auth.renewal import TokenSource
from oauth_auth.stores import disk, file_transaction, record_file
from oauth_auth.stores.base import Mark, Record
from oauth_auth.stores.file_lock import FileLock
from oauth_auth.stores.file_transaction import FileTransaction
from oauth_auth.stores.record_file import Next, RecordFiles
from oauth_auth.turn import Turn
from tests.faults.scheduler import running


class Mutant(NamedTuple):
    """One thing wrong."""

    name: str
    patch: object
    #: Scenarios and servers in which it shows.
    cases: tuple
    power: bool = False


MUTANTS = []
_EXPIRED = (("expired", "strict"),)


def mutant(name, *cases, power=False):
    """Register a function that yields (object, attribute, replacement)."""

    def register(changes):
        @contextlib.contextmanager
        def patch():
            with contextlib.ExitStack() as stack:
                for change in changes():
                    stack.enter_context(mock.patch.object(*change))
                yield

        MUTANTS.append(Mutant(name, patch, cases or _EXPIRED, power))
        return changes

    return register


@mutant("the lock is stubbed out")
def no_lock():
    yield FileLock, "__enter__", lambda self: None
    yield FileLock, "__exit__", lambda self, *exc_info: None


@mutant("the save comes after the release")
def late_save():
    save = FileTransaction.save

    def leave(self, *exc_info):
        self._lock.__exit__(*exc_info)
        for record in self.__dict__.pop("late", ()):
            save(self, record)
        self._close()

    def put_off(self, record):
        self.__dict__.setdefault("late", []).append(record)

    yield FileTransaction, "save", put_off
    yield FileTransaction, "__exit__", leave


@mutant("no journal is written")
def no_journal():
    yield Turn, "_reserve", lambda self, record, refresh_token: None


@mutant("the journal comes after the request")
def late_journal():
    reserve, send, put_off = Turn._reserve, TokenRequest.send, {}

    def remember(self, record, refresh_token):
        put_off[running()] = (self, record, refresh_token)

    def send_first(self, reach):
        answer = send(self, reach)
        if running() in put_off:
            reserve(*put_off.pop(running()))
        return answer

    yield Turn, "_reserve", remember
    yield TokenRequest, "send", send_first


@mutant("the journal is not synced")
def loose_journal():
    def reserve(self, journal):
        self._search()
        self._start_next(self._files.sealed(journal))

    yield FileTransaction, "reserve", reserve


@mutant("no room is reserved")
def no_room():
    yield file_transaction, "_allocate", lambda fd, size: None


@mutant("the record is not read again under the lock", *_EXPIRED, ("seed", "grace"))
def no_second_look():
    start = FileTransaction.__init__

    def look_early(self, files, timeout):
        start(self, files, timeout)
        self.early = files.read_record() or Record()

    yield FileTransaction, "__init__", look_early
    yield FileTransaction, "read", lambda self: self.early


@mutant("tokens are ordered by expiry", ("rejected", "grace"))
def by_expiry():
    def adopt(self, record):
        token, held = record.token, self.held
        if token is None or (
            held and (token.expires_at or 0) <= (held.token.expires_at or 0)
        ):
            return held
        self.held = Held(token, record)
        return self.held

    yield TokenSource, "_adopt", adopt


@mutant("the record is renamed without a sync")
def no_sync():
    def finish(self, sealed):
        answer = len(sealed).to_bytes(4, "big") + sealed
        disk.write_all(self._fd, answer, self._answer_at)
        os.ftruncate(self._fd, self._answer_at + len(answer))

    yield FileTransaction, "_finish_next", finish


@mutant("directories are not synced")
def no_directory_sync():
    yield disk, "sync_directory", lambda path: None


@mutant("a 5xx ends the login")
def ended_by_failure():
    hold = turn.hold

    def refuse(error, last, generation, *args, **kwargs):
        found = hold(error, last, generation, *args, **kwargs)
        return Mark("refused", generation, found.written_at, 0.0, found.error)

    yield turn, "hold", refuse


@mutant("a definite no is asked again", ("revoked", "strict"))
def replay_after_no():
    send = TokenRequest.send
    definite = (Outcome.LATER, Outcome.REFUSED, Outcome.GRANT_ENDED)

    def again(self, reach):
        answer = send(self, reach)
        return send(self, reach) if answer.outcome in definite else answer

    yield TokenRequest, "send", again


@mutant("a failure is not marked", ("revoked", "strict"))
def no_mark():
    yield FileTransaction, "mark", lambda self, mark: None


@mutant("marks are not heeded", ("revoked", "strict"))
def deaf_to_marks():
    yield TokenSource, "_raise_if_marked", lambda self, record, terms: None


@mutant("a hold of the future is heeded", ("on hold", "strict"))
def hold_of_the_future():
    def active(self, now):
        return self.kind == "refused" or now < self.written_at + self.duration

    yield Mark, "active", active


@mutant("tokens are ordered by the time they came", ("rejected", "grace"))
def by_time():
    def adopt(self, record):
        token, held = record.token, self.held
        if token is None or (
            held
            and (
                record.generation == held.generation
                or token.obtained_at < held.token.obtained_at
            )
        ):
            return held
        self.held = Held(token, record)
        return self.held

    yield TokenSource, "_adopt", adopt


def _overwrite(files, record):
    sealed = files.sealed(record)
    data = record_file._MAGIC + bytes(4) + len(sealed).to_bytes(4, "big") + sealed
    disk.write_private(files.path, data, durable=True)


@mutant("stale memory is saved over a newer record", ("rejected", "grace"))
def stale_memory():
    newest = Turn._newest

    def save_memory(self, record):
        held = self._source.held
        if held is not None and held.generation < record.generation:
            record = record._replace(generation=held.generation, token=held.token)
            _overwrite(self._transaction._files, record)
        return newest(self, record)

    yield Turn, "_newest", save_memory


@mutant("generations restart with a login", ("new login", "grace"))
def restart():
    succeed, save = Record.succeed, FileTransaction.save

    def first(self, **changes):
        record = succeed(self, **changes)
        if changes.get("lineage", self.lineage) != self.lineage:
            record = record._replace(generation=1)
        return record

    def force(self, record):
        current = self._files.read_record()
        if current is not None and current.lineage != record.lineage:
            _overwrite(self._files, record)
        else:
            save(self, record)

    yield Record, "succeed", first
    yield FileTransaction, "save", force


@mutant("a rejection always renews", ("rejected", "grace"))
def deaf_to_others():
    in_memory, good = TokenSource.in_memory, TokenSource._good

    def unless_rejected(find):
        return lambda self, terms, rejected=None: (
            find(self, terms, None) if rejected is None else None
        )

    yield TokenSource, "in_memory", unless_rejected(in_memory)
    yield TokenSource, "_good", unless_rejected(good)


@mutant("older generations are adopted", ("two threads", "grace"), ("twice", "strict"))
def adopt_older():
    def adopt(self, record):
        held, token = self.held, record.token
        if token is None or token._access_token is None:
            self.held = None
        elif held is None or record.generation != held.generation:
            self.held = Held(token, record)
        return self.held

    yield TokenSource, "_adopt", adopt


@mutant("what was not saved is not written back", ("twice", "strict"))
def no_write_back():
    yield Turn, "_newest", lambda self, record: record


@mutant("the record is written in place")
def in_place():
    replace = disk.replace

    def write_over(source, target):
        if "." in target.name or not target.exists():
            replace(source, target)
            return
        data = source.read_bytes()
        fd = os.open(target, os.O_WRONLY | os.O_TRUNC)
        os.write(fd, data[: len(data) // 2])
        os.write(fd, data[len(data) // 2 :])
        os.fsync(fd)
        os.close(fd)
        source.unlink()

    yield disk, "replace", write_over


@mutant("a dead worker's answer is dropped")
def no_roll_forward():
    read = RecordFiles.read_next

    def read_next(self):
        found = read(self)
        return Next(found.journal, None, found.data)

    yield RecordFiles, "read_next", read_next


@mutant("a lost answer is not named")
def unsaid():
    ended = Turn._ended

    def keep_quiet(self, *args, doubtful):
        return ended(self, *args, doubtful=False)

    yield Turn, "_ended", keep_quiet


@mutant("a spent seed seeds again", ("seed", "strict"))
def seed_again():
    def plant(store, record_id, seeded):
        with store.lock(record_id, timeout=30.0) as transaction:
            record = transaction.read()
            transaction.save(
                record.succeed(
                    lineage=os.urandom(16).hex(),
                    token=seeded.token,
                    configuration=seeded.configuration,
                    claims=seeded.claims,
                )
            )

    yield seed, "_plant", plant


@mutant("something is logged before the save")
def chatty():
    keep = Turn._keep

    def say(self, *args):
        logging.getLogger("oauth_auth").info("renewed")
        return keep(self, *args)

    yield Turn, "_keep", say
