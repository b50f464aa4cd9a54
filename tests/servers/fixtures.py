"""Fixtures of real servers; each starts once per test run, on its first use."""

import pytest

from tests.servers import oidc, toolkit


@pytest.fixture(scope="session")
def oidc_provider(tmp_path_factory):
    """A running oidc-provider whose access tokens live for 3 seconds."""
    log = tmp_path_factory.mktemp("oidc_provider") / "log"
    with oidc.running(log) as server:
        yield server


@pytest.fixture(scope="session")
def django_oauth_toolkit(tmp_path_factory):
    """A running django-oauth-toolkit: tokens of 3 seconds, a grace window of 5."""
    log = tmp_path_factory.mktemp("django_oauth_toolkit") / "log"
    with toolkit.running(log, grace=5) as server:
        yield server
