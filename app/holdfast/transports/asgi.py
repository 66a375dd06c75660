"""A WebSocket on an ordinary ASGI server: the same events and the same writing as after a hand-over, by one receive
loop and one writer task.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from starlette.types import Receive, Send

from holdfast.codes import CODES
from holdfast.connections.transport import Handshake, MessageSink, SinkFactory
from holdfast.errors import GatewayError
from holdfast.protocol.frames import OPCODE_BINARY, OPCODE_TEXT
from holdfast.protocol.framing import RAW_JSON, Encoding
from holdfast.settings import WebSocketSettings
from holdfast.telemetry.logs import get_logger

ABNORMAL = 1006  # an end without a close frame (RFC 6455, 7.1.5)

_log = get_logger(__name__)


class AsgiTransport:
    """A `connections.transport.Transport` over an accepted ASGI WebSocket.

    What is written waits in a queue of its own, because ASGI's `send` may suspend and a writer must not.
    """

    name: str = "websocket"
    session: str = ""
    encoding: Encoding
    write: Callable[[bytes], None]

    def __init__(self, send: Send, settings: WebSocketSettings) -> None:
        """Write through `send`."""
        self.encoding = RAW_JSON
        self._send = send
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._sink: MessageSink | None = None
        self._end: tuple[int, str] | None = None
        # Outgoing
        self._queue: deque[tuple[dict[str, Any], int]] = deque()  # events and their sizes in bytes
        self._queued_bytes = 0
        self._is_congested = False
        self._has_output = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        # Incoming
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._reader: asyncio.Task[None] | None = None
        self.write = self._write_text

    # Public methods of the transport

    def send_frame(self, opcode: int, payload: bytes) -> None:
        """Queue one message, text or binary."""
        if self._end is not None or self._sink is None:
            return
        part = {"text": payload.decode()} if opcode == OPCODE_TEXT else {"bytes": payload}
        self._push({"type": "websocket.send", **part}, len(payload))

    def buffered(self) -> int:
        """Return the bytes that wait in user space, as far as ASGI lets one know."""
        return self._queued_bytes

    def pause_reading(self) -> None:
        """Take nothing more from the server."""
        self._may_read.clear()

    def resume_reading(self) -> None:
        """Take from the server again."""
        self._may_read.set()

    def close(self, code: int, reason: str) -> None:
        """Queue the goodbye; stop waiting for it after the close timeout."""
        if self._end is not None:
            return
        self._end = (code, reason)
        self._push(self._goodbye(code, reason), 0)
        self._loop.call_later(self._settings.close_timeout, self.abort)

    def abort(self) -> None:
        """Stop at once; the server drops the connection when the endpoint returns."""
        if self._reader is not None:
            self._reader.cancel()
        if self._writer is not None:
            self._writer.cancel()

    # Public methods for the endpoint

    async def run(self, receive: Receive, sinks: SinkFactory, handshake: Handshake) -> None:
        """Carry messages both ways until the connection has ended, then tell the sink."""
        self.encoding = handshake.encoding
        self.write = self._writing()
        self._writer = self._loop.create_task(self._write_all())
        self._reader = self._loop.create_task(self._read_all(receive))
        try:
            self._sink = sinks(self, handshake)
        except GatewayError as error:
            self.close(error.code.number, error.slug)
        try:
            await asyncio.wait({self._reader})
        finally:
            self.abort()
            try:
                await asyncio.wait({self._reader, self._writer})
            finally:  # a server in a hurry cancels twice
                self._tell_end()

    # Private methods

    def _writing(self) -> Callable[[bytes], None]:
        """Return what writes units of the encoding."""
        return self._write_binary if self.encoding.codec.binary else self._write_text

    def _write_text(self, unit: bytes) -> None:
        self.send_frame(OPCODE_TEXT, unit)

    def _write_binary(self, unit: bytes) -> None:
        self.send_frame(OPCODE_BINARY, unit)

    def _goodbye(self, code: int, reason: str) -> dict[str, Any]:
        return {"type": "websocket.close", "code": code, "reason": reason}

    def _push(self, event: dict[str, Any], size: int) -> None:
        self._queue.append((event, size))
        self._queued_bytes += size
        self._has_output.set()
        if self._queued_bytes > self._settings.write_high_water and not self._is_congested:
            self._is_congested = True
            if self._sink is not None:
                self._sink.on_congested()

    async def _write_all(self) -> None:
        try:
            while True:
                await self._has_output.wait()
                while self._queue:
                    await self._write_one(*self._queue.popleft())
                self._has_output.clear()
        except (OSError, RuntimeError):  # ASGI servers say so when the client has gone meanwhile
            self._queue.clear()

    async def _write_one(self, event: dict[str, Any], size: int) -> None:
        await self._send(event)
        self._queued_bytes -= size
        if self._is_congested and self._queued_bytes <= self._settings.write_high_water // 4:
            self._is_congested = False
            if self._sink is not None:
                self._sink.on_drained()

    async def _read_all(self, receive: Receive) -> None:
        while True:
            await self._may_read.wait()
            event = await receive()
            if event["type"] == "websocket.disconnect":
                self._end = self._end or (event.get("code") or ABNORMAL, event.get("reason") or "")
                return
            text = event.get("text")
            data, is_text = (event["bytes"], False) if text is None else (text.encode(), True)
            if len(data) > self._settings.max_message_bytes:
                self.close(CODES["message_too_big"].number, "message_too_big")
            else:
                self._deliver(data, is_text)

    def _deliver(self, data: bytes, is_text: bool) -> None:
        if self._sink is None or self._end is not None:
            return
        try:
            self._sink.on_message(data, is_text)
        except Exception:  # the boundary between the server's loop and the gateway: one bug must cost one connection
            _log.exception("sink_failed")
            self.close(CODES["server_error"].number, "server_error")

    def _tell_end(self) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.on_closed(*(self._end or (ABNORMAL, "")))
