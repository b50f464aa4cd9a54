"""Worker processes that act at a word, under one clock that a test sets."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import httpx2
import requests

from oauth_auth import errors
from tests.faults.logins import settle
from tests.processes.starting import LOADED
from tests.processes.workers import GETS
from tests.transport.servers import FOREVER

_CONNECTION_ERRORS = (requests.ConnectionError, httpx.ConnectError, httpx2.ConnectError)


class Crew:
    """Several processes that use one login.

    Args:
        auth: The auth object; each worker gets a copy.
        url: What they request.
        processes: How many; each has a thread for every HTTP library.
    """

    def __init__(self, auth, url, *, processes):
        self._now = LOADED.Value("d", time.time())
        self._barrier = LOADED.Barrier(processes)
        self._pipes = []
        self._workers = []
        for _ in range(processes):
            ours, theirs = LOADED.Pipe()
            self._pipes.append(ours)
            self._workers.append(
                LOADED.Process(
                    target=_work,
                    args=(theirs, self._barrier, self._now, url, _parts_of(auth)),
                )
            )

    def wait(self, seconds):
        """Let time pass, for all workers."""
        self._now.value += seconds

    def request(self):
        """Have every thread of every worker send a request at once.

        Returns:
            The different outcomes: statuses, or what is to be said of an error.
        """
        for pipe in self._pipes:
            pipe.send("request")
        outcomes = set()
        for pipe in self._pipes:
            assert pipe.poll(3 * FOREVER)
            outcomes |= pipe.recv()
        return outcomes

    def __enter__(self):
        for worker in self._workers:
            worker.start()
        return self

    def __exit__(self, *_):
        for pipe, worker in zip(self._pipes, self._workers, strict=True):
            pipe.close()
            worker.join(FOREVER)
            if worker.is_alive():
                worker.kill()
                worker.join()


def _parts_of(auth):
    grant = auth._grant
    return {
        "token_endpoint": grant.server.token_endpoint,
        "client_id": grant.client_id,
        "client_secret": grant.client_secret.reveal(),
        "token": grant.seed.to_dict(),
        "path": str(auth._store.path),
    }


def _auth(parts):
    from oauth_auth import FileStore, OAuthAuth, RefreshToken

    path = parts.pop("path")
    return OAuthAuth(RefreshToken(**parts), store=FileStore(path))


def _work(pipe, barrier, now, url, parts):
    time.time = lambda: now.value
    auth = _auth(parts)
    ready = threading.Barrier(len(GETS))

    def one(number):
        ready.wait(FOREVER)
        try:
            return GETS[number](url, auth=auth, timeout=FOREVER).status_code
        except errors.EndpointUnreachable as error:
            own = isinstance(error, _CONNECTION_ERRORS[number])
            return f"EndpointUnreachable of {'its own' if own else 'another'} library"
        except Exception as error:
            return repr(error)

    with ThreadPoolExecutor(len(GETS)) as pool:
        while _told(pipe):
            barrier.wait(FOREVER)
            outcomes = set(pool.map(one, range(len(GETS))))
            settle()
            pipe.send(outcomes)


def _told(pipe):
    try:
        return pipe.recv()
    except EOFError:
        return None
