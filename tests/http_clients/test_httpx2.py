"""The token in httpx2."""

from tests.http_clients import drivers
from tests.http_clients.compliance import (
    AsyncClientCompliance,
    CallCompliance,
    SyncClientCompliance,
)


class TestClient(SyncClientCompliance):
    driver_class = drivers.Httpx2Client


class TestCall(CallCompliance):
    driver_class = drivers.Httpx2Call


class TestAsyncio(AsyncClientCompliance):
    driver_class = drivers.Httpx2Asyncio


class TestTrio(AsyncClientCompliance):
    driver_class = drivers.Httpx2Trio
