"""New processes that have everything loaded: to import it takes each of them 0.3 s.

They are forked from a server that has done nothing but that, so that they share no
login, no thread and no memory with the test or with each other.
"""

import multiprocessing.context
import os
from multiprocessing import forkserver
from unittest import mock

__all__ = ["LOADED"]

#: That of the test run, without the changes of the test that comes first.
_ENVIRONMENT = dict(os.environ)
_MODULES = [
    "oauth_auth.auth",
    "oauth_auth.http_clients.httpx",
    "oauth_auth.http_clients.httpx2",
    "oauth_auth.http_clients.requests",
    "tests.processes.fleet",
    "tests.processes.workers",
]


class _Process(multiprocessing.context.ForkServerProcess):
    def start(self):
        self._environment = dict(os.environ)
        with mock.patch.dict(os.environ, _ENVIRONMENT, clear=True):
            forkserver.set_forkserver_preload(_MODULES)
            forkserver.ensure_running()
        super().start()

    def run(self):
        os.environ.clear()
        os.environ.update(self._environment)
        super().run()


class _Context(multiprocessing.context.ForkServerContext):
    Process = _Process


#: What `multiprocessing.get_context` returns, for such processes.
LOADED = _Context()
