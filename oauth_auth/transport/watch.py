"""Watch: one exchange's deadline, how far it has come, and its outcome."""

from __future__ import annotations

import contextlib
import enum
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

if TYPE_CHECKING:
    from oauth_auth.message import Response

__all__ = ["Failure", "OutOfTime", "Stage", "Watch"]

#: The waiting thread looks at the clock this often, in seconds, so that a gap between
#: two looks tells that the whole process stood still.
_TICK: Final = 0.25


class Stage(enum.Enum):
    """How far an exchange has come, as far as that is certain."""

    #: The HTTP library does not have the request yet.
    PREPARING = 1
    #: The HTTP library has it, and what it does cannot be seen.
    UNSEEN = 2
    #: No connection is established: nothing of the request has left.
    CONNECTING = 3
    #: The request is on its way.
    SENT = 4


class OutOfTime(TimeoutError):  # noqa: N818  # the name says what happened
    """The deadline has passed, and nobody waits any more."""


class Failure(NamedTuple):
    """Why an exchange failed; holds no secret."""

    #: None for the deadline; or an error of this package, to be raised as it is.
    cause: BaseException | None
    reason: str
    outcome_unknown: bool
    #: Whether TLS refused: the certificate, its host name or the protocol.
    tls: bool = False


@final
class Watch:
    """Watches one exchange from the thread that waits and the thread that works.

    The socket is duplicated when it is opened, and the duplicate shut down when the
    exchange is abandoned: that ends a read which is blocked in the other thread, or
    fed one byte per second, without touching an object that thread is using.

    Time in which the process stands still (Ctrl-Z, a debugger, a frozen container)
    does not count: the answer may have come meanwhile, and to ask again in its place
    could spend a refresh token twice.

    Args:
        timeout: Seconds until the deadline.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout: Final = timeout
        #: When one of the threads last looked at the clock; None if there is just one,
        #: which may well be busy for longer.
        self._looked: float | None = time.monotonic()
        self._deadline = self._looked + timeout
        self._guard: Final = threading.Lock()  # guards everything below
        self._ended: Final = threading.Event()
        self._stage = Stage.PREPARING
        self._abandoned = False
        self._outcome: Response | Failure | None = None
        self._socket: socket.socket | None = None

    @property
    def stage(self) -> Stage:
        """How far the exchange has come."""
        return self._stage

    @property
    def connected(self) -> bool:
        """Whether a connection is established, and may have begun to speak TLS."""
        return self._socket is not None

    @property
    def delivered(self) -> bool:
        """Whether the outcome is there, and the connection left to be closed."""
        return self._ended.is_set()

    def remaining(self) -> float:
        """Return the seconds that are left.

        Raises:
            OutOfTime: None are left.
        """
        left = self.left
        if not left:
            raise OutOfTime(self._late)
        return left

    @property
    def left(self) -> float:
        """The seconds that are left; never negative."""
        with self._guard:
            now = time.monotonic()
            if self._looked is not None:
                gap = now - self._looked
                if gap > 2 * _TICK:
                    self._deadline += gap
                self._looked = now
            return max(0.0, self._deadline - now)

    @property
    def _late(self) -> str:
        return f"no complete answer within {self._timeout:g} s (timeout=)"

    def handed_over(self) -> None:
        """Note that the HTTP library gets the request now."""
        self._advance(Stage.UNSEEN)

    def connecting(self) -> None:
        """Note that the HTTP library opens its connection now."""
        self._advance(Stage.CONNECTING)

    def sending(self) -> None:
        """Note that the request leaves now.

        Raises:
            OutOfTime: It must not leave any more, since whoever waited was told that
                it has not.
        """
        self._advance(Stage.SENT)

    def _advance(self, stage: Stage) -> None:
        with self._guard:
            if self._abandoned:
                raise OutOfTime(self._late)
            # Never back: a second connection does not unsend the request.
            if stage.value > self._stage.value:
                self._stage = stage

    def opened(self, sock: Any) -> None:
        """Take note of the exchange's socket, before TLS; never raises."""
        with contextlib.suppress(Exception), self._guard:
            self._drop_socket()
            self._socket = socket.fromfd(sock.fileno(), sock.family, sock.type)

    def _drop_socket(self, *, shut_down: bool = False) -> None:
        sock, self._socket = self._socket, None
        if sock is not None:
            if shut_down:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def nobody_waits(self) -> None:
        """Note that the thread that works is the only one."""
        self._looked = None

    def deliver(self, outcome: Response | Failure) -> None:
        """Hand the outcome to whoever waits."""
        with self._guard:
            self._outcome = outcome
            self._drop_socket()
        self._ended.set()

    def wait(self) -> None:
        """Wait for the outcome or the deadline."""
        while (left := self.left) and not self._ended.wait(min(left, _TICK)):
            continue

    def close(self) -> Response | Failure:
        """Return the outcome, and abandon the exchange if there is none yet."""
        with self._guard:
            if self._outcome is None:
                self._abandoned = True
                self._drop_socket(shut_down=True)
                self._outcome = Failure(
                    None, self._late, self._stage in (Stage.UNSEEN, Stage.SENT)
                )
            return self._outcome
