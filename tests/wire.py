"""A blocking socket that says anything to a real gateway, right or wrong, and understands what comes back."""

from __future__ import annotations

import json
import select
import socket
import struct
import time
from types import TracebackType
from typing import Any

from holdfast.protocol.frames import OPCODE_CLOSE, OPCODE_TEXT
from tests.sockets import client_frame, upgrade_request

NO_CLOSE_FRAME = (1006, "")


class Wire:
    """One TCP connection to 127.0.0.1; every wait ends after `timeout` seconds with `TimeoutError`."""

    def __init__(self, port: int, *, timeout: float = 10.0, receive_buffer: int = 0) -> None:
        self._socket = socket.socket()
        if receive_buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(timeout)
        self._socket.connect(("127.0.0.1", port))
        self._input = b""

    @classmethod
    def of(cls, connected: socket.socket) -> Wire:
        """Take over a socket that is connected, with its timeout."""
        wire = cls.__new__(cls)
        wire._socket, wire._input = connected, b""
        return wire

    def __enter__(self) -> Wire:
        """Return the connection."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def reset(self) -> None:
        """Hang up without a word: the peer gets a reset."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    # Bytes

    def has_input(self, seconds: float) -> bool:
        """Wait so long for something to read and tell whether it came."""
        return bool(self._input or select.select([self._socket], [], [], seconds)[0])

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self._socket.sendall(data)

    def send_until_refused(self, chunk: bytes, limit: int) -> int:
        """Send a chunk again and again until the peer stops taking it, and return how many bytes went out."""
        sent = 0
        try:
            while sent < limit:
                self._socket.sendall(chunk)
                sent += len(chunk)
        except (ConnectionError, TimeoutError):
            pass
        return sent

    def read(self, count: int) -> bytes:
        """Return so many bytes, or fewer at the end."""
        while len(self._input) < count:
            try:
                data = self._socket.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                break
            self._input += data
        found, self._input = self._input[:count], self._input[count:]
        return found

    def read_to_end(self) -> bytes:
        """Return all there is until the peer hangs up."""
        return self.read(2**40)

    # HTTP

    def read_response(self) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers by lower-case name, and body of an answer."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            piece = self.read(1)
            if not piece:
                raise AssertionError(f"the answer ended after {head!r}")
            head += piece
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return int(first.split()[1]), headers, self.read(int(headers.get("content-length", "0")))

    def read_refusal(self) -> tuple[int, str]:
        """Return status and slug of an answer whose body names code, slug, meaning and remedy."""
        status, headers, body = self.read_response()
        error = json.loads(body)
        assert {"code", "slug", "message", "remedy"} <= set(error)
        assert headers["content-type"].startswith("application/json")
        return status, error["slug"]

    # WebSocket

    def upgrade(self, path: str = "/connection/websocket", *lines: str) -> Wire:
        """Do the opening handshake."""
        self.send(upgrade_request(path, *lines))
        status, _, body = self.read_response()
        assert status == 101, (status, body)
        return self

    def send_text(self, *commands: dict[str, Any] | str | bytes) -> None:
        """Send commands, or texts as they are, in one message."""
        lines = [one if isinstance(one, (str, bytes)) else json.dumps(one) for one in commands]
        self.send(client_frame(OPCODE_TEXT, b"\n".join(x if isinstance(x, bytes) else x.encode() for x in lines)))

    def connect(self, token: str) -> Wire:
        """Open a session."""
        self.send_text({"id": 1, "connect": {"token": token}})
        (reply,) = self.read_replies()
        assert "connect" in reply, reply
        return self

    def read_frame(self) -> tuple[int, bytes]:
        """Return opcode and payload of the next frame; the opcode is -1 when the peer hung up."""
        head = self.read(2)
        if len(head) < 2:
            return -1, b""
        size = head[1] & 127
        if size == 126:
            (size,) = struct.unpack("!H", self.read(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self.read(8))
        return head[0] & 15, self.read(size)

    def read_replies(self) -> list[dict[str, Any]]:
        """Return the JSON objects of the next text message that is no ping, and answer those before it."""
        while True:
            opcode, payload = self.read_frame()
            assert opcode == OPCODE_TEXT, (opcode, payload)
            if payload != b"{}":
                return [json.loads(line) for line in payload.split(b"\n")]
            self.send_text({})

    def read_end(self) -> tuple[int, str]:
        """Return code and reason of the close frame, past whatever comes before; answer it, wait for the end of TCP."""
        while True:
            opcode, payload = self.read_frame()
            if opcode == -1:
                return NO_CLOSE_FRAME
            if opcode == OPCODE_CLOSE:
                break
        try:
            self.send(client_frame(OPCODE_CLOSE, payload[:2]))
            self.read_to_end()
        except ConnectionError:
            pass
        return struct.unpack("!H", payload[:2])[0], payload[2:].decode()


def eventually(
    condition: Any, seconds: float = 10.0, what: str = "it did not happen in time", pause: float = 0.02
) -> None:
    """Wait until the condition holds, asking again after each pause.

    Raises:
        AssertionError: it did not in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(pause)
