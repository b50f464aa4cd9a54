"""Making an endpoint of the testing server fail, from a test."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Literal

from oauth_auth.testing.faults import Fault
from oauth_auth.testing.http_message import HttpResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_auth.testing.control import Control

__all__ = ["ApiFaults", "EndpointFaults"]

_COMPUTED: Final = {"content-length", "transfer-encoding"}


class EndpointFaults:
    """What goes wrong at one endpoint, in the order in which it was set.

    Each request has at most one fault: the first in the queue whose `times` are not
    used up. ``times=None`` is for ever, that is until `clear`.

    Args:
        control: The way to the server.
        endpoint: Which one, by its name in `TestingServer` without ``_faults``.
    """

    __slots__ = ("_control", "_endpoint")

    def __init__(self, control: Control, endpoint: str) -> None:
        self._control: Final = control
        self._endpoint: Final = endpoint

    def add(self, fault: Fault, *, times: int | None = 1) -> None:
        """Let a request go wrong in several ways at once.

        Raises:
            ValueError: The fault or `times` makes no sense.
        """
        if times is not None and times < 1:
            raise ValueError(f"times must be at least 1, or None, not {times!r}")
        self._control.call(
            "add_fault", endpoint=self._endpoint, fault=fault.to_json(), times=times
        )

    def answer(
        self,
        status: int,
        body: bytes | str | Mapping[str, Any] | list[Any] = b"",
        *,
        headers: Mapping[str, str] | None = None,
        content_type: str | None = "application/json",
        times: int | None = 1,
    ) -> None:
        """Answer without looking at the request, as a broken server or a proxy does.

        Args:
            status: 200 to 599.
            body: Sent as it is; a mapping or list as JSON.
            headers: Further headers, such as Retry-After or Location.
            content_type: None to send none.
            times: For how many requests.

        Raises:
            ValueError: The status or a header makes no sense.
        """
        answer = fixed_answer(status, body, headers=headers, content_type=content_type)
        self.add(Fault(answer=answer), times=times)

    def delay(
        self, *, before: float = 0.0, after: float = 0.0, times: int | None = 1
    ) -> None:
        """Be slow: so many seconds before or after the request is processed.

        The request is processed even if the HTTP client has left by then.
        """
        self.add(Fault(delay_before=before, delay_after=after), times=times)

    def drop(self, when: Literal["before", "after"], *, times: int | None = 1) -> None:
        """Close the connection before the request is processed, or after it.

        The reply is lost either way; "after" a refresh token has been spent.
        """
        self.add(Fault(drop=when), times=times)

    def dribble(self, *, interval: float = 1.0, times: int | None = 1) -> None:
        """Answer byte by byte, headers too, with so many seconds in between."""
        self.add(Fault(dribble=interval), times=times)

    def truncate(self, *, times: int | None = 1) -> None:
        """Send only the first half of the body, and close."""
        self.add(Fault(truncate=True), times=times)

    def clear(self) -> None:
        """Let nothing go wrong any more; what is under way goes on."""
        self._control.call("clear_faults", endpoint=self._endpoint)


class ApiFaults(EndpointFaults):
    """What goes wrong at the API and its redirects."""

    __slots__ = ()

    def reject(self, *, times: int | None = None) -> None:
        """Answer 401 ``invalid_token`` whatever the token; for ever by default."""
        challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        self.answer(401, {"error": "rejected"}, headers=challenge, times=times)


def fixed_answer(
    status: int,
    body: bytes | str | Mapping[str, Any] | list[Any],
    *,
    headers: Mapping[str, str] | None,
    content_type: str | None,
) -> HttpResponse:
    """Return the response for `Fault.answer`; see `EndpointFaults.answer`."""
    if not 200 <= status <= 599:  # noqa: PLR2004
        raise ValueError(f"status must be 200 to 599, not {status!r}")
    fields = list((headers or {}).items())
    if _COMPUTED & {name.lower() for name, _ in fields}:
        raise ValueError(
            "the server computes Content-Length; to cut an answer off use truncate()"
        )
    if content_type is not None:
        fields.insert(0, ("Content-Type", content_type))
    if not isinstance(body, str | bytes):
        body = json.dumps(body)
    if isinstance(body, str):
        body = body.encode()
    return HttpResponse(status, tuple(fields), body)
