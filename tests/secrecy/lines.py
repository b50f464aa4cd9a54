"""The package's lines as they run: what each would tell, and an exception at any.

A crash reporter prints the locals of every frame that an exception passes. So what a
line would tell if it raised is to be seen before the line runs, without raising: the
locals of its frame. Those of the frames outside it were seen when they made the call.
"""

import dis
import functools
import sys
import threading
from pathlib import PurePath

from tests.secrecy.told import is_ours
from tests.secrecy.watch import watch

__all__ = ["WRAPPING", "LineFailedError", "Lines"]

#: Where nothing is raised: while a lock, a result or a thread changes hands, no code
#: can be whole at every line. What these lines call does not fail, and signals reach
#: the main thread only.
_SPARED_FILES = frozenset({"file_lock.py", "flight.py", "forking.py"})
_SPARED_FUNCTIONS = frozenset({"__enter__", "__exit__"})
#: httpcore tells of a new socket before anybody owns it, and nothing of ours is around
#: a thread's first function. No signal reaches their threads.
_SPARED_METHODS = frozenset({"_Trace.__call__", "_work_quietly"})

#: Where what came in the clear is being wrapped, and nothing raises: function, local.
WRAPPING = frozenset(
    {
        ("RefreshToken.__init__", "refresh_token"),
        ("RefreshToken.__init__", "token"),
        ("Members.__init__", "members"),
        ("Response.__init__", "body"),
        ("Secret.__init__", "value"),
        ("Token.from_dict", "data"),
        ("Token.from_dict", "rest"),
        ("_members", "value"),
        ("_parsed", "part"),
        ("_parsed.<locals>.<listcomp>", "part"),
        ("_text", "value"),
        ("_wrapped", "value"),
        # The drop-in's arguments, which scripts give in the clear.
        ("Hidden.__init__", "value"),
        ("SessionState.__init__", "token"),
        ("SessionState.__init__", "auto_refresh_kwargs"),
        ("SessionState.token", "value"),
        ("SessionState.auto_refresh_kwargs", "value"),
        ("SessionState._code_verifier", "value"),
        ("TokenUpdated.__init__", "self"),
        ("TokenUpdated.__init__", "token"),
        *(
            (f"OAuth2Session.{method}", name)
            for method, names in {
                "request": "url headers data kwargs client_secret",
                "fetch_token": "code authorization_response body auth password headers "
                "client_secret proxies kwargs",
                "refresh_token": "refresh_token body auth headers proxies kwargs",
                "token_from_fragment": "authorization_response",
            }.items()
            for name in names.split()
        ),
        ("as_source", "value"),
        # What machines prove themselves with, given in the clear.
        ("PresentedToken.__init__", "given"),
        ("SigningKey.__init__", "key"),
        ("as_presented", "given"),
        ("as_secret", "value"),
        *(
            (function, name)
            for function, names in {
                "ClientAssertion.__init__": "assertion",
                "JWTBearer.__init__": "key assertion options",
                "JWTBearer.from_service_account_info": "info",
                "Password.__init__": "password options",
                "PrivateKeyJWT.__init__": "key",
                "SAML2Bearer.__init__": "assertion options",
                "ServiceAccount.of_info": "info",
                "TokenExchange.__init__": "subject_token actor_token options",
            }.items()
            for name in names.split()
        ),
        # What a store keeps, read and written: whatever is raised is caught there, so
        # that only an interrupt passes.
        ("Record.succeed", "changes"),
        ("Token.__init__", "access_token"),
        ("Token.__init__", "id_token"),
        ("Token.__init__", "refresh_token"),
        ("_decoded", "data"),
        ("_decoded", "token"),
        ("_state", "part"),
        ("_state.<locals>.<dictcomp>", "part"),
    }
)
_WRAPPERS = frozenset(function for function, _ in WRAPPING)
#: And where it is wrapped first of all.
_WRAPPING_FIRST = frozenset(
    {("Grant.__init__", "client_secret"), ("RefreshToken.__init__", "options")}
)


class LineFailedError(Exception):
    """Raised in the middle of the package, for no reason of its own."""


class Lines:
    """Follows the lines of the package in all threads that start meanwhile, and here.

    Args:
        listen: Whether the watch hears what every line's frame tells.
        raise_at: The number of the line, in the order in which they run, before which
            an exception is raised; None for none.
        kind: The exception's class on this thread; on others, which no signal reaches,
            it is `LineFailedError`.
    """

    def __init__(self, *, listen=False, raise_at=None, kind=LineFailedError):
        self.count = 0
        #: Each line seen, as its file, function and number.
        self.seen = set()
        #: The line at which the exception was raised.
        self.raised_at = None
        self._listen = listen
        self._raise_at = raise_at
        self._kind = kind
        self._before = None
        self._here = None

    def __enter__(self):
        self._here = threading.get_ident()
        self._before = sys.gettrace(), threading.gettrace()
        threading.settrace(self._call)
        sys.settrace(self._call)
        return self

    def __exit__(self, *exc_info):
        sys.settrace(self._before[0])
        threading.settrace(self._before[1])
        # Threads that are still under way keep the function which they started with.
        self._listen, self._raise_at = False, None

    def _call(self, frame, event, argument):
        return self._first if is_ours(frame.f_code) else None

    def _first(self, frame, event, argument):
        # Nothing has been done with the arguments yet.
        return self._line(frame, event, argument, passing=WRAPPING | _WRAPPING_FIRST)

    def _line(self, frame, event, argument, passing=WRAPPING):
        if self._listen:
            # At a return and an exception too, where the line has bound its names.
            watch.hear_frame(frame, passing)
        if event == "line":
            code = frame.f_code
            place = code.co_filename, code.co_qualname, frame.f_lineno
            self.seen.add(place)
            if not _is_spared(code) and frame.f_lasti not in _edges(code):
                self.count += 1
                if self.count == self._raise_at:
                    self.raised_at = place
                    here = threading.get_ident() == self._here
                    raise self._kind if here else LineFailedError
        return self._line


@functools.cache
def _is_spared(code):
    return (
        PurePath(code.co_filename).name in _SPARED_FILES
        or code.co_name in _SPARED_FUNCTIONS
        or code.co_qualname in _SPARED_METHODS
        or code.co_qualname in _WRAPPERS
    )


@functools.cache
def _edges(code):
    """Return where nothing can be raised but by a tracer: the edges of blocks.

    Where a ``with`` ends and is about to call ``__exit__``, Python reports its line
    once more, and at a ``try`` it reports a line that does nothing; it lets no signal
    in at either. An exception there would leave locks locked.
    """
    steps = list(dis.get_instructions(code))
    nothing = [step.opname == "LOAD_CONST" and step.argval is None for step in steps]
    starts = [i for i in range(len(steps)) if nothing[i : i + 3] == [True] * 3]
    # What a return inside the block returns is put aside first, by one step.
    exits = {steps[at].offset for i in starts for at in (i, max(0, i - 1))}
    return exits | {step.offset for step in steps if step.opname == "NOP"}
