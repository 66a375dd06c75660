"""What WebSocket and HTTP tests need: client frames, a pretended transport and clock, a sink that remembers."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from holdfast.protocol.frames import OPCODE_BINARY, OPCODE_CLOSE, OPCODE_TEXT, apply_mask

MASK = b"\x12\x34\x56\x78"
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="  # the example of RFC 6455, 1.3
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def client_frame(opcode: int, payload: bytes = b"", *, final: bool = True, mask: bytes = MASK) -> bytes:
    """Return a masked frame as a client sends it."""
    first = (0x80 if final else 0) | opcode
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", first, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, size)
    return head + mask + apply_mask(payload, mask)


def client_close(code: int, reason: str = "") -> bytes:
    """Return a client's close frame."""
    return client_frame(OPCODE_CLOSE, struct.pack("!H", code) + reason.encode())


def upgrade_request(path: str = "/", *lines: str, method: str = "GET", without: str = "") -> bytes:
    """Return a client's opening handshake with further header lines, and without the header named."""
    headers = [
        "Host: gateway.test",
        "Connection: keep-alive, Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {KEY.decode()}",
    ]
    kept = [line for line in headers if not without or not line.lower().startswith(without.lower() + ":")]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *kept, *lines, "", ""]).encode()


class FakeHandle:
    """A timer of `FakeLoop`."""

    def __init__(self, when: float, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.when = when
        self.callback = callback
        self.args = args
        self.is_cancelled = False

    def cancel(self) -> None:
        """Never run."""
        self.is_cancelled = True


class FakeLoop:
    """The clock and the timers of an event loop, moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[FakeHandle] = []

    def time(self) -> float:
        """Return the time."""
        return self.now

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> FakeHandle:
        """Start a timer."""
        return self.call_at(self.now + delay, callback, *args)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any) -> FakeHandle:
        """Start a timer."""
        handle = FakeHandle(when, callback, args)
        self.timers.append(handle)
        return handle

    @property
    def waiting(self) -> int:
        """Return how many timers are armed."""
        return sum(not handle.is_cancelled for handle in self.timers)

    def advance(self, seconds: float) -> None:
        """Let time pass and run what is due on the way, in order."""
        end = self.now + seconds
        while due := [handle for handle in self.timers if handle.when <= end and not handle.is_cancelled]:
            handle = min(due, key=lambda one: one.when)
            self.timers.remove(handle)
            self.now = max(self.now, handle.when)
            handle.callback(*handle.args)
        self.now = end


class FakeTransport:
    """An asyncio transport that keeps what is written and remembers what is asked."""

    def __init__(self, *, has_eof: bool = True) -> None:
        self.sent = bytearray()
        self.protocol: Any = None
        self.is_reading = True
        self.is_closed = False
        self.is_aborted = False
        self.has_sent_eof = False
        self.unsent = 0
        self.limits: dict[str, int] = {}
        self._has_eof = has_eof

    def write(self, data: bytes) -> None:
        """Keep."""
        self.sent += data

    def set_protocol(self, protocol: Any) -> None:
        """Change hands."""
        self.protocol = protocol

    def set_write_buffer_limits(self, high: int) -> None:
        """Remember."""
        self.limits["high"] = high

    def get_write_buffer_size(self) -> int:
        """Return what a test says."""
        return self.unsent

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Pretend to be a socket of 127.0.0.1."""
        return {"sockname": ("127.0.0.1", 8000), "peername": ("127.0.0.1", 40000)}.get(name, default)

    def pause_reading(self) -> None:
        """Remember."""
        self.is_reading = False

    def resume_reading(self) -> None:
        """Remember."""
        self.is_reading = True

    def can_write_eof(self) -> bool:
        """TCP can, TLS cannot."""
        return self._has_eof

    def write_eof(self) -> None:
        """Remember."""
        self.has_sent_eof = True

    def is_closing(self) -> bool:
        """Tell."""
        return self.is_closed or self.is_aborted

    def close(self) -> None:
        """Remember."""
        self.is_closed = True

    def abort(self) -> None:
        """Remember."""
        self.is_aborted = True


class RecordingSink:
    """A sink that remembers every event in order."""

    def __init__(self, transport: Any = None, handshake: Any = None) -> None:
        self.transport = transport
        self.handshake = handshake
        self.events: list[tuple[Any, ...]] = []

    @property
    def messages(self) -> list[bytes]:
        """Return the messages alone."""
        return [event[1] for event in self.events if event[0] in {OPCODE_TEXT, OPCODE_BINARY}]

    def on_message(self, data: bytes, is_text: bool) -> None:
        """Remember."""
        self.events.append((OPCODE_TEXT if is_text else OPCODE_BINARY, data))

    def on_congested(self) -> None:
        """Remember."""
        self.events.append(("congested",))

    def on_drained(self) -> None:
        """Remember."""
        self.events.append(("drained",))

    def on_closed(self, code: int, reason: str) -> None:
        """Remember."""
        self.events.append(("closed", code, reason))
