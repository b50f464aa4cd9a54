"""A WSGI application whose module builds, and uses, an auth object before the fork."""

import functools
import json
import os

import httpx
import requests

from oauth_auth.testing import TestingServer
from tests.processes.workers import login

settings = json.loads(os.environ["APP_SETTINGS"])
server = TestingServer.connect(settings["issuer"])
auth = login(server, settings["path"], settings["seed"])
auth.token()
session = requests.Session()


@functools.cache
def client():
    """Return a worker's client: one made before gevent's patching hangs by itself."""
    return httpx.Client(auth=auth)


def app(environ, start_response):
    """Send a request to the protected API, and answer with its status."""
    if environ["PATH_INFO"] == "/httpx":
        status = client().get(server.api_url).status_code
    else:
        status = session.get(server.api_url, auth=auth, timeout=30).status_code
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{status} {os.getpid()}".encode()]
