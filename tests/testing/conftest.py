"""One testing server for all tests here that do not need one of their own."""

import pytest

from oauth_auth.testing import TestingServer


@pytest.fixture(scope="session")
def shared_server():
    """A server that lives as long as the test run."""
    with TestingServer() as server:
        yield server


@pytest.fixture
def server(shared_server):
    """The shared server, as good as new."""
    shared_server.reset()
    return shared_server
