"""Request bodies: read whole up to a limit, never beyond it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable

from starlette.types import Receive

from holdfast.errors import DoorError

PROTOBUF_MEDIA_TYPE = b"application/octet-stream"
"""By which SDKs say that a body is Protobuf, and that they want some."""

LINGER_SECONDS = 1.0
LINGER_BYTES = 4 * 1024 * 1024


class ClientGone(Exception):
    """The client left before its request was complete; nobody erred and nobody is left to answer."""


async def read_body(receive: Receive, headers: Iterable[tuple[bytes, bytes]], limit: int) -> bytes:
    """Return the body, which has at most `limit` bytes.

    A declared length is judged before the first byte is taken, the rest while it comes in.

    Raises:
        DoorError: `body_too_large`.
        ClientGone: the client left meanwhile.
    """
    declared = next((value for name, value in headers if name == b"content-length"), b"0")
    if declared.isdigit() and int(declared[:20]) > limit:
        raise _too_large(limit, f"declared {declared[:20].decode()}")
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(limit, f"came {size} and more")
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def media_type_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return what a request's body is said to be, in lower case and without parameters; empty if nothing is said."""
    found = next((value for name, value in headers if name == b"content-type"), b"")
    return found.partition(b";")[0].strip().lower()


async def linger(receive: Receive, headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Throw away what still comes after a refusal, for a moment and to a bound.

    Closing a socket with unread bytes resets it (RFC 9112, 9.6), and the client may then never read its answer.
    """
    if any(name == b"expect" for name, _ in headers):
        return  # it waits for our word before it sends anything
    left = LINGER_BYTES
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while left > 0:
                message = await receive()
                if not message.get("more_body", False):
                    return
                left -= len(message.get("body", b""))


def _too_large(limit: int, came: str) -> DoorError:
    return DoorError("body_too_large", f"Expected at most {limit} bytes, {came}.")
