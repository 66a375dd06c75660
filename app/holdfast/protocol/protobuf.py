"""The Protobuf codec: messages of `protobuf_table`, each behind its length as a varint, any number in a row."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, TypeVar

from msgspec import Struct

from holdfast.errors import ProtocolError
from holdfast.protocol.commands import PONG, Command
from holdfast.protocol.messages import Push, Reply
from holdfast.protocol.protobuf_plan import make_plans
from holdfast.protocol.protobuf_table import NUMBERS

_PLANS: Final = make_plans(NUMBERS)
_LONGEST_VARINT: Final = 10
# No client comes near them; they keep a frame of tiny parts from taking much longer than one of the same size in JSON.
MOST_MESSAGES: Final = 4096
MOST_PARTS: Final = 4096

Message = TypeVar("Message", bound=Struct)


class ProtobufCodec:
    """Length-delimited Protobuf; see `codec.Codec`."""

    name = "protobuf"
    binary = True
    ping = b"\0"  # an empty message, and the SDKs' pong likewise

    def __init__(self) -> None:
        self._command = _PLANS[Command].from_bytes
        self._reply_class = _PLANS[Reply].message_class
        self._fill_reply = _PLANS[Reply].fill
        self._fill_push = _PLANS[Push].fill

    def decode(self, data: bytes) -> list[Command]:
        """Return the commands of a batch; see `Codec.decode`."""
        messages = list(islice(split(data), MOST_MESSAGES + 1))
        if len(messages) > MOST_MESSAGES:
            raise ProtocolError("malformed_command", f"expected at most {MOST_MESSAGES} messages in a frame")
        return [self._command(one, MOST_PARTS) if one else PONG for one in messages]

    def encode_reply(self, reply: Reply) -> bytes:
        """Return one reply behind its length."""
        message = self._reply_class()
        self._fill_reply(message, reply)
        return delimited(message.SerializeToString())

    def encode_push(self, push: Push) -> bytes:
        """Return one push, as a reply behind its length."""
        message = self._reply_class()
        self._fill_push(message.push, push)
        return delimited(message.SerializeToString())

    def join(self, payloads: list[bytes]) -> bytes:
        """Return the payloads in a row: each says by itself where it ends."""
        return b"".join(payloads)


PROTOBUF = ProtobufCodec()


def encode_message(struct: Struct) -> bytes:
    """Return any message of the protocol as Protobuf, without a length."""
    return _PLANS[type(struct)].to_bytes(struct)


def decode_message(kind: type[Message], data: bytes) -> Message:
    """Return a message of the protocol from Protobuf without a length.

    Raises:
        ProtocolError: the bytes are no such message; the slug says why.
    """
    found: Any = _PLANS[kind].from_bytes(data)
    return found  # type: ignore[no-any-return]  # plans are made of structs whose types only they know


def delimited(message: bytes) -> bytes:
    """Return a message behind its length."""
    size = len(message)
    if size < 0x80:
        return bytes((size,)) + message
    head = bytearray()
    while size >= 0x80:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    head.append(size)
    return bytes(head) + message


def split(data: bytes) -> Iterator[bytes]:
    """Iterate over the messages in a row.

    Raises:
        ProtocolError: `malformed_protobuf`, where a length is cut off or promises more than there is.
    """
    position, end = 0, len(data)
    while position < end:
        size = data[position]
        position += 1
        if size >= 0x80:
            size, position = _long_size(data, position - 1)
        stop = position + size
        if stop > end:
            detail = f"expected a message of {size} bytes, came {end - position}"
            raise ProtocolError("malformed_protobuf", detail)
        yield data[position:stop]
        position = stop


def _long_size(data: bytes, start: int) -> tuple[int, int]:
    """Return a length of more than one byte, and the position behind it."""
    size = 0
    for index, byte in enumerate(data[start : start + _LONGEST_VARINT]):
        size |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return size, start + index + 1
    raise ProtocolError("malformed_protobuf", "expected a message's length, came a varint that does not end")
