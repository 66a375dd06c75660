"""The life of a WebSocket whose socket the gateway owns: event-loop callbacks in, frames out, nothing in between.

One object per connection, and as little in it as possible: no task, no queue, no buffer of its own. All connections
read into one buffer; a parser exists only while a frame or a message is incomplete.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from enum import IntEnum
from typing import Protocol

from holdfast.codes import CODES
from holdfast.connections.transport import Handshake, MessageSink, SinkFactory
from holdfast.errors import GatewayError, ProtocolError
from holdfast.protocol.compression import decompress
from holdfast.protocol.frames import (
    COMPRESSED,
    OPCODE_BINARY,
    OPCODE_CLOSE,
    OPCODE_PING,
    OPCODE_PONG,
    OPCODE_TEXT,
    FrameParser,
    encode_close,
    encode_frame,
    parse_close,
    single_binary_frame,
    single_text_frame,
)
from holdfast.protocol.framing import WS_JSON, Encoding
from holdfast.settings import WebSocketSettings
from holdfast.telemetry.logs import get_logger
from holdfast.transports.deadlines import DeadlineQueue

ABNORMAL = 1006  # an end without a close frame (RFC 6455, 7.1.5)

# Every read of every connection lands here and is worked off before the loop reads again.
_RECEIVED = memoryview(bytearray(65536))

_log = get_logger(__name__)


class State(IntEnum):
    """How far a connection is; it only moves forward."""

    OPENING = 0  # the handshake is not answered, nobody reads
    OPEN = 1
    CLOSING = 2  # our close frame is queued, the peer's is awaited
    FLUSHING = 3  # nothing more is said or listened to
    CLOSED = 4


_OPEN = State.OPEN  # looked up once a message


class Abortable(Protocol):
    """What is closing and must not take for ever."""

    def abort(self) -> None:
        """Drop the connection now."""


class SocketContext:
    """What the connections of one server share: limits and the deadlines of those that are closing."""

    __slots__ = ("closing", "max_message_bytes", "write_high_water")

    def __init__(self, settings: WebSocketSettings, loop: asyncio.AbstractEventLoop) -> None:
        """Take limits from the settings; timers run on `loop`."""
        self.max_message_bytes = settings.max_message_bytes
        self.write_high_water = settings.write_high_water
        self.closing: DeadlineQueue[Abortable] = DeadlineQueue(loop, settings.close_timeout, lambda one: one.abort())


def end_by_kernel(error: Exception | None) -> tuple[int, str] | None:
    """Return the end of a connection that the kernel gave up: keepalive, or TCP_USER_TIMEOUT; None for any other."""
    return (ABNORMAL, "ack_timeout") if getattr(error, "errno", None) == errno.ETIMEDOUT else None


def _discard(data: bytes) -> None:
    """Stand in for `write` once nothing may follow."""


def _receive_buffer(sizehint: int) -> memoryview:
    return _RECEIVED


class WebSocketTransport(asyncio.BufferedProtocol):
    """A `connections.transport.Transport` that is the event loop's protocol at the same time."""

    __slots__ = ("_context", "_end", "_owed_pong", "_parser", "_sink", "_state", "_transport", "encoding", "write")

    name: str = "websocket"
    session: str = ""
    encoding: Encoding
    write: Callable[[bytes], None]

    # Functions and not methods: uvloop keeps what it finds under these names, and a bound method costs each
    # connection 64 bytes. Without `data_received` it would keep that of the protocol before us, and so all of HTTP.
    get_buffer = staticmethod(_receive_buffer)
    data_received = staticmethod(_discard)

    def __init__(self, transport: asyncio.Transport, context: SocketContext) -> None:
        """Take over `transport` and stop reading until `attach`."""
        self._transport: asyncio.Transport | None = transport
        self._context = context
        self._state = State.OPENING
        self._sink: MessageSink | None = None
        self._parser: FrameParser | None = None
        self._end: tuple[int, str] | None = None
        self._owed_pong: bytes | None = None
        self.encoding = WS_JSON
        self.write = transport.write
        transport.pause_reading()
        transport.set_protocol(self)

    # Public methods of the handshake

    @property
    def is_lost(self) -> bool:
        """Whether the socket is gone."""
        return self._state == State.CLOSED

    def attach(self, sinks: SinkFactory, handshake: Handshake, early: bytes = b"") -> None:
        """Hand the opened connection to a sink and start reading; `early` came together with the handshake.

        A socket that was lost meanwhile gets no sink.
        """
        transport = self._transport
        if self._state != State.OPENING or transport is None:
            return
        transport.set_write_buffer_limits(high=self._context.write_high_water)
        self.encoding = handshake.encoding
        self._state = State.OPEN
        try:
            self._sink = sinks(self, handshake)
        except GatewayError as error:
            self.close(error.code.number, error.slug)
        if early:
            self._receive(memoryview(early))
        self.resume_reading()

    def refuse(self, response: bytes) -> None:
        """Answer the handshake with a whole HTTP response and close."""
        self._say_last(response, may_linger=False)

    # Public methods of the transport

    def send_frame(self, opcode: int, payload: bytes) -> None:
        """Queue one frame."""
        self.write(encode_frame(opcode, payload))

    def buffered(self) -> int:
        """Return the bytes that wait in user space."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def pause_reading(self) -> None:
        """Take nothing more from the socket; frames of the current read still come."""
        if self._transport is not None and self._state == State.OPEN:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take from the socket again."""
        if self._transport is not None:
            self._transport.resume_reading()

    def close(self, code: int, reason: str) -> None:
        """Queue a close frame behind everything else, wait for the peer's, abort after the close timeout."""
        if self._state != State.OPEN:
            return
        self._end = (code, reason)
        self.write(encode_close(code, reason))
        self.write = _discard
        self._state = State.CLOSING
        self._context.closing.add(self)
        self.resume_reading()

    def abort(self) -> None:
        """Drop the connection and what is queued."""
        if self._transport is not None:
            self.write = _discard
            self._state = max(self._state, State.FLUSHING)
            self._transport.abort()

    # Public methods that the event loop calls

    def buffer_updated(self, nbytes: int) -> None:
        """Take `nbytes` that the loop read into the shared buffer."""
        if self._parser is None and self._state is _OPEN:
            payload = single_text_frame(_RECEIVED, nbytes, self._context.max_message_bytes)
            if payload is not None:
                self._deliver(payload, True)
                return
            payload = single_binary_frame(_RECEIVED, nbytes, self._context.max_message_bytes)
            if payload is not None:
                self._deliver(payload, False)
                return
        self._receive(_RECEIVED[:nbytes])

    def pause_writing(self) -> None:
        """Tell the sink that the peer reads too slowly."""
        if self._sink is not None:
            self._sink.on_congested()

    def resume_writing(self) -> None:
        """Tell the sink that the peer caught up, and answer the last ping that came meanwhile."""
        if self._owed_pong is not None:
            self.send_frame(OPCODE_PONG, self._owed_pong)
            self._owed_pong = None
        if self._sink is not None:
            self._sink.on_drained()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything and tell the sink, if nobody has."""
        self.write = _discard
        self._state = State.CLOSED
        self._context.closing.discard(self)
        self._transport = None
        self._parser = None
        self._end = self._end or end_by_kernel(exc)
        self._tell_end()

    # Private methods

    def _receive(self, data: memoryview) -> None:
        if self._state > State.CLOSING:
            return  # a peer that was told to go is read, lest a reset destroys what it was told
        parser = self._parser
        if parser is None:
            parser = self._parser = FrameParser(self._context.max_message_bytes, self.encoding.is_compressed)
        try:
            for opcode, payload in parser.feed(data):
                self._take(opcode, payload)
        except ProtocolError as error:
            self._fail(error)
            return
        if parser.is_idle:
            self._parser = None

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode in (OPCODE_TEXT, OPCODE_BINARY):
            self._deliver(payload, opcode == OPCODE_TEXT)
        elif opcode == OPCODE_PING:
            self._answer_ping(payload)
        elif opcode == OPCODE_CLOSE:
            self._answer_close(payload)
        # One that is closing gets nothing decompressed: nobody wants it, and each byte could cost us a thousand.
        elif opcode & COMPRESSED and self._state is _OPEN:
            opcode ^= COMPRESSED
            self._deliver(decompress(opcode, payload, self._context.max_message_bytes), opcode == OPCODE_TEXT)

    def _deliver(self, payload: bytes, is_text: bool) -> None:
        if self._sink is None or self._state != State.OPEN:
            return
        try:
            self._sink.on_message(payload, is_text)
        except Exception:  # the boundary between the event loop and the gateway: one bug must cost one connection
            _log.exception("sink_failed")
            self.close(CODES["server_error"].number, "server_error")

    def _answer_ping(self, payload: bytes) -> None:
        # RFC 6455, 5.5.3 allows to answer only the last ping; so pings to a peer that does not read cost nothing.
        if self.buffered() > self._context.write_high_water:
            self._owed_pong = payload
        else:
            self.send_frame(OPCODE_PONG, payload)

    def _answer_close(self, payload: bytes) -> None:
        code, reason = parse_close(payload)
        if self._end is None:
            self._end = (code, reason)
        self._say_last(b"" if self._state == State.CLOSING else encode_close(code), may_linger=False)
        self._tell_end()

    def _fail(self, error: ProtocolError) -> None:
        if self._end is None:
            self._end = (error.code.number, error.slug)
        is_told = self._state == State.CLOSING
        self._say_last(b"" if is_told else encode_close(error.code.number, error.slug), may_linger=True)
        self._tell_end()

    def _say_last(self, data: bytes, may_linger: bool) -> None:
        """Queue the last bytes and close behind them, at the latest when the close timeout is over.

        Closing a socket with unread input resets it, and the peer may never see what it was told. Where input is
        likely (`may_linger`), only our direction is shut and what comes is thrown away.
        """
        transport = self._transport
        if transport is None:
            return
        self.write(data)
        self.write = _discard
        self._parser = None
        if self._state != State.CLOSING:  # else its time is running already
            self._context.closing.add(self)
        self._state = State.FLUSHING
        if may_linger and transport.can_write_eof():
            self.resume_reading()
            transport.write_eof()
        else:
            transport.close()

    def _tell_end(self) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.on_closed(*(self._end or (ABNORMAL, "")))
