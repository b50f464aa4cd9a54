"""A Celery application whose module builds and uses an auth object before a fork."""

import json
import os

import requests

from oauth_auth.testing import TestingServer
from tests.processes.apps.broker import celery_app
from tests.processes.workers import login

settings = json.loads(os.environ["APP_SETTINGS"])
server = TestingServer.connect(settings["issuer"])
auth = login(server, settings["path"], settings["seed"])
auth.token()

app = celery_app(settings["broker"])


@app.task
def send():
    """Send a request to the protected API; return its status and who sent it."""
    return requests.get(server.api_url, auth=auth, timeout=30).status_code, os.getpid()
