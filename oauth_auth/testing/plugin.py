"""The pytest plugin: a fresh authorization server for each test that asks for one.

pytest loads this module in every run of everybody who has oauth-auth installed, so it
imports pytest alone; everything else is imported when a fixture is used.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Unpack

    from oauth_auth.testing.process import TestingServer
    from oauth_auth.testing.settings import SettingsChanges

__all__ = ["OAuthServerFactory", "oauth_server", "oauth_server_factory"]


class OAuthServerFactory(Protocol):
    """What the fixture `oauth_server_factory` gives."""

    def __call__(self, **settings: Unpack[SettingsChanges]) -> TestingServer:
        """Start a server; it is stopped when the test ends."""
        ...


@pytest.fixture
def oauth_server() -> Iterator[TestingServer]:
    """An authorization server and protected API: `oauth_auth.testing.TestingServer`.

    Access tokens live for 3600 seconds; refresh tokens rotate, and reuse of a spent
    one revokes the login at once. It is fresh for each test and stopped after it.
    """
    from oauth_auth.testing.process import TestingServer

    with TestingServer() as server:
        yield server


@pytest.fixture
def oauth_server_factory() -> Iterator[OAuthServerFactory]:
    """A function that starts further servers, with the settings of `TestingServer`.

    For example ``oauth_server_factory(access_token_lifetime=2.0, rotation="grace")``.
    Each call gives another server, at another origin; all are stopped after the test.
    """
    from oauth_auth.testing.process import TestingServer

    with ExitStack() as running:

        def start(**settings: Unpack[SettingsChanges]) -> TestingServer:
            return running.enter_context(TestingServer(**settings))

        yield start
