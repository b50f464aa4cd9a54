"""How a session posts a renewal: by its own adapters, once, and within a deadline."""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, final

import requests

from oauth_auth.flight import in_context
from oauth_auth.lazy_errors import errors
from oauth_auth.oauth2_session.answers import as_response, hooked
from oauth_auth.oauth2_session.failures import unreachable
from oauth_auth.oauth2_session.hidden import Hidden
from oauth_auth.quoting import place
from oauth_auth.transport.bounded import bounded
from oauth_auth.transport.watch import Failure, Stage, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from requests.adapters import BaseAdapter

    from oauth_auth.message import Request, Response
    from oauth_auth.oauth2_session.call import Call
    from oauth_auth.oauth2_session.session import OAuth2Session

__all__ = ["SessionReach", "adapter_for_post"]

#: The exchange that is under way in this thread or task.
_posted: ContextVar[Watch | None] = ContextVar("oauth_auth_session_post", default=None)


@final
class SessionReach:
    """What `Reach` is elsewhere: here the session itself posts.

    Args:
        session: The session.
        call: Whose renewal it is.
    """

    __slots__ = ("_call", "_session")

    library: Final = "requests"
    http: Final = None

    def __init__(self, session: OAuth2Session, call: Call) -> None:
        self._session: Final = session
        self._call: Final = call

    @property
    def timeout(self) -> float:
        """Seconds for one exchange and its hooks, in total."""
        return self._call.timeout * (2 if self._hooks else 1)

    @property
    def _hooks(self) -> list[Callable[..., Any]]:
        return list(self._session.compliance_hook["refresh_token_response"])

    def exchange(self, _request: Request) -> Response:
        """Send what the session has built, and have its hooks mend what comes.

        The timeouts of requests start anew with every byte, and hooks have none. So
        both run on threads that are left behind when their time is over.

        Raises:
            EndpointUnreachable: No usable answer came.
        """
        call, watch = self._call, Watch(self._call.timeout)
        # What a replaced `send` does cannot be seen.
        watch.handed_over()
        came: list[Any] = []
        call.failure = None
        outcome = bounded(watch, lambda: watch.deliver(self._post(watch, came)))
        if not isinstance(outcome, Failure):
            return self._mended(came[0], outcome)
        if outcome.cause is not None:
            call.failure = came[0].value
            raise outcome.cause
        raise errors.EndpointUnreachable(
            f"no usable answer came from {place(call.url)}: {outcome.reason}; "
            "check the network, and the session's proxies, or give the request a "
            "longer timeout=",
            outcome_unknown=outcome.outcome_unknown,
            timed_out=True,
        )

    def _post(self, watch: Watch, came: list[Any]) -> Response | Failure:
        """Post, and leave in a list the answer, or what the caller's code raised."""
        call = self._call
        failure: Hidden[Exception]
        try:
            answer = in_context(call.context, lambda: self._posted(watch))
            response = as_response(answer)
        except Exception as error:  # noqa: BLE001  # adapters may be the caller's code
            failure = Hidden(error)
        else:
            came.append(answer)
            return response
        of_requests = isinstance(failure.value, requests.exceptions.RequestException)
        came.append(Hidden(None if of_requests else failure.value))
        sent = of_requests or watch.stage is Stage.SENT
        raised = unreachable(failure.value, place(call.url), sent=sent)
        return Failure(raised, "", raised._facts["outcome_unknown"])

    def _posted(self, watch: Watch) -> requests.Response:
        call, sent = self._call, self._call.sent
        assert sent is not None  # noqa: S101  # the grant has built it
        post: Any = self._session.post
        with _posting(watch):
            answer: requests.Response = post(
                sent.value[0],
                data=sent.value[2],
                auth=call.given.value["auth"],
                timeout=call.wait,
                headers=sent.value[1],
                verify=call.given.value["verify"],
                proxies=call.given.value["proxies"],
                cert=call.given.value["cert"],
                withhold_token=True,
                allow_redirects=False,
            )
        return answer

    def _mended(self, answer: requests.Response, response: Response) -> Response:
        """Run the hooks for answers, which must not lose one."""
        call, hooks = self._call, self._hooks
        if not hooks:
            return response
        watch = Watch(call.timeout)
        raised: list[Exception | None] = []

        def mend() -> None:
            mended, error = in_context(call.context, lambda: hooked(answer, hooks))
            try:
                outcome = as_response(mended)
            except Exception as odd:  # noqa: BLE001  # it is what a hook returned
                outcome, error = response, odd
            raised.append(error)
            watch.deliver(outcome)

        outcome = bounded(watch, mend)
        if not isinstance(outcome, Failure):
            call.failure = raised[0]
            return outcome
        call.failure = TimeoutError(
            "a refresh_token_response hook has not returned within "
            f"{call.timeout:g} s, and without it the answer of {place(call.url)} holds "
            "no token"
        )
        return response


@contextlib.contextmanager
def _posting(watch: Watch) -> Iterator[None]:
    """Have the session know that what it sends inside is a renewal."""
    before = _posted.set(watch)
    try:
        yield
    finally:
        _posted.reset(before)


def adapter_for_post(adapter: BaseAdapter) -> BaseAdapter:
    """Return the adapter for a request; for a renewal, one that does not retry.

    A refresh token that is sent twice is spent twice.

    Args:
        adapter: The session's adapter.

    Raises:
        OutOfTime: It is a renewal that must not be sent any more.
    """
    watch = _posted.get()
    if watch is None:
        return adapter
    watch.sending()
    retries: Any = getattr(adapter, "max_retries", None)
    if retries is None or not hasattr(retries, "new"):
        return adapter
    # Not by copy.copy, which makes new connections and loses what a subclass has added.
    twin: Any = object.__new__(type(adapter))
    vars(twin).update(vars(adapter))
    twin.max_retries = retries.new(total=0, connect=0, read=False, redirect=0, status=0)
    return twin  # type: ignore[no-any-return]
