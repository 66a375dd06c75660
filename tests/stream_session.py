"""One session of http_stream or SSE, as docs/protocol.md tells it: a response to read, and requests to speak.

A unit of which the end is missing does not count. A stream that ends, or a request that gets no answer, is the end of
the session: nobody knows then what the gateway has taken.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import httpx
from centrifuge.protocol import client_pb2

from tests.protobuf import decode_replies, encode_commands
from tests.session import Handle, Message, SessionLost, slug_of

TIMEOUT = httpx.Timeout(10.0, read=60.0)


@dataclass(frozen=True)
class Dialect:
    """What is said on a stream and by emulation.

    `split` returns the messages that are complete in what came so far, and what is left.
    """

    path: str
    media_type: str
    encode: Callable[[list[Message]], bytes]
    emulate: Callable[[Mapping[str, str], bytes], bytes]
    split: Callable[[bytes], tuple[list[Message], bytes]]
    is_asked_by_url: bool = False


class StreamSession:
    """Reads a stream, hands each message to `handle`, and sends commands one request after the other."""

    def __init__(
        self, http: httpx.AsyncClient, url: str, handle: Handle, delays: tuple[float, float], dialect: Dialect
    ) -> None:
        self._http = http
        self._url = url
        self._handle = handle
        self._dialect = dialect
        self._names: dict[str, str] = {}
        self._commands: list[Message] = []
        self._has_commands = asyncio.Event()
        self._rest = b""

    # Public methods

    async def open(self, commands: list[Message]) -> None:
        """Open the stream and wait for the first message."""
        try:
            self._response = await self._http.send(self._opening(commands), stream=True)
        except httpx.TransportError as error:
            raise SessionLost(0, repr(error)) from None
        if self._response.status_code != 200:
            status = self._response.status_code
            await self._response.aclose()
            raise SessionLost(0 if status >= 500 else status, f"{status}")
        self._units = self._response.aiter_raw()
        try:
            while not await self._read():
                pass
        except BaseException:
            await self.leave()
            raise

    def send(self, command: Message) -> None:
        """Let a command go with the next request."""
        self._commands.append(command)
        self._has_commands.set()

    async def run(self) -> None:
        """Read and speak until the session is lost or the task is cancelled.

        Raises:
            SessionLost: the stream was cut, or a request was.
        """
        halves = [asyncio.ensure_future(self._read_all()), asyncio.ensure_future(self._send_all())]
        try:
            done, _ = await asyncio.wait(halves, return_when=asyncio.FIRST_COMPLETED)
            for half in done:
                half.result()
        finally:
            for half in halves:
                half.cancel()
            await asyncio.gather(*halves, return_exceptions=True)
            await self.leave()

    async def leave(self) -> None:
        """Close the connection, which is all that can be said."""
        with suppress(httpx.TransportError):
            await self._response.aclose()

    # Private methods

    def _opening(self, commands: list[Message]) -> httpx.Request:
        said, dialect = self._dialect.encode(commands), self._dialect
        url = f"{self._url}{dialect.path}"
        if dialect.is_asked_by_url:
            return self._http.build_request("GET", url, params={"cf_connect": said.decode()}, timeout=TIMEOUT)
        headers = {"Content-Type": dialect.media_type}
        return self._http.build_request("POST", url, content=said, headers=headers, timeout=TIMEOUT)

    async def _read_all(self) -> None:
        while True:
            await self._read()

    async def _read(self) -> int:
        """Take what comes next, and return how many messages are complete with it."""
        try:
            data = await anext(self._units)
        except (httpx.TransportError, StopAsyncIteration) as error:
            raise SessionLost(0, f"the stream was cut: {error!r}") from None
        messages, self._rest = self._dialect.split(self._rest + data)
        for message in messages:
            self._take(message)
        return len(messages)

    def _take(self, message: Message) -> None:
        if not message:
            self.send({})  # a pong
            return
        if "session" in message.get("connect", {}):
            self._names = {name: message["connect"][name] for name in ("session", "node")}
        self._handle(message)

    async def _send_all(self) -> None:
        while True:
            await self._has_commands.wait()
            self._has_commands.clear()
            commands, self._commands = self._commands, []
            body = self._dialect.emulate(self._names, self._dialect.encode(commands))
            headers = {"Content-Type": self._dialect.media_type}
            try:
                answer = await self._http.post(f"{self._url}/emulation", content=body, headers=headers)
            except httpx.TransportError as error:
                raise SessionLost(0, f"a request was cut: {error!r}") from None
            if answer.status_code != 204:
                raise SessionLost(0, f"emulation answered {answer.status_code} {slug_of(answer)}")


# What the dialects consist of


def encode_json(commands: list[Message]) -> bytes:
    """Return commands as the lines of one message."""
    return "\n".join(json.dumps(command) for command in commands).encode()


def _emulate_json(names: Mapping[str, str], data: bytes) -> bytes:
    return json.dumps({**names, "data": data.decode()}).encode()


def _emulate_protobuf(names: Mapping[str, str], data: bytes) -> bytes:
    return bytes(client_pb2.EmulationRequest(**names, data=data).SerializeToString())


def split_lines(data: bytes) -> tuple[list[Message], bytes]:
    """Split JSON texts that end with a newline each."""
    *lines, rest = data.split(b"\n")
    return [json.loads(line) for line in lines], rest


def split_events(data: bytes) -> tuple[list[Message], bytes]:
    """Split server-sent events with one JSON text each."""
    *events, rest = data.split(b"\n\n")
    assert all(event.startswith(b"data: ") for event in events), data
    return [json.loads(event.removeprefix(b"data: ")) for event in events], rest


def split_protobuf(data: bytes) -> tuple[list[Message], bytes]:
    """Split Protobuf messages behind their lengths; either of the two may be cut."""
    end = position = size = shift = 0
    while position < len(data):
        byte = data[position]
        position += 1
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte & 0x80:
            continue
        if position + size > len(data):
            break
        end = position = position + size
        size = shift = 0
    return decode_replies(data[:end]), data[end:]


def encode_protobuf(commands: list[Message]) -> bytes:
    """Return commands behind their lengths."""
    return encode_commands(*commands)


_STREAM, _JSON, _PROTOBUF = "/connection/http_stream", "application/json", "application/octet-stream"
LINES = Dialect(_STREAM, _JSON, encode_json, _emulate_json, split_lines)
MESSAGES = Dialect(_STREAM, _PROTOBUF, encode_protobuf, _emulate_protobuf, split_protobuf)
EVENTS = Dialect("/connection/sse", _JSON, encode_json, _emulate_json, split_events, is_asked_by_url=True)
