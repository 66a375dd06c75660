"""One session over a WebSocket for the reference client."""

from __future__ import annotations

import asyncio
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from tests.session import Handle, Message, SessionLost
from tests.stream_session import encode_json, split_lines


class SocketSession:
    """Speaks JSON in text frames."""

    def __init__(self, _: Any, url: str, handle: Handle, delays: tuple[float, float]) -> None:
        self._url = f"{url.replace('http', 'ws', 1)}/connection/websocket"
        self._handle = handle
        self._commands: asyncio.Queue[Message] = asyncio.Queue()

    async def open(self, commands: list[Message]) -> None:
        """Open the connection and wait for the first message."""
        try:
            self._socket = await connect(self._url, proxy=None, ping_interval=None, close_timeout=1)
        except (OSError, EOFError, InvalidHandshake, InvalidMessage) as error:
            raise SessionLost(0, repr(error)) from None
        try:
            await self._socket.send(encode_json(commands), text=True)
            await self._read()
        except ConnectionClosed as error:
            raise self._lost(error) from None

    def send(self, command: Message) -> None:
        """Let a command go."""
        self._commands.put_nowait(command)

    async def run(self) -> None:
        """Read and speak until the session is lost or the task is cancelled.

        Raises:
            SessionLost: the connection has ended.
        """
        speaking = asyncio.ensure_future(self._send_all())
        try:
            while True:
                await self._read()
        except ConnectionClosed as error:
            raise self._lost(error) from None
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
            self._socket.transport.abort()

    async def leave(self) -> None:
        """Close the connection."""
        await self._socket.close()

    # Private methods

    async def _read(self) -> None:
        data = await self._socket.recv(decode=False)
        for message in split_lines(data + b"\n")[0]:
            if message:
                self._handle(message)
            else:
                self.send({})  # a pong

    async def _send_all(self) -> None:
        while True:
            await self._socket.send(encode_json([await self._commands.get()]), text=True)

    @staticmethod
    def _lost(error: ConnectionClosed) -> SessionLost:
        return SessionLost(error.rcvd.code, error.rcvd.reason) if error.rcvd else SessionLost(0, "cut")
