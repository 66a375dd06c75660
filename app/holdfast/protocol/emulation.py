"""Emulation requests: how a client of a stream says something, by requests of their own."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from holdfast.errors import DoorError


class EmulationRequest(NamedTuple):
    """For which session of which instance, and one message for its codec."""

    session: str
    node: str
    data: bytes


class _Json(msgspec.Struct):
    session: str
    node: str
    data: str


_decode = msgspec.json.Decoder(_Json).decode


def decode_emulation_json(body: bytes) -> EmulationRequest:
    """Return what a JSON body asks for; its `data` is a text with commands, one a line.

    Raises:
        DoorError: `emulation_malformed`.
    """
    try:
        asked = _decode(body)
        return EmulationRequest(asked.session, asked.node, asked.data.encode())
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise DoorError("emulation_malformed", f"Expected an object with session, node and data; {error}.") from None
