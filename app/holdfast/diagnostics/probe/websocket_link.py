"""Commands and replies over a WebSocket, by the sans-I/O protocol of `websockets`."""

from __future__ import annotations

from collections import deque
from typing import Final

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import Protocol, Side, State
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from holdfast.diagnostics.probe.http import USER_AGENT, Answer, AnswerReader, request
from holdfast.diagnostics.probe.link import (
    MAX_MESSAGE_BYTES,
    Dialect,
    EndedError,
    InvalidUpgradeError,
    RefusedError,
    Reply,
    StrangeError,
    replies_of,
)
from holdfast.diagnostics.probe.target import Target
from holdfast.diagnostics.probe.way import CutError, read_body, read_head
from holdfast.diagnostics.probe.wire import Wire
from holdfast.errors import GatewayError

NO_STATUS: Final = 1005
_SWITCHING: Final = 101


class WebSocketLink:
    """A `link.Link` over one socket that is connected already."""

    def __init__(self, wire: Wire, target: Target, dialect: Dialect | None = None) -> None:
        """Speak JSON over `wire`, or another dialect."""
        self.sent: list[tuple[str, str]] = []
        self._wire = wire
        self._target = target
        self._dialect = dialect
        self._subprotocols = [Subprotocol(name) for name in (dialect.subprotocols if dialect else None) or ()]
        self._protocol = Protocol(Side.CLIENT, max_size=MAX_MESSAGE_BYTES)
        self._frames: deque[Frame] = deque()
        self._partial = bytearray()

    async def open(self, connect: str) -> Answer:
        """Shake hands; see `Link.open`."""
        uri = WebSocketURI(
            self._target.is_secure, self._target.host, self._target.port, self._target.path, "", None, None
        )
        client = ClientProtocol(uri, subprotocols=self._subprotocols or None)
        own = [(name, value) for name, value in client.connect().headers.raw_items() if name.lower() != "host"]
        self.sent = self._target.request_headers(*own, USER_AGENT)
        await self._wire.send(request("GET", self._target.request_target, self.sent))
        reader = AnswerReader()
        await read_head(self._wire, reader)
        answer = reader.answer
        if answer.status != _SWITCHING:
            await read_body(self._wire, reader)
            raise RefusedError(answer)
        try:
            client.process_response(Response(answer.status, answer.reason, Headers(answer.headers)))
        except (InvalidHandshake, ValueError) as error:
            raise InvalidUpgradeError(str(error)[:200]) from None
        self._protocol.receive_data(reader.rest)
        return answer

    async def begin(self, connect: str) -> None:
        """Send the connect command."""
        await self.send([connect])

    async def send(self, lines: list[str]) -> None:
        """Send commands as one message."""
        if self._protocol.state is State.OPEN:
            message = self._dialect.write(lines) if self._dialect else "\n".join(lines)
            if isinstance(message, bytes):
                self._protocol.send_binary(message)
            else:
                self._protocol.send_text(message.encode())
        await self._flush()

    async def receive(self) -> list[Reply]:
        """Return the replies of the next message; see `Link.receive`."""
        while True:
            self._frames += [event for event in self._protocol.events_received() if isinstance(event, Frame)]
            await self._flush()
            while self._frames:
                if (message := self._take(self._frames.popleft())) is not None:
                    return message
            await self._read()

    async def close(self) -> bool:
        """Send a close frame and wait for the peer's."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(1000)
        await self._flush()
        while self._protocol.close_rcvd is None:
            self._protocol.events_received()
            try:
                await self._read()
            except (CutError, StrangeError, EndedError):
                break
        return self._protocol.close_rcvd is not None

    def abort(self) -> None:
        """Close the socket."""
        self._wire.close()

    # Private methods

    def _take(self, frame: Frame) -> list[Reply] | None:
        """Take one frame; return the replies that it completes."""
        if frame.opcode is Opcode.CLOSE:
            received = self._protocol.close_rcvd
            raise EndedError(received.code if received else NO_STATUS, received.reason if received else "")
        if frame.opcode in (Opcode.PING, Opcode.PONG):
            return None
        self._partial += frame.data
        if not frame.fin:
            return None
        message, self._partial = bytes(self._partial), bytearray()
        if self._dialect is None:
            return replies_of(message)
        try:
            return replies_of(self._dialect.read(message).encode())
        except GatewayError as error:
            raise StrangeError(f"expected replies in Protobuf; {error.detail or error.slug}") from None

    async def _read(self) -> None:
        if self._protocol.parser_exc is not None:
            raise StrangeError(f"the frames break RFC 6455: {str(self._protocol.parser_exc)[:200]}")
        try:
            data = await self._wire.receive()
        except ConnectionError as error:
            raise CutError(error.strerror or "the connection was reset") from None
        if not data:
            raise CutError("the connection was closed without a close frame")
        if self._protocol.close_rcvd is None:
            self._protocol.receive_data(data)

    async def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                await self._wire.send(data)
