"""An exchange through httpx or httpx2, which differ in nothing that matters here.

The client's transport for the URL is called directly. `Client.send` would log at INFO
between the answer and its save (a log handler may raise, wait, or want the very token
that is being renewed), run event hooks, and refuse the answer for an invalid Location.
A client is needed nevertheless, because it alone knows which proxy the environment,
NO_PROXY or its mounts mean for a URL. The method to ask it has a leading underscore,
so there is a second way, through `Client.send`, for when it is gone.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from oauth_auth.message import Response
from oauth_auth.transport.body import read, revealed_body, revealed_headers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import ExitStack

    from oauth_auth.message import Request
    from oauth_auth.transport.options import HttpOptions
    from oauth_auth.transport.watch import Watch

__all__ = ["never_sent", "open_client", "send"]

#: The method of a client that returns its transport for a URL.
_CHOOSER: Final = "_transport_for_url"

#: What the CAs were loaded from, and the context that has them.
_contexts: dict[tuple[object, ...], ssl.SSLContext] = {}
_CONTEXTS_KEPT: Final = 16


def never_sent(library: Any) -> tuple[type[Exception], ...]:
    """Return the exceptions after which a request certainly was not sent."""
    return (
        library.ConnectError,
        library.ConnectTimeout,
        library.PoolTimeout,
        library.ProxyError,
        library.UnsupportedProtocol,
    )


def open_client(library: Any, options: HttpOptions) -> Any:
    """Return a new client for one exchange."""
    # One context for the client and its proxies.
    return library.Client(
        verify=_context(library, options),
        proxy=options.proxy,
        trust_env=options.trust_env,
    )


def _context(library: Any, options: HttpOptions) -> ssl.SSLContext:
    """Return a context for these options, which nobody must change.

    One with the CAs alone is kept: to load them takes 20 ms of the processor at each
    renewal, and event loops of the same process wait while it does.
    """
    if not isinstance(options.verify, bool | str):
        return options.verify
    if options.cert is not None or options.verify is False:
        return _new_context(library, options)
    key = (library.__name__, options.verify, *map(_version, _origins(options)))
    context = _contexts.get(key)
    if context is None:
        context = _new_context(library, options)
        if len(_contexts) >= _CONTEXTS_KEPT:
            _contexts.clear()
        _contexts[key] = context
    return context


def _origins(options: HttpOptions) -> list[str]:
    """Return the files and directories from which the CAs may come."""
    if isinstance(options.verify, str):
        return [options.verify]
    variables = ("SSL_CERT_FILE", "SSL_CERT_DIR") if options.trust_env else ()
    own = ssl.get_default_verify_paths()
    return [
        *(os.environ.get(name, "") for name in variables),
        own.openssl_cafile,
        own.openssl_capath,
    ]


def _version(path: str) -> tuple[object, ...]:
    try:
        found = os.stat(path)  # noqa: PTH116  # a Path for the empty one is "."
    except OSError:
        return (path,)
    return path, found.st_ino, found.st_mtime_ns, found.st_size


def _new_context(library: Any, options: HttpOptions) -> ssl.SSLContext:
    # httpx has deprecated paths as verify= and cert=.
    context: ssl.SSLContext
    if not isinstance(options.verify, str):
        context = library.create_ssl_context(
            verify=options.verify, trust_env=options.trust_env
        )
    elif Path(options.verify).is_dir():
        context = ssl.create_default_context(capath=options.verify)
    else:
        context = ssl.create_default_context(cafile=options.verify)
    if isinstance(options.cert, str):
        context.load_cert_chain(options.cert)
    elif options.cert is not None:
        context.load_cert_chain(*options.cert)
    return context


def send(
    library: Any, client: Any, request: Request, watch: Watch, endings: ExitStack
) -> Response:
    """Send a request on a new connection and read the answer."""
    outgoing = library.Request(
        request.method,
        request.url,
        headers=revealed_headers(request),
        content=revealed_body(request),
        extensions={
            "timeout": library.Timeout(watch.remaining()).as_dict(),
            "trace": _Trace(watch),
        },
    )
    choose = getattr(client, _CHOOSER, None)
    transport = choose(outgoing.url) if choose else None
    _refuse_retries(transport)
    watch.handed_over()
    if transport is not None:
        answer = transport.handle_request(outgoing)
    else:
        client.event_hooks = {}
        answer = client.send(outgoing, stream=True, auth=None, follow_redirects=False)
    endings.callback(answer.close)
    return Response(
        answer.status_code,
        dict(answer.headers.items()),
        read(answer.iter_bytes(), watch),
    )


def _refuse_retries(transport: Any) -> None:
    retries = getattr(getattr(transport, "_pool", None), "_retries", 0)
    if not retries:
        return
    from oauth_auth.errors import ConfigurationError

    raise ConfigurationError(
        f"the client of the http= factory retries by itself (retries={retries}); a "
        "token request sent twice spends a refresh token twice, so leave retries out"
    )


class _Trace:
    """Reports to the watch what httpcore says through its "trace" extension."""

    __slots__ = ("_watch",)

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        source, _, what = event.partition(".")
        if what in ("connect_tcp.started", "connect_unix_socket.started"):
            self._watch.connecting()
        elif what in ("connect_tcp.complete", "connect_unix_socket.complete"):
            self._watch.opened(info["return_value"].get_extra_info("socket"))
        elif (
            # Everything else that starts counts as sending, so that an event which
            # a later httpcore calls something else is taken for the worse case.
            what.endswith(".started")
            and what != "response_closed.started"
            and source not in ("connection", "proxy", "socks")
            and getattr(info.get("request"), "method", None) != b"CONNECT"
        ):
            self._watch.sending()
