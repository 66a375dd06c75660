"""Emulation requests: how a client of a stream says something, by requests of their own."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from holdfast.errors import DoorError, ProtocolError
from holdfast.protocol.commands import EmulationRequest
from holdfast.protocol.protobuf import decode_message


class Emulated(NamedTuple):
    """For which session of which instance, and one message for its codec."""

    session: str
    node: str
    data: bytes
    is_text: bool


class _Json(msgspec.Struct):
    session: str
    node: str
    data: str


_decode = msgspec.json.Decoder(_Json).decode


def decode_json(body: bytes) -> Emulated:
    """Return what a JSON body asks for; its `data` is a text with commands, one a line.

    Raises:
        DoorError: `emulation_malformed`.
    """
    try:
        asked = _decode(body)
        return Emulated(asked.session, asked.node, asked.data.encode(), True)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise DoorError("emulation_malformed", f"Expected an object with session, node and data; {error}.") from None


def decode_protobuf(body: bytes) -> Emulated:
    """Return what a Protobuf body asks for: one `EmulationRequest` without a length before it.

    Raises:
        DoorError: `emulation_malformed`.
    """
    try:
        asked = decode_message(EmulationRequest, body)
    except ProtocolError as error:
        raise DoorError("emulation_malformed", f"Expected an EmulationRequest; {error.detail}.") from None
    return Emulated(asked.session, asked.node, bytes(asked.data), False)
