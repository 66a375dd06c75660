"""How a client's lines of JSON travel: as they are, or as Protobuf."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec
from msgspec import Raw
from websockets.typing import Subprotocol

from holdfast.protocol.commands import Command
from holdfast.protocol.messages import NONE, Publication, Reply
from holdfast.protocol.payloads import json_line
from holdfast.protocol.protobuf import PROTOBUF, decode_message, delimited, encode_message, split

PING = "{}"


class Dialect(Protocol):
    """A codec from the client's side."""

    is_text: bool
    subprotocols: Sequence[Subprotocol] | None

    def write(self, lines: list[str]) -> str | bytes:
        """Return commands, one a line, as one message."""

    def read(self, message: str | bytes) -> str:
        """Return the replies in a message, one a line."""


class JsonDialect:
    """JSON travels as it is."""

    is_text = True
    subprotocols: Sequence[Subprotocol] | None = None

    def write(self, lines: list[str]) -> str | bytes:
        """Return the lines."""
        return "\n".join(lines)

    def read(self, message: str | bytes) -> str:
        """Return the lines."""
        return str(message)


class ProtobufDialect:
    """Commands and replies as Protobuf; data that is no JSON reads as `{"b64data": "..."}`."""

    is_text = False
    subprotocols: Sequence[Subprotocol] | None = (Subprotocol("centrifuge-protobuf"),)

    def write(self, lines: list[str]) -> str | bytes:
        """Return the commands in a row, each behind its length."""
        return b"".join(PROTOBUF.ping if line == PING else delimited(_command(line)) for line in lines)

    def read(self, message: str | bytes) -> str:
        """Return the replies as JSON.

        Raises:
            ProtocolError: the message is no Protobuf.
        """
        data = message if isinstance(message, bytes) else message.encode()
        return "\n".join(_line(one) if one else PING for one in split(data))


JSON_DIALECT = JsonDialect()


def _command(line: str) -> bytes:
    return encode_message(msgspec.json.decode(line, type=Command))


def _line(message: bytes) -> str:
    reply = decode_message(Reply, message)
    for publication in _publications(reply):
        publication.data = _shown(publication.data)
    return msgspec.json.encode(reply).decode()


def _publications(reply: Reply) -> Iterator[Publication]:
    if reply.push is not None and reply.push.pub is not None:
        yield reply.push.pub
    if reply.subscribe is not None:
        yield from reply.subscribe.publications


def _shown(data: Raw) -> Raw:
    if not data:
        return NONE
    try:
        return json_line(bytes(data))
    except ValueError:
        return Raw(msgspec.json.encode({"b64data": base64.b64encode(data).decode()}))
