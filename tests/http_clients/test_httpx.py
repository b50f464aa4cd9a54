"""The token in httpx."""

from tests.http_clients import drivers
from tests.http_clients.compliance import (
    AsyncClientCompliance,
    CallCompliance,
    SyncClientCompliance,
)


class TestClient(SyncClientCompliance):
    driver_class = drivers.HttpxClient


class TestCall(CallCompliance):
    driver_class = drivers.HttpxCall


class TestAsyncio(AsyncClientCompliance):
    driver_class = drivers.HttpxAsyncio


class TestTrio(AsyncClientCompliance):
    driver_class = drivers.HttpxTrio
