"""A gateway's core without sockets: real hub, broker, validator and manager, fake transports, a clock that stands."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import jwt

from holdfast.auth.validator import ImprovedTokenValidator
from holdfast.broker.memory import MemoryBroker
from holdfast.channels.hub import Hub
from holdfast.connections.connection import Connection
from holdfast.connections.control import Control
from holdfast.connections.core import Clocks, Core, Parts
from holdfast.connections.manager import EnhancedWebSocketManager
from holdfast.connections.transport import Handshake
from holdfast.protocol.framing import RAW_JSON, Encoding
from holdfast.proxy.caller import CallError
from holdfast.proxy.headers import Headers
from holdfast.proxy.table import ProxyTable
from holdfast.settings import Settings
from holdfast.settings_proxies import Proxy
from tests.protobuf import decode_replies, encode_commands

SECRET = "an hmac secret of more than thirty-two bytes"
EVERYTHING = {
    "allow_subscribe_for_client": True,
    "allow_publish_for_client": True,
    "allow_presence_for_client": True,
    "allow_history_for_client": True,
    "presence": True,
    "join_leave": True,
    "history_size": 10,
    "history_ttl": 300,
}


class FakeCaller:
    """Makes the calls of a proxy to a function."""

    def __init__(self, proxy: Proxy, backend: Callable[[httpx.Request], httpx.Response]) -> None:
        self._url = proxy.endpoint
        self._backend = backend

    async def post(self, body: bytes, headers: Headers) -> bytes:
        """Return what the function answers."""
        await asyncio.sleep(0)
        response = self._backend(httpx.Request("POST", self._url, headers=headers, content=body))
        if response.status_code != 200:
            raise CallError("proxy_bad_status", str(response.status_code), status=response.status_code)
        return response.content

    async def close(self) -> None:
        """Do nothing."""


class FakeTransport:
    """Keeps what is written; `queued` is what `buffered` says."""

    name = "fake"
    session = ""

    def __init__(self, encoding: Encoding = RAW_JSON) -> None:
        self.encoding = encoding
        self.units: list[bytes] = []
        self.closed: tuple[int, str] | None = None
        self.queued = 0
        self.is_reading = True
        self.write = self.units.append

    def send(self, payload: bytes) -> None:
        """Write one payload."""
        self.write(self.encoding.wrap(payload))

    def buffered(self) -> int:
        """Return what the test says."""
        return self.queued

    def pause_reading(self) -> None:
        """Note it."""
        self.is_reading = False

    def resume_reading(self) -> None:
        """Note it."""
        self.is_reading = True

    def close(self, code: int, reason: str) -> None:
        """Note it."""
        self.closed = self.closed or (code, reason)

    def abort(self) -> None:
        """Note it."""
        self.closed = self.closed or (1006, "")


class Client:
    """The far side of one connection."""

    def __init__(self, world: World, transport: FakeTransport, connection: Connection) -> None:
        self.world = world
        self.transport = transport
        self.connection = connection
        self._read = 0
        self._id = 0

    def send(self, *commands: dict[str, Any] | str | bytes) -> None:
        """Send commands in one message; texts and bytes go as they are."""
        if self.transport.encoding.codec.binary:
            said = [encode_commands(one) if isinstance(one, dict) else one for one in commands]
            self.connection.on_message(b"".join(one for one in said if isinstance(one, bytes)), False)
            return
        lines = [one if isinstance(one, str) else json.dumps(one) for one in commands if not isinstance(one, bytes)]
        data = b"".join(one for one in commands if isinstance(one, bytes)) or "\n".join(lines).encode()
        self.connection.on_message(data, True)

    def call(self, method: str, /, **request: Any) -> dict[str, Any]:
        """Send one command and return its reply."""
        self._id += 1
        self.send({"id": self._id, method: request})
        reply = next(one for one in self.received() if one.get("id") == self._id)
        assert isinstance(reply, dict)
        return reply

    async def ask(self, method: str, /, **request: Any) -> dict[str, Any]:
        """Send one command, let the user's backend answer, and return the reply."""
        self._id += 1
        self.send({"id": self._id, method: request})
        await self.world.turn()
        return next(one for one in self.received() if one.get("id") == self._id)

    def received(self) -> list[dict[str, Any]]:
        """Return what came since the last look, one object a line."""
        units, self._read = self.transport.units[self._read :], len(self.transport.units)
        if self.transport.encoding.codec.binary:
            return [reply for unit in units for reply in decode_replies(unit)]
        return [json.loads(line) for unit in units for line in unit.split(b"\n")]

    async def pushes(self) -> list[dict[str, Any]]:
        """Let the hub deliver, then return the pushes since the last look."""
        await self.world.turn()
        return [one["push"] for one in self.received() if "push" in one]

    def hang_up(self, code: int = 1006, reason: str = "") -> None:
        """End the connection from the client's side."""
        self.connection.on_closed(code, reason)


class World:
    """One instance; `wrap` may put something between it and the embedded broker, `backend` answers its proxies."""

    def __init__(
        self,
        clock: Any,
        wrap: Callable[[MemoryBroker], Any] | None = None,
        backend: Callable[[httpx.Request], httpx.Response] | None = None,
        **settings: Any,
    ) -> None:
        given = {"token": {"hmac_secret": SECRET}, "channel": {"without_namespace": EVERYTHING}, **settings}
        self.settings = Settings.model_validate(given)
        self.clock = clock
        loop = asyncio.get_running_loop()
        self.hub = Hub(loop.call_soon)
        self.memory = MemoryBroker(self.settings, clock=clock, wall_clock=clock)
        self.broker = wrap(self.memory) if wrap else self.memory
        self.validator = ImprovedTokenValidator(self.settings.token, clock=clock)
        clocks = Clocks(clock, clock)
        proxies = ProxyTable(self.settings, clock, lambda proxy: FakeCaller(proxy, backend)) if backend else None
        self.core = Core(
            self.settings,
            self.settings.instance or "here",
            Parts(self.broker, self.hub, self.validator, clocks, loop, proxies),
        )
        self.manager = EnhancedWebSocketManager(self.core)
        self.control = Control(self.core)

    async def start(self) -> World:
        """Start the broker."""
        await self.broker.start(self.core.delivery)
        return self

    async def turn(self) -> None:
        """Let the event loop run until the hub has delivered."""
        for _ in range(20):
            await asyncio.sleep(0)

    def token(self, user: str = "anna", **claims: Any) -> str:
        """Make a connection or subscription token."""
        return jwt.encode({"sub": user, "exp": int(self.clock()) + 600, **claims}, SECRET, "HS256")

    def open(self, encoding: Encoding = RAW_JSON, session: str = "", **handshake: Any) -> Client:
        """Accept a connection that has not connected yet; `session` is what its transport calls it."""
        transport = FakeTransport(encoding)
        transport.session = session
        fields = {"path": "/connection/websocket", "query": b"", "client": "127.0.0.1", "scheme": "ws"}
        came = Handshake(**{**fields, "headers": [], "attempt_id": "attempt", **handshake})
        return Client(self, transport, self.manager.open(transport, came))

    def connect(
        self, user: str = "anna", request: dict[str, Any] | None = None, encoding: Encoding = RAW_JSON, **claims: Any
    ) -> Client:
        """Accept a connection and open its session."""
        client = self.open(encoding)
        reply = client.call("connect", token=self.token(user, **claims), **(request or {}))
        assert "connect" in reply, reply
        return client
