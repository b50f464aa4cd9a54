"""What every HTTP client must do with an auth object: one suite for all of them."""

import pytest

from tests.http_clients.attaching import AttachingTests
from tests.http_clients.bodies import AsyncBodyTests, BodyTests, SyncBodyTests
from tests.http_clients.crowds import CrowdTests
from tests.http_clients.failures import FailureTests
from tests.http_clients.redirects import RedirectTests
from tests.http_clients.rejections import RejectionTests
from tests.http_clients.secrecy import SecrecyTests


class CallCompliance(AttachingTests, RejectionTests):
    """Subclassed for a library's functions, which do what its client does."""

    #: From `drivers`.
    driver_class = None

    @pytest.fixture
    def driver(self):
        return self.driver_class()


class ClientCompliance(
    CallCompliance, BodyTests, RedirectTests, FailureTests, CrowdTests, SecrecyTests
):
    """Subclassed for every client."""


class SyncClientCompliance(SyncBodyTests, ClientCompliance):
    """The same for sync clients."""


class AsyncClientCompliance(AsyncBodyTests, ClientCompliance):
    """The same for async clients."""
