"""Connections of aiohttp's client without a network: a request is noted, and answered with what a test says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast.proxy.connector import OneAnswerConnector

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: session=anna\r\n\r\n{}"


class Network:
    """What connectors connect to: `parts` answer each request one after the other, None hangs up.

    `error` refuses connections; one `is_deaf` never reads what was sent, so that closing waits for ever.
    """

    def __init__(self, *parts: bytes | None) -> None:
        self.parts = parts or (GOOD,)
        self.error: Exception | None = None
        self.is_deaf = False
        self.sockets: list[Socket] = []
        self.asked: list[Any] = []  # by aiohttp, one for each connection

    @property
    def requests(self) -> list[bytes]:
        """Return what was sent."""
        return [request for socket in self.sockets for request in socket.requests]

    @property
    def open(self) -> int:
        """Return how many connections there are."""
        return sum(not socket.is_closing() for socket in self.sockets)

    def patch(self, monkeypatch: pytest.MonkeyPatch) -> Network:
        """Stand in for the network until the end of a test."""

        async def create(connector: Any, request: Any, traces: object, timeout: object) -> Any:
            self.asked.append(request)
            await asyncio.sleep(0)
            if self.error is not None:
                raise self.error
            protocol = connector._factory()
            self.sockets.append(Socket(self, protocol))
            protocol.connection_made(self.sockets[-1])
            return protocol

        monkeypatch.setattr(OneAnswerConnector, "_create_connection", create)
        return self


class Socket(asyncio.Transport):
    """One connection."""

    def __init__(self, network: Network, protocol: Any) -> None:
        super().__init__()
        self.network = network
        self.protocol = protocol
        self.requests: list[bytes] = []
        self.is_closed = self.is_aborted = False

    def write(self, data: Any) -> None:
        """Note a request and answer it once it is whole."""
        is_next = not self.requests or self.requests[-1].endswith(b"}")
        self.requests.append(bytes(data)) if is_next else self._extend(bytes(data))
        if self.requests[-1].endswith(b"}"):
            self.answers = asyncio.ensure_future(self._answer())

    def writelines(self, parts: Any) -> None:
        """Write several."""
        self.write(b"".join(parts))

    def say(self, data: bytes) -> None:
        """Send something, asked or not."""
        if not self.is_closing():
            self.protocol.data_received(data)

    def close(self) -> None:
        """End after what was written is sent."""
        if not self.is_closed and not self.network.is_deaf:
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)
        self.is_closed = True

    def abort(self) -> None:
        """End at once."""
        if not self.is_aborted and (self.network.is_deaf or not self.is_closed):
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)
        self.is_aborted = self.is_closed = True

    def is_closing(self) -> bool:
        """Tell whether it ends."""
        return self.is_closed

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return nothing."""
        return default

    def _extend(self, data: bytes) -> None:
        self.requests[-1] += data

    async def _answer(self) -> None:
        for part in self.network.parts:
            await asyncio.sleep(0)
            if part is None:
                self.close()
            else:
                self.say(part)
