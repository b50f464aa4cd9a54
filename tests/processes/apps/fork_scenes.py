"""Programs that fork at an awkward moment.

Each builds an auth object for the login of the test's store, says how far it has come,
and goes on when it is told to.
"""

import asyncio
import contextlib
import importlib.machinery
import os
import signal
import ssl
import sys
import threading

import httpx
import requests

from oauth_auth.errors import EndpointUnreachable
from oauth_auth.message import Request
from oauth_auth.testing import TestingServer
from oauth_auth.transport import HttpOptions, exchange
from tests.processes.programs import say, told
from tests.processes.through import login_through


def status_of(auth, url):
    return requests.get(url, auth=auth, timeout=60).status_code


def exit_code(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def started(target, *args):
    thread = threading.Thread(target=target, args=args)
    thread.start()
    return thread


def in_child(work):
    """Fork a child that runs something and ends at once; return its exit code."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            code = work()
        finally:
            os._exit(code)
    return exit_code(child)


def exits(auth, url):
    """Have children end in all ways while a renewal is under way here."""
    renewing = started(lambda: say(status_of(auth, url)))
    told()
    codes = []
    for way in ("_exit", "exit", "raise", "signal", "thread", "return"):
        child = os.fork()
        if child == 0:
            leave(way)
            return  # by the end of the program, with all that belongs to it
        codes.append(exit_code(child))
    say(*codes)
    renewing.join()


def leave(way):
    if way == "_exit":
        os._exit(3)
    if way == "exit":
        sys.exit(4)
    if way == "raise":
        raise KeyError(way)
    if way == "signal":
        os.kill(os.getpid(), signal.SIGTERM)
    if way == "thread":
        started(sys.exit, 5).join()


def tasks(auth, url):
    """Fork in a coroutine while a task waits for a renewal."""

    async def ask():
        async with httpx.AsyncClient(auth=auth, timeout=60) as client:
            return (await client.get(url)).status_code

    async def main():
        waiting = asyncio.create_task(ask())
        await asyncio.to_thread(told)
        child = os.fork()
        if child == 0:
            say("child")
            os._exit(asyncio.run(ask()) - 200)  # in a loop of its own
        codes = await asyncio.gather(waiting, asyncio.to_thread(exit_code, child))
        say(*codes)

    asyncio.run(main())


def thread(auth, url):
    """Fork on a thread while another waits for a renewal, and the main one does not."""
    renewing = started(lambda: say(status_of(auth, url)))
    told()

    def fork():
        child = os.fork()
        if child == 0:
            say("child")
            os._exit(status_of(auth, url) - 200)
        say(exit_code(child))

    started(fork).join()
    renewing.join()


def signalled(auth, url):
    """Fork in a signal handler while the main thread waits for a renewal."""

    def fork(*_):
        child = os.fork()
        if child == 0:
            say("child")
            os._exit(status_of(auth, url) - 200)
        started(lambda: say(exit_code(child)))

    signal.signal(signal.SIGUSR1, fork)
    say("ready")
    say(status_of(auth, url))


class Slow:
    """Makes one module slow to import, once, on the thread that comes first."""

    def __init__(self, name):
        self._name = name
        self.begun, self.fork = threading.Event(), threading.Event()

    def find_spec(self, name, path=None, target=None):
        if name == self._name and not self.begun.is_set():
            self.begun.set()
            self.fork.wait()
            threading.Event().wait(0.2)
            return importlib.machinery.PathFinder.find_spec(name, path, target)
        return None


def imports(auth, url):
    """Fork while the renewal imports a module for the first time in this process."""
    slow = Slow(told())
    sys.meta_path.insert(0, slow)
    os.register_at_fork(before=slow.fork.set)
    renewing = started(lambda: say(status_of(auth, url)))
    slow.begun.wait()
    say(in_child(lambda: status_of(auth, url) - 200))
    renewing.join()


def outlives(auth, url):
    """Fork while a renewal holds the record's lock, and be killed."""
    started(status_of, auth, url)
    told()
    child = os.fork()
    if child == 0:
        told()
        os._exit(0)
    say(child)
    exit_code(child)


def tls(auth, url):
    """Fork again and again amid exchanges over TLS; children renew over TLS too."""
    forks = int(told())
    stop = threading.Event()

    def renew():
        while not stop.is_set():
            auth.renew()

    def child():
        signal.alarm(30)  # a child that hangs is killed, and its exit code says so
        auth.renew()
        return status_of(auth, url) - 200

    renewing = started(renew)
    codes = [in_child(child) for _ in range(forks)]
    stop.set()
    renewing.join()
    say(*sorted(set(codes)))


class OnlyTls(requests.adapters.BaseAdapter):
    """Makes a TLS context and connects to nothing."""

    def send(self, *_, **__):
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        raise requests.ConnectionError

    def close(self):
        pass


def only_tls():
    session = requests.Session()
    session.adapters.clear()
    session.mount("https://", OnlyTls())
    return session


def contexts(_auth, _url):
    """Fork again and again amid exchanges that only begin TLS and end."""
    forks = int(told())
    stop = threading.Event()

    def ask():
        with contextlib.suppress(EndpointUnreachable):
            request = Request("GET", "https://127.0.0.1:1/", {})
            exchange(request, library=None, http=only_tls, timeout=60)
        return 0

    def go_on():
        while not stop.is_set():
            ask()

    def child():
        signal.alarm(30)
        return ask()

    asking = started(go_on)
    codes = [in_child(child) for _ in range(forks)]
    stop.set()
    asking.join()
    say(*sorted(set(codes)))


def main():
    scene, token_endpoint, issuer, path, seed, ca = sys.argv[1:]
    server = TestingServer.connect(issuer)
    http = HttpOptions(verify=ca) if ca else None
    auth = login_through(token_endpoint, server, path, seed, http=http, timeout=60)
    try:
        globals()[scene](auth, server.api_url)
    except EndpointUnreachable as error:
        say("unreachable", error)


if __name__ == "__main__":
    main()
