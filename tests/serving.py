"""A server in a thread with an event loop of its own, and raw sockets to talk to it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from holdfast.connections.transport import Admission
from holdfast.protocol.frames import OPCODE_CLOSE, encode_frame
from holdfast.server.gateway import GatewayServer
from holdfast.settings import Settings
from holdfast.transports.websocket import WebSocketEndpoint
from tests.conformance.application import Echo, admit
from tests.sockets import upgrade_request

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.new_event_loop,
}
START_SECONDS = 10.0


class PathServer:
    """An application on one path to a connection and one loop."""

    def __init__(self, path: str, loop: str, settings: Settings) -> None:
        self.path = path
        self.settings = settings
        self.errors: list[dict[str, Any]] = []
        self.port = 0
        self.app: Any = None
        self.server: Any = None
        self.loop = LOOPS[loop]()
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> Self:
        """Return once connections are accepted."""
        self._thread.start()
        assert self._is_up.wait(START_SECONDS)
        return self

    def stop(self) -> None:
        """Stop fast and wait for the end of the thread."""
        asyncio.run_coroutine_threadsafe(self.end(), self.loop).result(START_SECONDS)
        self.loop.call_soon_threadsafe(self._ask_to_stop)
        self._thread.join(START_SECONDS)
        assert not self._thread.is_alive()
        assert not self.errors, self.errors

    def call(self, function: Callable[[], Any]) -> Any:
        """Run a function on the server's loop and return its result."""

        async def run() -> Any:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(START_SECONDS)

    async def begin(self) -> None:
        """Make what is served, on its loop."""

    async def end(self) -> None:
        """Take it apart, before the server stops."""

    def _run(self) -> None:
        self.loop.set_exception_handler(lambda loop, context: self.errors.append(context))
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._live())

    async def _live(self) -> None:
        await self.begin()
        await (self._serve_uvicorn() if self.path == "uvicorn" else self._serve())

    async def _serve(self) -> None:
        self.server = GatewayServer(self.app, self.settings, offers_handover=self.path == "handover")
        self.server.bind()
        self.port = self.server.port
        serving = asyncio.ensure_future(self.server.serve())
        await self.server.wait_started()
        self._is_up.set()
        await serving

    async def _serve_uvicorn(self) -> None:
        config = uvicorn.Config(self.app, log_config=None, lifespan="off", access_log=False, ws="websockets-sansio")
        with socket.create_server(("127.0.0.1", 0)) as bound:
            self.port = bound.getsockname()[1]
            self.server = uvicorn.Server(config)
            serving = asyncio.ensure_future(self.server.serve(sockets=[bound]))
            while not self.server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
            self._is_up.set()
            await serving

    def _ask_to_stop(self) -> None:
        if self.path == "uvicorn":
            self.server.should_exit = self.server.force_exit = True
        else:
            self.server.stop()
            self.server.stop()


class EchoServer(PathServer):
    """The echo; `sinks` are all connections that there were."""

    def __init__(self, path: str, loop: str, settings: Settings, admission: Admission = admit) -> None:
        super().__init__(path, loop, settings)
        self.sinks: list[Echo] = []
        endpoint = WebSocketEndpoint(self._make, admission, settings.websocket)
        self.app = Starlette(routes=[WebSocketRoute("/", endpoint)])

    def _make(self, transport: Any, handshake: Any) -> Echo:
        self.sinks.append(Echo(transport, handshake))
        return self.sinks[-1]


@contextmanager
def serving(path: str, loop: str, settings: Settings | None = None, **more: Any) -> Iterator[EchoServer]:
    """Run an `EchoServer` for as long as the block lasts."""
    server = EchoServer(path, loop, settings or Settings(port=0), **more).start()
    try:
        yield server
    finally:
        server.stop()


class RawClient:
    """A TCP client that says exactly what it is told."""

    def __init__(self, port: int, timeout_seconds: float = 10.0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_seconds)

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *exc: object) -> None:
        self.socket.close()

    def open(self) -> RawClient:
        """Open a WebSocket."""
        self.send(upgrade_request())
        assert self.read_head().startswith(b"HTTP/1.1 101 ")
        return self

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.socket.sendall(data)

    def read_head(self) -> bytes:
        """Return an HTTP head."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self.socket.recv(1)
            if not byte:
                break
            head += byte
        return head

    def read(self, size: int) -> bytes:
        """Return exactly that many bytes, fewer at the end."""
        data = b""
        while len(data) < size and (chunk := self.socket.recv(size - len(data))):
            data += chunk
        return data

    def read_to_end(self) -> bytes:
        """Return everything until the server closes."""
        data = b""
        while chunk := self.socket.recv(65536):
            data += chunk
        return data


def close_frame(code: int, reason: str = "") -> bytes:
    """Return a server's close frame."""
    return encode_frame(OPCODE_CLOSE, code.to_bytes(2) + reason.encode())
