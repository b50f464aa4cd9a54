"""Programs that end at an awkward moment."""

import asyncio
import atexit
import os
import signal
import sys
import threading

import requests

from oauth_auth.errors import OAuthAuthError
from oauth_auth.testing import TestingServer
from tests.http_clients.logins import use_up
from tests.processes.programs import say, told
from tests.processes.through import login_through


def report(auth, url):
    """Send a request, and say what came of it."""
    try:
        say(requests.get(url, auth=auth, timeout=60).status_code)
    except OAuthAuthError as error:
        say(type(error).__name__)


def sync(auth, url):
    report(auth, url)


async def ask(auth, url):
    import httpx

    async with httpx.AsyncClient(auth=auth, timeout=60) as client:
        say((await client.get(url)).status_code)


def on_asyncio(auth, url):
    asyncio.run(ask(auth, url))


def on_trio(auth, url):
    import trio

    trio.run(ask, auth, url)


def terminated(auth, url):
    """Turn SIGTERM into SystemExit, as many programs do."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    report(auth, url)


def at_once(auth, url):
    """End without any ceremony when told to."""
    threading.Thread(target=report, args=(auth, url)).start()
    told()
    os._exit(0)


def from_a_thread(auth, url):
    """Leave a thread by SystemExit, which ends that thread alone."""
    threading.Thread(target=sys.exit, args=(3,)).start()
    report(auth, url)


def background(auth, _url):
    """Start a renewal that nobody waits for, and end."""
    held = auth._resolved().look()
    held.fresh_until = 0.0
    auth.token()


def background_sent(auth, url):
    """The same, but end when told to."""
    background(auth, url)
    told()


def in_atexit(auth, url):
    atexit.register(report, auth, url)


def in_threading_atexit(auth, url):
    threading._register_atexit(report, auth, url)


def in_a_thread(auth, url):
    """Leave the work to a thread that goes on after the main one."""

    def work():
        threading.main_thread().join()
        report(auth, url)

    threading.Thread(target=work).start()


def without_threads(auth, url):
    """The same where no thread can be started any more, as in some Python versions."""

    def refuse(_):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    def work():
        threading.main_thread().join()
        threading.Thread.start = refuse
        report(auth, url)

    threading.Thread(target=work).start()


class Last:
    """Wants a token when the interpreter takes its module apart."""

    def __init__(self, auth):
        self._auth, self._write = auth, os.write

    def __del__(self):
        try:
            said = str(bool(self._auth.access_token()))
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        self._write(1, f"{said}\n".encode())


def in_a_late_finalizer(auth, url):
    """The same when everything has been imported, by a renewal."""
    report(auth, url)
    use_up(auth)
    in_a_finalizer(auth, url)


def in_a_finalizer(auth, _url):
    global last  # noqa: PLW0603  # what is global lives until the very end
    last = Last(auth)


def main():
    scene, token_endpoint, issuer, path, seed, timeout = sys.argv[1:]
    server = TestingServer.connect(issuer)
    auth = login_through(token_endpoint, server, path, seed, timeout=float(timeout))
    try:
        globals()[scene](auth, server.api_url)
    except BaseException as error:
        say(type(error).__name__)
        raise
    say("end of main")


if __name__ == "__main__":
    main()
