"""Payloads of API requests: raw JSON, or base64 of it, checked and made fit for a line of the client protocol."""

from __future__ import annotations

import base64

import msgspec
from msgspec import UNSET, Raw

from holdfast.errors import ProtocolError
from holdfast.protocol.messages import NONE
from holdfast.routes.api_messages import Payload


def required_payload(name: str, data: Payload, b64data: str | None) -> Raw:
    """Return the payload of a field that must be there; base64 goes before plain JSON, as in Centrifugo.

    Raises:
        ProtocolError: `bad_request`, when it is missing or no JSON.
    """
    payload = optional_payload(name, data, b64data)
    if payload is NONE:
        raise ProtocolError("bad_request", f"Expected JSON in `{name}`, came nothing.")
    return payload


def optional_payload(name: str, data: Payload, b64data: str | None = None) -> Raw:
    """Return the payload, or `NONE` for an absent one.

    Raises:
        ProtocolError: `bad_request`, when base64 or the JSON in it is malformed.
    """
    if b64data:
        return _from_base64(f"b64{name}", b64data)
    if data is UNSET:
        return NONE
    raw = bytes(data)
    if b"\n" in raw or b"\r" in raw:
        # Between tokens a line break is only space, but clients split messages at line breaks.
        return Raw(msgspec.json.format(raw, indent=-1))
    return data.copy()  # the original keeps the whole request in memory


def _from_base64(name: str, text: str) -> Raw:
    try:
        raw = base64.b64decode(text, validate=True)
        raw.decode()
        # The JSON dialect of the client protocol carries nothing but JSON, so other bytes could reach nobody.
        return Raw(msgspec.json.format(raw, indent=-1))
    except (ValueError, msgspec.DecodeError, RecursionError) as error:
        raise ProtocolError("bad_request", f"Expected base64 of JSON in `{name}`; {error}.") from None
