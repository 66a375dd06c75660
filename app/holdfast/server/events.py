"""A WebSocket of our own spoken to in ordinary ASGI events, for applications that know no hand-over."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from holdfast.protocol.frames import OPCODE_BINARY, OPCODE_TEXT
from holdfast.transports.handover import WebSocketTransport

Event = MutableMapping[str, Any]
AsgiApp = Callable[[Event, Callable[[], Awaitable[Event]], Callable[[Event], Awaitable[None]]], Awaitable[None]]

# Messages that may wait for the application before the socket is no longer read.
_QUEUE_LIMIT: Final = 32
_NORMAL: Final = 1000


class AsgiEvents:
    """A `MessageSink` that turns callbacks into `receive`, and `send` into frames."""

    def __init__(self, socket: WebSocketTransport) -> None:
        """Speak for `socket`."""
        self._socket = socket
        self._queue: deque[Event] = deque()
        self._has_event = asyncio.Event()
        self._is_writable = asyncio.Event()
        self._is_writable.set()
        self._is_over = False

    # Public methods of the sink

    def on_message(self, data: bytes, is_text: bool) -> None:
        """Queue a message for the application."""
        self._push({"type": "websocket.receive", **({"text": data.decode()} if is_text else {"bytes": data})})
        if len(self._queue) >= _QUEUE_LIMIT:
            self._socket.pause_reading()

    def on_congested(self) -> None:
        """Let the application wait in `send`."""
        self._is_writable.clear()

    def on_drained(self) -> None:
        """Let it go on."""
        self._is_writable.set()

    def on_closed(self, code: int, reason: str) -> None:
        """Queue the end."""
        self._is_over = True
        self._is_writable.set()
        self._push({"type": "websocket.disconnect", "code": code, "reason": reason})

    # Public methods of ASGI

    async def receive(self) -> Event:
        """Return the next event; the last one again and again after the end."""
        while not self._queue:
            self._has_event.clear()
            await self._has_event.wait()
        if self._queue[0]["type"] == "websocket.disconnect":
            return self._queue[0]
        event = self._queue.popleft()
        if not self._queue:
            self._socket.resume_reading()
        return event

    async def send(self, event: Event) -> None:
        """Send a message or close.

        Raises:
            OSError: the connection is gone, as the ASGI specification asks since 2.4.
            RuntimeError: the event has no place here.
        """
        await self._is_writable.wait()
        kind = event["type"]
        if self._is_over:
            raise OSError("the WebSocket is closed")
        if kind == "websocket.close":
            self.close(event.get("code") or _NORMAL, event.get("reason") or "")
        elif kind != "websocket.send":
            raise RuntimeError(f"expected websocket.send or websocket.close, got {kind}")
        elif event.get("text") is not None:
            self._socket.send_frame(OPCODE_TEXT, event["text"].encode())
        else:
            self._socket.send_frame(OPCODE_BINARY, event["bytes"])

    def close(self, code: int = _NORMAL, reason: str = "") -> None:
        """Start the closing handshake, if it has not begun."""
        self._socket.close(code, reason)

    # Private methods

    def _push(self, event: Event) -> None:
        self._queue.append(event)
        self._has_event.set()
