"""Exchanges through httpx, by itself and through a factory."""

import httpx

from tests.transport.family import FamilyFactoryContract
from tests.transport.stalling import StallContract


class TestHttpx(StallContract):
    """httpx with `HttpOptions`."""

    library = "httpx"
    modules = ("httpx",)


class TestHttpxFactory(FamilyFactoryContract):
    """A factory of clients."""

    module = httpx
    modules = ("httpx",)
