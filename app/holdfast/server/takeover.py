"""How the socket of an ordinary HTTP request changes hands, so that its response becomes a stream without a server."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from holdfast.connections.transport import SinkFactory
from holdfast.transports.stream import Opening, StreamTransport, response_head

if TYPE_CHECKING:
    from holdfast.server.http import HandoverProtocol


class StreamTakeover:
    """The value of the `holdfast.stream` extension of one request.

    It holds protocol and request weakly: the request's scope holds it, and what is done must not wait for the
    garbage collector.
    """

    __slots__ = ("_cycle", "_protocol")

    def __init__(self, protocol: HandoverProtocol, cycle: RequestResponseCycle) -> None:
        self._protocol = weakref.ref(protocol)
        self._cycle = weakref.ref(cycle)

    def attach(self, sinks: SinkFactory, opening: Opening) -> None:
        """Answer 200 and give the socket to a sink; HTTP is over on it. A client that left meanwhile gets no sink.

        Raises:
            RuntimeError: the request is answered already.
        """
        protocol, cycle = self._protocol(), self._cycle()
        if protocol is None or cycle is None or cycle.response_started:
            raise RuntimeError("expected a request that is not answered")
        if cycle.disconnected or protocol.is_refused or protocol.transport.is_closing():
            return
        is_congested = protocol.flow.write_paused
        head = response_head(
            [*protocol.server_state.default_headers, *opening.headers], is_chunked=bool(opening.handshake.encoding.end)
        )
        transport = protocol.let_go(cycle)
        transport.write(head)
        stream = StreamTransport(transport, protocol.context.sockets, opening)
        stream.attach(sinks, opening)
        if is_congested:  # with answers before this one; the event loop does not say it twice
            stream.pause_writing()
