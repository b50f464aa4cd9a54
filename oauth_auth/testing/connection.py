"""One connection of the testing server: HTTP/1.1 through h11, faults included."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import h11

from oauth_auth.testing.endpoints import CONTROL
from oauth_auth.testing.http_message import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from oauth_auth.testing.endpoints import Exchange, Site
    from oauth_auth.testing.faults import Fault

__all__ = ["Connection"]

#: Bytes of a request's head; a long token must pass.
_LONGEST_HEAD: Final = 1 << 18
_REASONS: Final = {status.value: status.phrase.encode() for status in HTTPStatus}


class Connection(asyncio.Protocol):
    """Reads requests, and answers each before it looks at the next.

    Args:
        site: Answers the requests.
        open_connections: Where the connection keeps itself while it is open.
    """

    _transport: asyncio.Transport

    def __init__(self, site: Site, open_connections: set[Connection]) -> None:
        self._site: Final = site
        self._open: Final = open_connections
        self._h11: Final = h11.Connection(h11.SERVER, _LONGEST_HEAD)
        self._head: h11.Request | None = None
        self._body = bytearray()
        self._counted = False
        # Keeps the exchange that something goes wrong with from being collected. It
        # goes on when the HTTP client has left: a server does not notice that either.
        self._faulty: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # for mypy
        self._transport = transport
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio
        """See asyncio."""
        self._open.discard(self)

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        self._h11.receive_data(data)
        self._advance()

    def abort(self) -> None:
        """Close at once, without what is not sent yet."""
        self._transport.abort()

    def _advance(self) -> None:
        """Handle what has come so far, up to the end of one request."""
        while not self._transport.is_closing():
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as error:
                self._transport.write(
                    self._encode(HttpResponse(error.error_status_hint))
                )
                self._transport.close()
                return
            if isinstance(event, h11.Request):
                self._head = event
                self._body.clear()
            elif isinstance(event, h11.Data):
                self._body += event.data
            elif isinstance(event, h11.EndOfMessage):
                self._respond(self._request())
            else:
                break
        if self._h11.they_are_waiting_for_100_continue:
            go_on = h11.InformationalResponse(status_code=100, headers=[])
            self._transport.write(self._h11.send(go_on) or b"")

    def _request(self) -> HttpRequest:
        assert self._head is not None  # noqa: S101  # h11 gives the head first
        headers: dict[str, str] = {}
        for raw_name, raw_value in self._head.headers:
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        path, _, query = self._head.target.decode("latin-1").partition("?")
        method = self._head.method.decode("latin-1")
        return HttpRequest(method, path, query, headers, bytes(self._body))

    def _respond(self, request: HttpRequest) -> None:
        if not self._counted and request.path != CONTROL:
            self._counted = True
            self._site.count("connections")
        exchange = self._site.accept(request)
        if exchange.fault is None:
            self._transport.write(self._encode(exchange.answer()))
            exchange.end(sent=not self._transport.is_closing())
            self._next()
        else:
            self._faulty = asyncio.get_running_loop().create_task(
                self._misbehave(exchange, exchange.fault)
            )

    def _encode(self, response: HttpResponse) -> bytes:
        """Return the bytes of a response, and note in h11 that they were sent."""
        bodiless = response.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
        headers = list(response.headers)
        if not bodiless:
            headers.append(("Content-Length", str(len(response.body))))
        head = h11.Response(
            status_code=response.status,
            headers=headers,
            reason=_REASONS.get(response.status, b""),
        )
        parts = [self._h11.send(head)]
        is_head = self._head is not None and self._head.method == b"HEAD"
        if not bodiless and not is_head:
            parts.append(self._h11.send(h11.Data(data=response.body)))
        parts.append(self._h11.send(h11.EndOfMessage()))
        return b"".join(part for part in parts if part)

    def _next(self) -> None:
        if self._h11.our_state is h11.DONE:
            self._h11.start_next_cycle()
        else:
            self._transport.close()

    async def _misbehave(self, exchange: Exchange, fault: Fault) -> None:
        await asyncio.sleep(fault.delay_before)
        if fault.drop == "before":
            exchange.end(sent=False)
            self._drop()
            return
        response = exchange.answer()
        await asyncio.sleep(fault.delay_after)
        sent = fault.drop is None and await self._send(response, fault)
        exchange.end(sent=sent)
        if fault.drop == "after":
            self._drop()
        elif sent:
            self._next()
            self._advance()

    async def _send(self, response: HttpResponse, fault: Fault) -> bool:
        """Send an answer, and say whether all of it went out."""
        payload = self._encode(response)
        if fault.truncate:
            self._transport.write(payload[: -(len(response.body) // 2 + 1)])
            self._transport.close()
        elif fault.dribble is None:
            self._transport.write(payload)
        else:
            for position in range(len(payload)):
                if self._transport.is_closing():
                    break
                self._transport.write(payload[position : position + 1])
                await asyncio.sleep(fault.dribble)
        return not self._transport.is_closing()

    def _drop(self) -> None:
        self._site.count("replies_dropped")
        self._transport.close()
