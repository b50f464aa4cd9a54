"""Exchanges through httpx2, by itself and through a factory."""

import httpx2

from tests.transport.family import FamilyFactoryContract
from tests.transport.stalling import StallContract


class TestHttpx2(StallContract):
    """httpx2 with `HttpOptions`."""

    library = "httpx2"
    modules = ("httpx2",)


class TestHttpx2Factory(FamilyFactoryContract):
    """A factory of clients."""

    module = httpx2
    modules = ("httpx2",)
