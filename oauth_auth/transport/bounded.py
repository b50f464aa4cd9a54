"""exchange(): one request, one answer, one deadline."""

from __future__ import annotations

import contextvars
import logging
import threading
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from oauth_auth import forking
from oauth_auth.lazy_errors import errors
from oauth_auth.server import check_url
from oauth_auth.transport import body, failures
from oauth_auth.transport.libraries import library_of, load
from oauth_auth.transport.options import HttpOptions
from oauth_auth.transport.watch import Failure, OutOfTime, Stage, Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_auth.message import Request, Response
    from oauth_auth.transport.libraries import Library

__all__ = ["bounded", "exchange"]

_log = logging.getLogger("oauth_auth")
_said: set[str] = set()


def exchange(
    request: Request,
    *,
    library: str | None,
    http: HttpOptions | Callable[[], object] | None,
    timeout: float,
) -> Response:
    """Send one request to an authorization server and return what it answers.

    Nothing but the request is sent: no cookies, netrc password or other headers than
    User-Agent, Accept and what HTTP itself needs. A redirect is returned as it is. A
    body longer than `body.LIMIT` bytes is cut one byte after it.

    The HTTP library works on a thread of its own (in a copy of the caller's context,
    so that a log handler there can know that it runs inside a renewal), since its own
    timeouts start anew with every byte. The thread is left behind at the deadline, and
    its connection shut down. Where no thread can be started, as while the interpreter
    ends, only the library's timeouts apply.

    Args:
        request: What to send.
        library: "requests", "httpx" or "httpx2"; None for one that is loaded.
        http: Options; or a factory, called for this exchange, that returns a new
            `requests.Session`, `httpx.Client` or `httpx2.Client`. Of that are used
            verify, cert, proxies, trust_env, adapters, transports and mounts only, and
            it is closed.
        timeout: Seconds from the start to the last byte of the answer.

    Raises:
        EndpointUnreachable: No complete answer came. ``outcome_unknown`` is False if
            the request certainly was not sent; else the server may have acted on it,
            also if the answer could not be decoded.
        ConfigurationError: The request or `http` cannot be used.
    """
    # Whether plain http is wanted was decided where the server was configured.
    address = check_url(request.url, "the endpoint", allow_http=True)
    body.check(request)
    if http is None:
        http = HttpOptions()
    if isinstance(http, HttpOptions):
        if request.certificate is not None:
            http = http.with_certificate(request.certificate)
        http.check_files()
        if http.verify is False:
            _warn_unverified()
        chosen = load(library)
    elif callable(http):
        if request.certificate is not None:
            raise errors.ConfigurationError(
                f"the certificate {request.certificate.path} of client_auth cannot be "
                "given to the client of an http= factory; have the factory load it, "
                "and write TLSClientAuth() without files"
            )
        chosen = None
    else:
        raise errors.ConfigurationError(
            f"http={type(http).__name__} cannot be used; pass HttpOptions(...), or a "
            "function that returns a new session or client each time it is called"
        )
    watch = Watch(timeout)
    outcome = bounded(watch, lambda: _work(watch, request, chosen, http))
    if isinstance(outcome, Failure):
        if isinstance(outcome.cause, errors.OAuthAuthError):
            raise outcome.cause
        port = address.port or (443 if address.scheme == "https" else 80)
        host = address.hostname or ""
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        raise _error(outcome, where) from outcome.cause
    return outcome


def bounded(watch: Watch, work: Callable[[], None]) -> Response | Failure:
    """Have something done on a thread that is left behind at a deadline.

    Args:
        watch: The deadline, to which the work delivers its outcome.
        work: What to do, in a copy of the caller's context.
    """
    thread = threading.Thread(
        target=contextvars.copy_context().run,
        args=(_work_quietly, watch, work),
        name="oauth_auth exchange",
        daemon=True,
    )
    try:
        try:
            thread.start()
        except RuntimeError:
            watch.nobody_waits()
            work()
        else:
            watch.wait()
    finally:
        # Also when Ctrl-C interrupts the wait: nobody will take the answer.
        outcome = watch.close()
    return outcome


def _work_quietly(watch: Watch, work: Callable[[], None]) -> None:
    # Whatever comes after the outcome (a failing close, the end of the interpreter)
    # is nobody's business: a traceback on stderr would only frighten.
    with suppress(BaseException):
        forking.admit(lambda: _at_rest(watch))
        work()


def _at_rest(watch: Watch) -> bool:
    """Whether the exchange waits for the network, and TLS does not begin or end."""
    if watch.delivered:
        return False
    connecting = watch.stage is Stage.CONNECTING and not watch.connected
    return connecting or watch.stage is Stage.SENT


def _work(watch: Watch, request: Request, library: Library | None, http: Any) -> None:
    """Carry out the exchange and deliver what comes of it, also if it fails."""
    # What is closed is closed after the delivery: it may raise, log or take its time.
    with suppress(Exception), ExitStack() as endings:
        try:
            if library is None:
                client = http()
                library = load(library_of(client))
            else:
                client = library.open_client(http)
            endings.callback(client.close)
            watch.deliver(library.send(client, request, watch, endings))
        except BaseException as error:
            watch.deliver(_failure(error, library, watch.stage))
            if not isinstance(error, Exception):
                raise


def _failure(error: BaseException, library: Library | None, stage: Stage) -> Failure:
    if isinstance(error, errors.OAuthAuthError):
        error.__cause__ = error.__context__ = None
        return Failure(error.with_traceback(None), "", outcome_unknown=False)
    never_sent = stage is Stage.PREPARING or (
        library is not None
        and stage is not Stage.SENT
        and isinstance(
            error,
            (*library.NEVER_SENT, *library.NETWORK)
            if stage is Stage.CONNECTING
            else library.NEVER_SENT,
        )
    )
    late = isinstance(error, OutOfTime)
    reason = str(error) if late else failures.reason(error)
    return Failure(
        None if late else failures.scrubbed(error),
        reason if library is not None else f"the http= factory raised: {reason}",
        outcome_unknown=not never_sent,
        tls=failures.tls_refused(error),
    )


def _error(failure: Failure, where: str) -> Exception:
    if failure.outcome_unknown:
        message = (
            f"no usable answer came from the authorization server at {where}, which "
            f"may have received the request: {failure.reason}"
        )
    else:
        message = (
            f"the authorization server at {where} cannot be reached: {failure.reason}"
        )
    message += "; check the network, proxy and CA settings"
    if failure.tls and not failure.outcome_unknown:
        message += ", for a private CA http=HttpOptions(verify='/path/to/ca.pem')"
    return errors.EndpointUnreachable(message, outcome_unknown=failure.outcome_unknown)


def _warn_unverified() -> None:
    if "verify" not in _said:
        _said.add("verify")
        _log.warning(
            "HttpOptions(verify=False): anybody between here and the authorization "
            "server can read its secrets; for a private CA pass the path of its "
            "certificate as verify="
        )
