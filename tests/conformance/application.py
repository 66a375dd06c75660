"""The application under test: an echo mounted on our own stack, handed over or by plain ASGI.

    python -m tests.conformance.application {handover,asgi} [PORT]

prints the port it listens on and serves until SIGTERM.
"""

from __future__ import annotations

import asyncio
import sys

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from holdfast.connections.transport import Handshake
from holdfast.protocol.compression import WINDOWS, Compression
from holdfast.protocol.frames import OPCODE_BINARY, OPCODE_TEXT
from holdfast.protocol.framing import WS_JSON
from holdfast.server.gateway import GatewayServer
from holdfast.server.runtime import loop_factory
from holdfast.settings import Settings, WebSocketSettings
from holdfast.transports.asgi import AsgiTransport
from holdfast.transports.handover import WebSocketTransport
from holdfast.transports.websocket import WebSocketEndpoint

PATHS = ("handover", "asgi")

# Autobahn's group 9 sends messages of 16 MiB.
LARGE = WebSocketSettings(max_message_bytes=17 * 2**20, write_high_water=2**20, compression=True)


COMPRESSION = Compression(min_size=0, level=1)
WINDOW_OF = {COMPRESSION.encoding(WS_JSON, bits): bits for bits in WINDOWS}


class Echo:
    """A sink that sends back each message as it came, and reads no faster than it can write."""

    def __init__(self, transport: WebSocketTransport | AsgiTransport, handshake: Handshake) -> None:
        self.transport = transport
        self.handshake = handshake
        self.ends: list[tuple[int, str]] = []

    def on_message(self, data: bytes, is_text: bool) -> None:
        """Echo, compressed where that was agreed on."""
        opcode = OPCODE_TEXT if is_text else OPCODE_BINARY
        window_bits = WINDOW_OF.get(self.transport.encoding)
        if window_bits is None:
            self.transport.send_frame(opcode, data)
        else:
            self.transport.write(COMPRESSION.frame(opcode, window_bits, data))

    def on_congested(self) -> None:
        """Read no more."""
        self.transport.pause_reading()

    def on_drained(self) -> None:
        """Read on."""
        self.transport.resume_reading()

    def on_closed(self, code: int, reason: str) -> None:
        """Remember the end."""
        self.ends.append((code, reason))


def admit(handshake: Handshake) -> None:
    """Let everybody in."""


def echo_server(path: str, port: int = 0, websocket: WebSocketSettings = LARGE) -> GatewayServer:
    """Return a server with the echo at `/`, by one of `PATHS`."""
    settings = Settings(port=port, websocket=websocket)
    compression = COMPRESSION if websocket.compression else None
    endpoint = WebSocketEndpoint(Echo, admit, websocket, compression=compression)
    app = Starlette(routes=[WebSocketRoute("/", endpoint)])
    return GatewayServer(app, settings, offers_handover=path == "handover")


async def serve(path: str, port: int) -> None:
    """Serve until SIGTERM; print the port once connections are accepted."""
    server = echo_server(path, port)
    serving = asyncio.ensure_future(server.serve())
    started = asyncio.ensure_future(server.wait_started())
    await asyncio.wait({serving, started}, return_when=asyncio.FIRST_COMPLETED)
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    await serving


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0))
