"""What can go wrong on demand, and whose turn it is to fail."""

from __future__ import annotations

from collections import deque
from typing import Any, Literal, NamedTuple

from oauth_auth.testing.http_message import HttpResponse

__all__ = ["Fault", "FaultQueue"]


class Fault(NamedTuple):
    """One way for an exchange to go wrong; the fields combine.

    `TestingServer.token_faults.add` takes it; the other methods there build the usual
    ones.
    """

    #: Sent instead of processing the request.
    answer: HttpResponse | None = None
    #: Seconds between the request and its processing.
    delay_before: float = 0.0
    #: Seconds between the processing and the answer.
    delay_after: float = 0.0
    #: Close the connection instead of processing the request, or instead of sending
    #: the answer.
    drop: Literal["before", "after"] | None = None
    #: Send the answer without the last half of its body (at least one byte), and
    #: close.
    truncate: bool = False
    #: Send the answer, headers too, byte by byte with so many seconds in between.
    dribble: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain data for `from_json`."""
        data = self._asdict()
        if self.answer is not None:
            # Latin-1 has a character for each byte, so that any body passes.
            body = self.answer.body.decode("latin-1")
            data["answer"] = [self.answer.status, self.answer.headers, body]
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Fault:
        """Read what `to_json` wrote."""
        answer = None
        if data["answer"] is not None:
            status, headers, body = data["answer"]
            fields = tuple((name, value) for name, value in headers)
            answer = HttpResponse(status, fields, body.encode("latin-1"))
        return cls(**{**data, "answer": answer})


class FaultQueue:
    """The faults of one endpoint, in the order in which they were set."""

    def __init__(self) -> None:
        self._queue: deque[tuple[Fault, int | None]] = deque()

    def add(self, fault: Fault, times: int | None) -> None:
        """Add a fault for so many requests; None is all that follow."""
        self._queue.append((fault, times))

    def take(self) -> Fault | None:
        """Return what is to go wrong with the request that has just come."""
        if not self._queue:
            return None
        fault, times = self._queue[0]
        if times is not None:
            if times > 1:
                self._queue[0] = fault, times - 1
            else:
                self._queue.popleft()
        return fault
