"""The client's half of RFC 6455, cut down to what the measured servers send; pure."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache

# A fixed mask: the server unmasks as usual, the client saves a random number a frame.
MASK = b"\x37\xfa\x21\x3d"
PUSH = b'"pub":{'
PING = b"{}"
# The bit of a frame's first byte that permessage-deflate sets (RFC 7692, 6).
COMPRESSED = 0x40


def masked(opcode: int, payload: bytes) -> bytes:
    """Return one final masked frame with a payload below 64 KiB."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    else:
        head = bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2, "big")
    repeated = (MASK * (size // 4 + 1))[:size]
    body = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return head + MASK + body.to_bytes(size, "big")


PONG = masked(1, PING)


@dataclass(slots=True)
class Scan:
    """What `scan` found: publications, pings to be answered, bytes used of the buffer."""

    publications: int = 0
    pings: int = 0
    ws_pings: int = 0
    closed: bool = False
    used: int = 0


# Many links get the same frame: it is inflated for the first of them.
@lru_cache(16)
def inflated(payload: bytes) -> bytes:
    """Return what a message compressed without context takeover says."""
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(payload + b"\x00\x00\xff\xff")


def split(data: bytes) -> tuple[list[tuple[int, bytes]], int]:
    """Return the whole frames (opcode, payload) in `data` and how many bytes they took."""
    frames: list[tuple[int, bytes]] = []
    start, size = 0, len(data)
    while start + 2 <= size:
        length, body = data[start + 1] & 0x7F, start + 2
        if length >= 126:
            wide = 2 if length == 126 else 8
            if body + wide > size:
                break
            length = int.from_bytes(data[body : body + wide], "big")
            body += wide
        if body + length > size:
            break
        payload = data[body : body + length]
        frames.append((data[start] & 0x0F, inflated(payload) if data[start] & COMPRESSED else payload))
        start = body + length
    return frames, start


def scan(data: bytes) -> Scan:
    """Count what the whole frames in `data` carry."""
    frames, used = split(data)
    found = Scan(used=used)
    for opcode, payload in frames:
        if opcode > 2:
            found.ws_pings += opcode == 9
            found.closed |= opcode == 8
        elif payload == PING:
            found.pings += 1
        else:
            found.publications += payload.count(PUSH)
            # A server may write a ping and publications as one batch of lines.
            if b"\n" in payload:
                found.pings += payload.split(b"\n").count(PING)
    return found
