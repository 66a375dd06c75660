"""Encodings: what one publication is prebuilt into, once for all connections that share it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from holdfast.protocol.codec import JSON, Codec
from holdfast.protocol.frames import OPCODE_BINARY, OPCODE_TEXT, encode_frame
from holdfast.protocol.protobuf import PROTOBUF


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """A codec and how its payloads travel.

    `wrap` turns a payload into a unit that a transport writes as it is; `join` glues units, in order, so that one
    write carries them all. `ping` is empty for transports that know without pings who is there. `is_compressed` says
    that permessage-deflate was agreed on, so that the client may compress too.
    """

    name: str
    codec: Codec
    wrap: Callable[[bytes], bytes]
    join: Callable[[list[bytes]], bytes]
    ping: bytes
    is_compressed: bool = False


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
