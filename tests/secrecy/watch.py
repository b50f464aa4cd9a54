"""The watch: what has become a secret, what was told in the open, where both meet.

It runs in every test and in most of the processes that tests start. It learns the
secrets from what the package wraps in a `Secret` and from what the testing server
issues, reads every log record at every level, every error of the package with all that
hangs on it, and notes a *finding* wherever a piece of a secret turns up, whichever
comes first, the secret or the text.

There are no locks: a thread that forks while it holds one leaves a child that waits.
"""

import contextlib
import itertools
import os
import sys
import traceback

from tests.secrecy.pieces import pieces, secret_pieces, words
from tests.secrecy.told import frames_of_ours, told_by_error, told_by_frame

__all__ = ["DIRECTORY", "Watch", "watch"]

#: The environment variable that tells child processes where to report to.
DIRECTORY = "OAUTH_AUTH_TESTS_SECRECY"
#: Errors of one test that are looked at again when it has ended.
_ERRORS_KEPT = 30
_FINDINGS_KEPT = 50
#: Errors that are made in the same frames, as far as these, are looked at once a test.
_INNER_FRAMES = 6


class Watch:
    """What one process knows during one test."""

    def __init__(self):
        self.directory = os.environ.get(DIRECTORY)
        #: The process whose findings are taken from memory; others write them down.
        self.owner = None
        self._files = {}
        #: Secrets of which only the whole can be recognised, in all their spellings.
        self.wholes = set()
        self.begin()

    def begin(self):
        """Forget everything: another test starts."""
        #: Whether anything is learned; False where a test makes up secrets at random.
        self.listens = True
        self._values = set()
        self._shown = set()
        self._secret = set()
        self._texts = set()
        self._words = {}
        self._open = set()
        self._errors = []
        self._stacks = set()
        self._findings = []
        self._noted = set()

    # -- what is secret ------------------------------------------------------------

    def learn(self, value):
        """Take note of a secret."""
        if not self.listens or value in self._values or not isinstance(value, str):
            return
        self._values.add(value)
        found = secret_pieces(value)
        self._secret |= found
        if not found.isdisjoint(self._open):
            for word, where in list(self._words.items()):
                for piece in sorted(pieces(word) & found)[:1]:
                    self._note(piece, where)

    # -- what is told --------------------------------------------------------------

    def hear(self, text, where):
        """Take note of a text that others may read.

        Args:
            text: The text.
            where: What is said about it if there is a secret in it: its parts.
        """
        if text in self._texts:
            return
        told = {whole for whole in self.wholes if whole in text}
        for word in words(text):
            if word not in self._words:
                self._words[word] = where
                self._open |= pieces(word)
            told |= pieces(word) & self._secret
        if told:
            self._note(min(told), where)
        else:
            # Texts and words come again and again; those that tell are told each time.
            self._texts.add(text)

    def hear_record(self, record):
        """Take note of a log record, and of the error in it."""
        try:
            text = record.getMessage()
        except Exception as error:
            text = f"{record.msg!r} {error!r}"
        self.hear(text, ("a log line of", record.name, text))
        if record.exc_info and record.exc_info[1] is not None:
            self.hear_error(record.exc_info[1], record.name)
        if record.stack_info:
            self.hear(record.stack_info, ("a stack in the log of", record.name))

    def hear_error(self, error, whence):
        """Take note of all that an exception tells."""
        for text, where in told_by_error(error):
            self.hear(text, (whence, *where))

    def hear_frame(self, frame, passing=frozenset()):
        """Take note of what a frame's locals tell, as if an exception passed it now."""
        for text, where in told_by_frame(frame, passing):
            self.hear(text, where)

    def hear_made(self, error):
        """Take note of an error of ours that is made, and of the frames around it."""
        if not self.listens:
            return  # there is no secret that its frames could tell
        if len(self._errors) < _ERRORS_KEPT:
            self._errors.append(error)
        frames = frames_of_ours(sys._getframe())
        inner = list(itertools.islice(frames, _INNER_FRAMES))
        # By identity, since Python computes the hash of code anew each time.
        stack = tuple((id(frame.f_code), frame.f_lineno) for frame in inner)
        if stack not in self._stacks:
            self._stacks.add(stack)
            for frame in (*inner, *frames):
                self.hear_frame(frame)

    # -- what the person in front of the program is to see --------------------------

    def shown(self, text):
        """Take note of a text that was written to the terminal on purpose."""
        if os.getpid() == self.owner:
            self._shown.add(text)
        else:
            self._write("shown", f"{text}\0")

    def without_shown(self, text):
        """Return what a terminal got without exactly those texts."""
        self._shown.update(self._read("shown"))
        for each in self._shown:
            text = text.replace(each, "")
        return text

    # -- where both meet -----------------------------------------------------------

    def _note(self, piece, where):
        if where in self._noted or len(self._noted) >= _FINDINGS_KEPT:
            return
        self._noted.add(where)
        stack = "".join(traceback.format_stack(limit=12)[:-2])
        place = " ".join(str(part)[:300] for part in where)
        finding = f"{piece!r} of a secret is told by {place}\n{stack}"
        self._findings.append(finding)
        if os.getpid() != self.owner:
            self._write("findings", f"in process {os.getpid()}: {finding}\0")

    def findings(self):
        """Return what was found since the last call, in child processes too."""
        for value in self._read("issued"):
            self.learn(value)
        errors, self._errors = self._errors, []
        for error in errors:
            self.hear_error(error, "an error")
        found, self._findings = self._findings, []
        return found + self._read("findings")

    # -- child processes -----------------------------------------------------------

    def issued(self, value):
        """Take note of what a token server issues, in whichever process it runs."""
        if os.getpid() == self.owner:
            self.learn(value)
        else:
            self._write("issued", f"{value}\0")

    def _write(self, name, text):
        if self.directory is None:
            return
        # The test that started this process may have removed the place meanwhile.
        with contextlib.suppress(OSError):
            file = self._file(name, os.O_WRONLY)
            try:
                # In one write: other processes write to it too.
                os.write(file, text.encode("utf-8", "replace"))
            finally:
                os.close(file)

    def _read(self, name):
        """Return what other processes have written since the last call."""
        if self.directory is None:
            return []
        if name not in self._files:
            self._files[name] = self._file(name, os.O_RDONLY)
        parts = []
        while data := os.read(self._files[name], 1 << 16):
            parts.append(data)
        text = b"".join(parts).decode("utf-8", "replace")
        return [part for part in text.split("\0") if part]

    def _file(self, name, flags):
        path = os.path.join(self.directory, name)  # noqa: PTH118  # pathlib loads much
        return os.open(path, flags | os.O_APPEND | os.O_CREAT, 0o600)


#: The watch of this process.
watch = Watch()
