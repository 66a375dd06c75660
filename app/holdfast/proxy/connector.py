"""What aiohttp's connections leave open: an answer nobody asked for, a call given up, a body that is no HTTP.

Written against aiohttp 3.14, whose pool hands on a connection together with an answer that came while it was idle,
closes a connection only once all it was given is written, also when stopping, and lets the reader of a malformed body
wait for ever. The tests of this module show all of it, so they tell when a newer version needs less.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from aiohttp import ClientPayloadError, ClientRequest, ClientResponse, ClientTimeout, StreamReader, TCPConnector

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace


class OneAnswerConnector(TCPConnector):
    """Makes connections that give one answer to one request, and end at once where they are not kept."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._served: WeakSet[ResponseHandler] = WeakSet()

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout) -> Connection:
        """Return a connection that holds nothing of an earlier answer."""
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            assert protocol is not None  # noqa: S101 - which only a connection that was given back is without
            if protocol in self._served and protocol.should_close:
                connection.close()
                continue
            self._served.add(protocol)
            connection.add_callback(partial(_when_released, connection.transport))
            return connection

    async def close(self, *, abort_ssl: bool = False) -> None:
        """End all connections, those of calls in flight too, without waiting for what a backend does not read."""
        for protocol in list(self._served):
            protocol.abort()
        await super().close(abort_ssl=abort_ssl)


def fail_when_lost(answer: ClientResponse) -> None:
    """Make sure that whoever reads a body hears of the end of its connection."""
    connection = answer.connection
    if connection is None or connection.protocol is None:
        return  # all of it is here
    lost = connection.protocol.closed
    if lost is not None:
        lost.add_done_callback(partial(_on_lost, answer.content))
    else:
        _fail(answer.content)


def _when_released(transport: asyncio.Transport | None) -> None:
    """Look at a released connection once it is known whether it is kept."""
    if transport is not None:
        asyncio.get_running_loop().call_soon(_end, transport)


def _end(transport: asyncio.Transport) -> None:
    if transport.is_closing():
        transport.abort()


def _on_lost(content: StreamReader, lost: asyncio.Future[None]) -> None:
    lost.exception()  # looked at, so that asyncio does not complain
    _fail(content)


def _fail(content: StreamReader) -> None:
    if not content.is_eof() and content.exception() is None:
        content.set_exception(ClientPayloadError("the body is no HTTP"))
