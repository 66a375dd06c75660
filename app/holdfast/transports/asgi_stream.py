"""A stream on an ordinary ASGI server: one receive loop and one writer task, as for a WebSocket there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.types import Receive, Send

from holdfast.settings import WebSocketSettings
from holdfast.transports.asgi import AsgiTransport
from holdfast.transports.stream import NORMAL, Opening, goodbye


class AsgiStream(AsgiTransport):
    """A `connections.transport.Transport` over the response to an ASGI request; the server frames what is written."""

    def __init__(self, send: Send, settings: WebSocketSettings, opening: Opening) -> None:
        """Write through `send`, on which the response has started."""
        super().__init__(send, settings)
        self.name = opening.handshake.transport
        self.session = opening.session
        self._commands = opening.commands

    def pause_reading(self) -> None:
        """Change nothing: no command comes this way."""

    # Private methods

    def _writing(self) -> Callable[[bytes], None]:
        return self._write_unit

    def _write_unit(self, unit: bytes) -> None:
        if self._end is None and self._sink is not None:
            self._push({"type": "http.response.body", "body": unit, "more_body": True}, len(unit))

    def _goodbye(self, code: int, reason: str) -> dict[str, Any]:
        last = goodbye(self.encoding, code, reason)
        return {"type": "http.response.body", "body": last, "more_body": False}

    async def _read_all(self, receive: Receive) -> None:
        self._deliver(self._commands, not self.encoding.codec.binary)
        while True:
            event = await receive()
            if event["type"] == "http.disconnect":
                self._end = self._end or (NORMAL, "")
                return
