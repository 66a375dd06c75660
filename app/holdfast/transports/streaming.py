"""The doors of the streams: HTTP requests whose responses carry a connection's messages and do not end.

On our own server the socket changes hands (`stream`); on any other ASGI server the endpoint stays and writes
(`asgi_stream`). The client's further commands come by `emulation`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol
from urllib.parse import unquote_to_bytes

from starlette.types import Receive, Scope, Send

from holdfast.connections.transport import Admission, Handshake, SinkFactory
from holdfast.errors import DoorError, GatewayError, LifecycleError
from holdfast.protocol.framing import EVENTS_JSON, LINES_JSON, MESSAGES_PROTOBUF, StreamEncodings
from holdfast.routes.body import PROTOBUF_MEDIA_TYPE, ClientGone, media_type_of, read_body
from holdfast.routes.errors import check_method, turn_away
from holdfast.settings import WebSocketSettings
from holdfast.transports.asgi_stream import AsgiStream
from holdfast.transports.cors import CORS_HEADERS
from holdfast.transports.stream import Opening
from holdfast.transports.websocket import Originate, as_it_came, read_handshake

STREAM: Final = "holdfast.stream"
"""Key of the ASGI extension that makes a request's socket a stream."""

_CONNECT: Final = b"cf_connect"

# What keeps caches and proxies from holding a stream back, Centrifugo's list and `no-transform` (RFC 9111, 5.2.2.6):
# a proxy that compresses would buffer.
_UNBUFFERED: Final = [
    (b"cache-control", b"private, no-cache, no-store, must-revalidate, max-age=0, no-transform"),
    (b"pragma", b"no-cache"),
    (b"expires", b"0"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]


class StreamHandover(Protocol):
    """The value of the extension: our server's side of one request."""

    def attach(self, sinks: SinkFactory, opening: Opening) -> None:
        """Answer the request and give its socket to a sink."""


class Dialect(NamedTuple):
    """What a stream's response is: its media type, and how payloads are encoded in it."""

    media_type: bytes
    encodings: StreamEncodings


@dataclass(frozen=True, slots=True)
class StreamKind:
    """One way to stream: its name in logs and metrics, the methods that open it, what it speaks.

    `dialects` are those that a request asks for by its media type; `usual` is for all others.
    """

    name: str
    methods: str
    usual: Dialect
    dialects: Mapping[bytes, Dialect]

    def dialect_for(self, scope: Scope) -> Dialect:
        """Return what a request asks for."""
        return self.dialects.get(media_type_of(scope["headers"]), self.usual)


HTTP_STREAM: Final = StreamKind(
    "http_stream",
    "POST",
    Dialect(b"application/x-ndjson", LINES_JSON),
    {PROTOBUF_MEDIA_TYPE: Dialect(PROTOBUF_MEDIA_TYPE, MESSAGES_PROTOBUF)},
)
SSE: Final = StreamKind("sse", "GET, POST", Dialect(b"text/event-stream; charset=utf-8", EVENTS_JSON), {})


@dataclass(frozen=True, slots=True)
class StreamRules:
    """What a stream's door holds requests to.

    `refusal` judges the handshake before its body is read, `admit` lets it in behind the body, which may take its
    time; `observe` is told how each one went.
    """

    refusal: Callable[[Handshake], DoorError | None]
    admit: Admission
    observe: Callable[[Handshake, GatewayError | None], object]
    sockets: WebSocketSettings
    max_body_bytes: int
    originate: Originate = as_it_came


class StreamEndpoint:
    """Opens streams of one kind and gives each a sink; used behind `CrossOrigin`."""

    def __init__(self, kind: StreamKind, sinks: SinkFactory, rules: StreamRules) -> None:
        """Open streams with `sinks` where the rules allow it."""
        self._kind = kind
        self._sinks = sinks
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; waits for its body, and where there is no hand-over for the end of the stream."""
        handshake = read_handshake(scope, self._rules.originate)
        handshake.transport = self._kind.name
        handshake.accepted_at = asyncio.get_running_loop().time()  # the socket itself may have served other requests
        try:
            check_method(scope, self._kind.methods)
            if (refusal := self._rules.refusal(handshake)) is not None:
                raise refusal
            commands = await self._first_commands(scope, receive)
            self._rules.admit(handshake)
        except ClientGone:
            self._rules.observe(handshake, LifecycleError("client_gone", "before its request was complete"))
        except DoorError as error:
            self._rules.observe(handshake, error)
            await turn_away(scope, receive, send, error)
        else:
            self._rules.observe(handshake, None)
            await self._open(scope, receive, send, (handshake, commands))

    # Private methods

    async def _first_commands(self, scope: Scope, receive: Receive) -> bytes:
        if scope["method"] != "GET":
            return await read_body(receive, scope["headers"], self._rules.max_body_bytes)
        commands = _from_query(scope.get("query_string", b""))
        if not commands:
            raise DoorError("connect_missing", f"Expected the commands in the parameter {_CONNECT.decode()}.")
        return commands

    async def _open(self, scope: Scope, receive: Receive, send: Send, came: tuple[Handshake, bytes]) -> None:
        handshake, commands = came
        handover: StreamHandover | None = (scope.get("extensions") or {}).get(STREAM)
        is_chunked = handover is not None and scope.get("http_version", "1.1") != "1.0"
        media_type, encodings = self._kind.dialect_for(scope)
        handshake.encoding = encodings.chunked if is_chunked else encodings.plain
        headers = [(b"content-type", media_type), *_UNBUFFERED]
        opening = Opening(handshake, os.urandom(16).hex(), headers, commands)
        if handover is not None:
            headers += scope.get(CORS_HEADERS, ())
            handover.attach(self._sinks, opening)
            return
        if scope.get("http_version", "1.1").startswith("1"):
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await AsgiStream(send, self._rules.sockets, opening).run(receive, self._sinks, handshake)


def _from_query(query: bytes) -> bytes:
    """Return the commands in a URL; bytes, because their text is the codec's to judge."""
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        if name == _CONNECT:
            return unquote_to_bytes(value.replace(b"+", b" "))
    return b""
