"""The testing server's process; `TestingServer` starts it.

It reads its settings, one line of JSON, from standard input, and writes what a handle
has to know, one line of JSON, to standard output. It ends as soon as anything more
comes on standard input, or standard input ends. By hand, in a terminal:

    (echo '{"access_token_lifetime": 60}'; cat) | python -m oauth_auth.testing.server
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Final

from oauth_auth.testing.connection import Connection
from oauth_auth.testing.controls import Controls
from oauth_auth.testing.endpoints import Site
from oauth_auth.testing.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["main"]

#: Connections that may wait to be accepted, as when hundreds of workers start at once.
BACKLOG: Final = 1024
#: Seconds between two looks at whether the parent lives.
PARENT_CHECK: Final = 1.0


def main() -> None:
    """Serve until the parent says to stop, or dies."""
    # Ctrl-C in a terminal reaches this process too; the parent still needs the server
    # while it winds up, and then stops it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _allow_many_connections()
    settings = json.loads(sys.stdin.buffer.readline() or b"{}")
    asyncio.run(_serve(Site(Settings().changed(**settings))))


async def _serve(site: Site) -> None:
    parent = os.getppid()
    loop = asyncio.get_running_loop()
    connections: set[Connection] = set()
    site.control = Controls(site).answer
    server = await loop.create_server(
        lambda: Connection(site, connections), "127.0.0.1", 0, backlog=BACKLOG
    )
    port = server.sockets[0].getsockname()[1]
    site.issuer = f"http://127.0.0.1:{port}"
    stop = asyncio.Event()
    _watch_input(lambda: loop.call_soon_threadsafe(stop.set))
    print(json.dumps(site.about()), flush=True)  # noqa: T201  # the parent reads it
    # The pipe alone does not tell: what the parent forked holds its other end too.
    while os.getppid() == parent and not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), PARENT_CHECK)
        except TimeoutError:
            continue
    server.close()
    # Left open, Python's development mode would report each on the user's terminal.
    for connection in list(connections):
        connection.abort()


def _watch_input(on_end: Callable[[], object]) -> None:
    """Call back from a thread when standard input has more, or ends."""

    def watch() -> None:
        # Not sys.stdin, whose lock this thread would still hold at interpreter exit.
        os.read(0, 1)
        on_end()

    threading.Thread(target=watch, name="stdin", daemon=True).start()


def _allow_many_connections() -> None:
    """Raise the soft limit of open files, where there is one."""
    try:
        import resource
    except ImportError:  # Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    main()
