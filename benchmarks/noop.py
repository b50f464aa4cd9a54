"""Transports that answer at once and send nothing."""

from __future__ import annotations

import io
from typing import Any

import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

__all__ = ["NoopAdapter", "noop_transport"]


class NoopAdapter(BaseAdapter):
    """Answers for requests."""

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        """Return an empty response."""
        response = requests.Response()
        response.status_code = 200
        response.request = request
        response.url = request.url or ""
        response.raw = HTTPResponse(io.BytesIO(), preload_content=False)
        response.connection = self
        return response

    def close(self) -> None:
        """Do nothing."""


def noop_transport(module: Any) -> Any:
    """Return what answers for httpx or httpx2, sync and async.

    Args:
        module: The library.
    """

    class Transport(module.BaseTransport, module.AsyncBaseTransport):
        def handle_request(self, request: Any) -> Any:
            return module.Response(200, request=request)

        async def handle_async_request(self, request: Any) -> Any:
            return module.Response(200, request=request)

    return Transport()
