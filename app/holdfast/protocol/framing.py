"""Encodings: what one publication is prebuilt into, once for all connections that share it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from holdfast.protocol.codec import JSON, Codec
from holdfast.protocol.frames import OPCODE_BINARY, OPCODE_TEXT, encode_frame
from holdfast.protocol.protobuf import PROTOBUF

# A command of 60 bytes can ask for a megabyte of history, a hundred times a second.
_LONGEST_ALONE: Final = 65536


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """A codec and how its payloads travel.

    `wrap` turns a payload into a unit that a transport writes as it is; `join` glues units, in order, so that one
    write carries them all. `ping` is empty for transports that know without pings who is there. `end` closes a stream
    of units, where there is something to close. `uncompressed` is the same without permessage-deflate, where that was
    agreed on.
    """

    name: str
    codec: Codec
    wrap: Callable[[bytes], bytes]
    join: Callable[[list[bytes]], bytes]
    ping: bytes
    end: bytes = b""
    uncompressed: Encoding | None = None

    @property
    def is_compressed(self) -> bool:
        """Whether the client may compress too."""
        return self.uncompressed is not None

    def wrap_alone(self, payload: bytes) -> bytes:
        """Return the unit of a payload for one client; nobody shares the work, so a long one is not compressed."""
        if self.uncompressed is not None and len(payload) > _LONGEST_ALONE:
            return self.uncompressed.wrap(payload)
        return self.wrap(payload)


def _text_frame(payload: bytes) -> bytes:
    return encode_frame(OPCODE_TEXT, payload)


def _binary_frame(payload: bytes) -> bytes:
    return encode_frame(OPCODE_BINARY, payload)


WS_JSON = Encoding("websocket+json", JSON, _text_frame, b"".join, _text_frame(JSON.ping))
"""Finished RFC 6455 text frames, for transports that own the socket."""

POLL_JSON = Encoding("poll+json", JSON, bytes, JSON.join, b"")
"""Payloads that wait to be fetched, one a line; who fetches them needs no ping."""

RAW_JSON = Encoding("json", JSON, bytes, JSON.join, JSON.ping)
"""Payloads as they are, for transports that frame by themselves; a unit is one message."""

WS_PROTOBUF = Encoding("websocket+protobuf", PROTOBUF, _binary_frame, b"".join, _binary_frame(PROTOBUF.ping))
"""Finished RFC 6455 binary frames."""

RAW_PROTOBUF = Encoding("protobuf", PROTOBUF, bytes, PROTOBUF.join, PROTOBUF.ping)
"""Payloads as they are; each says by itself where it ends."""


class StreamEncodings(NamedTuple):
    """The same units twice: in chunks for HTTP/1.1 (RFC 9112, 7.1), plain for HTTP/1.0 and for servers that chunk."""

    chunked: Encoding
    plain: Encoding


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _line(payload: bytes) -> bytes:
    return payload + b"\n"


def _events(payload: bytes) -> bytes:
    # A carriage return ends a line here, and is nothing but space between the tokens of JSON.
    if b"\r" in payload:
        payload = payload.replace(b"\r", b" ")
    return b"data: %b\n\n" % payload.replace(b"\n", b"\n\ndata: ")


def stream_encodings(name: str, codec: Codec, frame: Callable[[bytes], bytes]) -> StreamEncodings:
    """Return the encodings of a codec's payloads that `frame` sets apart in an endless response."""

    def wrap(payload: bytes) -> bytes:
        return _chunk(frame(payload))

    return StreamEncodings(
        Encoding(f"{name}, chunked", codec, wrap, b"".join, wrap(codec.ping), b"0\r\n\r\n"),
        Encoding(name, codec, frame, b"".join, frame(codec.ping)),
    )


LINES_JSON: Final = stream_encodings("http_stream+json", JSON, _line)
"""One payload a line, as http_stream sends it."""

MESSAGES_PROTOBUF: Final = stream_encodings("http_stream+protobuf", PROTOBUF, bytes)
"""Payloads as they are, as http_stream sends them to clients that speak Protobuf."""

EVENTS_JSON: Final = stream_encodings("sse+json", JSON, _events)
"""One payload an event of text/event-stream; a batch becomes several events."""
