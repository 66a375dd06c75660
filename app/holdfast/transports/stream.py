"""The life of a stream whose socket the gateway owns: a response that does not end, and nothing of HTTP behind it.

As with a WebSocket that was handed over there is one small object per connection, the event loop's protocol at the
same time. The client's commands come by other requests; what it says here is thrown away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from holdfast.codes import CODES
from holdfast.connections.transport import Handshake, MessageSink, SinkFactory
from holdfast.errors import GatewayError
from holdfast.protocol.framing import Encoding
from holdfast.protocol.messages import DisconnectPush, Push
from holdfast.telemetry.logs import get_logger
from holdfast.transports.handover import ABNORMAL, SocketContext, end_by_kernel

NORMAL = 1000
"""The end that a client of a stream has chosen, for closing its connection is all it can do."""

# What clients say on a stream's socket lands here and is never looked at.
_IGNORED = memoryview(bytearray(65536))
# So much may come: blank lines behind a body, requests pipelined in good faith. More is a flood, or the wrong protocol.
_PATIENCE_BYTES = 65536

_log = get_logger(__name__)


@dataclass(slots=True)
class Opening:
    """What a stream begins with: who came, under which session id, the response's headers, the first commands."""

    handshake: Handshake
    session: str
    headers: list[tuple[bytes, bytes]]
    commands: bytes


def goodbye(encoding: Encoding, code: int, reason: str) -> bytes:
    """Return the last unit of a stream: a push that says why, for there is no close frame."""
    # SDKs decide by the number; what it says is told to those that look at `reconnect`.
    is_final = 3500 <= code < 4000 or 4500 <= code < 5000
    push = Push(disconnect=DisconnectPush(code, reason, not is_final))
    return encoding.wrap(encoding.codec.encode_push(push)) + encoding.end


def response_head(headers: list[tuple[bytes, bytes]], *, is_chunked: bool) -> bytes:
    """Return the head of a response that ends with its connection."""
    lines = [b"HTTP/1.1 200 OK", *(b"%s: %s" % header for header in headers), b"connection: close"]
    if is_chunked:
        lines.append(b"transfer-encoding: chunked")
    return b"\r\n".join([*lines, b"", b""])


def _discard(data: bytes) -> None:
    """Stand in for `write` once nothing may follow."""


def _ignored_buffer(sizehint: int) -> memoryview:
    return _IGNORED


class StreamTransport(asyncio.BufferedProtocol):
    """A `connections.transport.Transport` over the socket of an HTTP response."""

    __slots__ = ("_context", "_end", "_ignored_bytes", "_sink", "_transport", "encoding", "name", "session", "write")

    write: Callable[[bytes], None]

    # Functions and not methods, for the reasons that `handover` has.
    get_buffer = staticmethod(_ignored_buffer)
    data_received = staticmethod(_discard)

    def __init__(self, transport: asyncio.Transport, context: SocketContext, opening: Opening) -> None:
        """Take over `transport`, on which the response's head is written."""
        self._transport: asyncio.Transport | None = transport
        self._context = context
        self._sink: MessageSink | None = None
        self._end: tuple[int, str] | None = None
        self._ignored_bytes = 0
        self.name = opening.handshake.transport
        self.session = opening.session
        self.encoding = opening.handshake.encoding
        self.write = transport.write
        transport.pause_reading()
        transport.set_protocol(self)

    def attach(self, sinks: SinkFactory, opening: Opening) -> None:
        """Give the stream to a sink, with the commands of the request."""
        transport = self._transport
        if transport is None:
            return
        transport.set_write_buffer_limits(high=self._context.write_high_water)
        try:
            sink = self._sink = sinks(self, opening.handshake)
        except GatewayError as error:
            self.close(error.code.number, error.slug)
        else:
            self._deliver(sink, opening.commands)
        if self._end is None:
            transport.resume_reading()  # or the end of the connection would not be seen

    # Public methods of the transport

    def buffered(self) -> int:
        """Return the bytes that wait in user space."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def pause_reading(self) -> None:
        """Change nothing: no command comes this way."""

    def resume_reading(self) -> None:
        """Change nothing: no command comes this way."""

    def close(self, code: int, reason: str) -> None:
        """Queue the goodbye behind everything else and close, at the latest when the close timeout is over."""
        if self._end is not None or self._transport is None:
            return
        self._end = (code, reason)
        self.write(goodbye(self.encoding, code, reason))
        self.write = _discard
        self._context.closing.add(self)
        self._transport.close()

    def abort(self) -> None:
        """Drop the connection and what is queued."""
        if self._transport is not None:
            self.write = _discard
            self._transport.abort()

    # Public methods that the event loop calls

    def buffer_updated(self, nbytes: int) -> None:
        """Take no notice, for a while: a request pipelined behind one without an end can have no answer."""
        self._ignored_bytes += nbytes
        if self._ignored_bytes > _PATIENCE_BYTES:
            self.close(CODES["unexpected_input"].number, "unexpected_input")

    def eof_received(self) -> None:
        """Note that the client left; it has no other way to say so."""
        if self._end is None:
            self._end = (NORMAL, "")

    def pause_writing(self) -> None:
        """Tell the sink that the peer reads too slowly."""
        if self._sink is not None:
            self._sink.on_congested()

    def resume_writing(self) -> None:
        """Tell the sink that the peer caught up."""
        if self._sink is not None:
            self._sink.on_drained()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything and tell the sink."""
        self.write = _discard
        self._context.closing.discard(self)
        self._transport = None
        self._end = self._end or end_by_kernel(exc)
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.on_closed(*(self._end or (ABNORMAL, "")))

    # Private methods

    def _deliver(self, sink: MessageSink, commands: bytes) -> None:
        try:
            sink.on_message(commands, not self.encoding.codec.binary)
        except Exception:  # the boundary between the server and the gateway: one bug must cost one connection
            _log.exception("sink_failed")
            self.close(CODES["server_error"].number, "server_error")
