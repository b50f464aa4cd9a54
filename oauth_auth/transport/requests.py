"""An exchange through requests.

The adapter is called directly: `Session.send` would run hooks, keep cookies and
follow redirects, and `Session.prepare_request` would add netrc's password and the
session's headers.
"""

from __future__ import annotations

from http.client import CONTINUE, SWITCHING_PROTOCOLS, HTTPResponse
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter

from oauth_auth.message import Response
from oauth_auth.transport.body import (
    CHUNK,
    read,
    revealed_body,
    revealed_headers,
)

if TYPE_CHECKING:
    import ssl
    from contextlib import ExitStack

    from oauth_auth.message import Request
    from oauth_auth.transport.options import HttpOptions
    from oauth_auth.transport.watch import Watch

__all__ = ["NETWORK", "NEVER_SENT", "open_client", "send"]

NEVER_SENT: tuple[type[Exception], ...] = (requests.exceptions.ConnectTimeout,)
NETWORK: tuple[type[Exception], ...] = (requests.exceptions.RequestException,)


def open_client(options: HttpOptions) -> requests.Session:
    """Return a new session for one exchange."""
    session = requests.Session()
    session.trust_env = options.trust_env
    session.cert = options.cert
    if options.proxy is not None:
        session.proxies = {"http": options.proxy, "https": options.proxy}
    if isinstance(options.verify, bool | str):
        session.verify = options.verify
    else:
        session.mount("https://", _ContextAdapter(options.verify))
    return session


class _ContextAdapter(HTTPAdapter):
    """Uses an SSLContext as it is."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def build_connection_pool_key_attributes(self, *args: Any, **kwargs: Any) -> Any:
        host, _ = super().build_connection_pool_key_attributes(*args, **kwargs)
        # What is left out would overrule the context's own verify_mode.
        return host, {"ssl_context": self._context}

    def cert_verify(self, *_args: object, **_kwargs: object) -> None:
        """Add no CA: requests would have its own trusted beside the context's."""


def send(
    session: requests.Session, request: Request, watch: Watch, endings: ExitStack
) -> Response:
    """Send a request on a new connection and read the answer."""
    prepared = requests.PreparedRequest()
    prepared.prepare(
        method=request.method,
        url=request.url,
        headers=revealed_headers(request),
        data=revealed_body(request),
    )
    adapter = session.get_adapter(request.url)
    _refuse_retries(adapter)
    _observe(adapter, session, prepared, watch)
    timeout = watch.remaining()
    watch.handed_over()
    answer = adapter.send(
        prepared, stream=True, timeout=timeout, **_settings(session, prepared)
    )
    endings.callback(answer.close)
    return Response(
        answer.status_code,
        {name.lower(): value for name, value in answer.headers.items()},
        read(answer.iter_content(CHUNK), watch),
    )


def _refuse_retries(adapter: Any) -> None:
    retries = getattr(adapter, "max_retries", None)
    # "total" takes precedence over all other counts; None means no limit.
    if retries is None or (retries.total is not None and int(retries.total) <= 0):
        return
    from oauth_auth.errors import ConfigurationError

    raise ConfigurationError(
        f"the session of the http= factory retries by itself (max_retries={retries}); "
        "a token request sent twice spends a refresh token twice, so mount its "
        "adapters with max_retries=0"
    )


def _settings(session: requests.Session, prepared: Any) -> dict[str, Any]:
    """Return verify, cert and proxies; the last may have a password in its URLs."""
    # What the session itself says is passed in, since requests lets the environment
    # overrule it otherwise.
    return {
        name: value
        for name, value in session.merge_environment_settings(
            prepared.url,
            proxies=dict(session.proxies),
            stream=True,
            verify=session.verify,
            cert=session.cert,
        ).items()
        if name != "stream"
    }


def _observe(
    adapter: Any, session: requests.Session, prepared: Any, watch: Watch
) -> None:
    """Have the connection that `adapter.send` will open report to the watch.

    The pool is kept by the adapter and found again by its send; its `ConnectionCls` is
    urllib3's place for a connection class of one's own. An adapter without such a pool
    is not observed: the outcome of what fails there counts as unknown.
    """
    find = getattr(adapter, "get_connection_with_tls_context", None)
    if find is None:
        return
    pool = find(prepared, **_settings(session, prepared))
    base = getattr(pool, "ConnectionCls", None)
    if isinstance(base, type):
        pool.ConnectionCls = _observed(base, watch)


def _observed(base: Any, watch: Watch) -> Any:
    def new_conn(self: Any) -> Any:
        watch.connecting()
        sock = base._new_conn(self)
        watch.opened(sock)
        return sock

    def connect(self: Any) -> None:
        base.connect(self)
        # Connected, through proxy and TLS: the next bytes are the request's.
        watch.sending()

    members = {"_new_conn": new_conn, "connect": connect, "response_class": _Final}
    return type("Observed", (base,), members)


class _Final(HTTPResponse):
    """Waits for the final answer, which http.client does only after a 100.

    Another interim one (103, with hints for browsers) would count as the answer, and
    the refresh token would be sent again.
    """

    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = super()._read_status()  # type: ignore[misc] # http.client's own
        interim = 100 < status < 200 and status != SWITCHING_PROTOCOLS  # noqa: PLR2004  # RFC 9110 section 15.2
        return version, CONTINUE if interim else status, reason
