"""Fixtures of real servers; each starts once per test run, on its first use."""

import pytest

from tests.servers import oidc


@pytest.fixture(scope="session")
def oidc_provider(tmp_path_factory):
    """A running oidc-provider whose access tokens live for 3 seconds."""
    log = tmp_path_factory.mktemp("oidc_provider") / "log"
    with oidc.running(log) as server:
        yield server
