"""Children of all kinds that send one request each."""

import concurrent.futures
import multiprocessing
import os
import signal
import threading

import requests

from tests.processes.programs import LIMIT
from tests.stores.children import at_once

CHILDREN = 4


def send(auth, url, begun):
    """Send one request and return its status; a process that hangs here is killed."""
    (begun / f"{os.getpid()}").touch()
    if threading.current_thread() is threading.main_thread():
        signal.alarm(int(LIMIT))
    try:
        return requests.get(url, auth=auth, timeout=LIMIT).status_code
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.alarm(0)


def _put(queue, *work):
    queue.put(send(*work))


def by_fork(*work):
    return at_once([lambda: send(*work)] * CHILDREN)


def by_multiprocessing(method):
    def start(*work):
        context = multiprocessing.get_context(method)
        queue = context.SimpleQueue()
        children = [
            context.Process(target=_put, args=(queue, *work)) for _ in range(CHILDREN)
        ]
        for child in children:
            child.start()
        for child in children:
            child.join(LIMIT)
        assert [child.exitcode for child in children] == [0] * CHILDREN
        return [queue.get() for _ in children]

    return start


def by_pool(*work):
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(CHILDREN, context) as pool:
        tasks = [pool.submit(send, *work) for _ in range(CHILDREN)]
        return [task.result(LIMIT) for task in tasks]


FORKS = ("os.fork", "fork", "pool")
STARTS = {
    "os.fork": by_fork,
    "pool": by_pool,
    **{how: by_multiprocessing(how) for how in ("fork", "spawn", "forkserver")},
}
