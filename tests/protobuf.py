"""What a stock SDK says and understands in Protobuf, for tests that think in JSON: the SDK's own generated messages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from centrifuge.protocol import client_pb2
from google.protobuf.internal.decoder import _DecodeVarint32
from google.protobuf.internal.encoder import _VarintBytes
from google.protobuf.message import Message


def encode_commands(*commands: Mapping[str, Any]) -> bytes:
    """Return commands as one binary message; payloads are written as JSON, or as they are where they are bytes."""
    found = [_fill(client_pb2.Command(), command).SerializeToString() for command in commands]
    return b"".join(_VarintBytes(len(one)) + one for one in found)


def decode_replies(data: bytes) -> list[dict[str, Any]]:
    """Return the replies in a binary message as JSON would tell them; payloads that are no JSON stay bytes."""
    replies, position = [], 0
    while position < len(data):
        size, position = _DecodeVarint32(data, position)
        replies.append(_tell(client_pb2.Reply.FromString(data[position : position + size])))
        position += size
    return replies


def _fill(message: Message, values: Mapping[str, Any]) -> Message:
    message.SetInParent()
    for name, value in values.items():
        field = message.DESCRIPTOR.fields_by_name[name]
        if field.type == field.TYPE_BYTES:
            setattr(message, name, value if isinstance(value, bytes) else json.dumps(value).encode())
        elif field.type != field.TYPE_MESSAGE:
            setattr(message, name, value)
        elif field.message_type.GetOptions().map_entry:
            inner = getattr(message, name)
            for key, one in value.items():
                if isinstance(one, Mapping):
                    _fill(inner[key], one)
                else:
                    inner[key] = one
        else:
            _fill(getattr(message, name), value)
    return message


def _tell(message: Message) -> dict[str, Any]:
    return {field.name: _value(field, value) for field, value in message.ListFields()}


def _value(field: Any, value: Any) -> Any:
    if field.type == field.TYPE_BYTES:
        try:
            return json.loads(value)
        except ValueError:
            return value
    if field.type != field.TYPE_MESSAGE:
        return value
    if field.message_type.GetOptions().map_entry:
        return {key: _tell(one) if isinstance(one, Message) else one for key, one in value.items()}
    return [_tell(one) for one in value] if field.is_repeated else _tell(value)
