"""Gunicorn's configuration: four workers on a free port, which the test is told."""

from tests.processes.programs import say

bind = "127.0.0.1:0"
workers = 4
preload_app = True
graceful_timeout = 60
timeout = 60
control_socket_disable = True


def when_ready(server):
    """Tell the test where to connect."""
    say(server.LISTENERS[0].sock.getsockname()[1])
