"""Payloads of API requests: raw JSON, or base64 of it, checked and made fit for a line of the client protocol."""

from __future__ import annotations

import base64

from msgspec import UNSET, Raw

from holdfast.errors import ProtocolError
from holdfast.protocol.messages import NONE, Publication
from holdfast.protocol.payloads import json_line
from holdfast.routes.api_messages import BinaryPublication, Payload


def published_payload(data: Payload, b64data: str | None) -> tuple[Raw, bool]:
    """Return what is to be published, and whether it is known to be JSON.

    Base64 goes before plain JSON, as in Centrifugo.

    Raises:
        ProtocolError: `bad_request`, when the base64 is malformed.
    """
    if b64data:
        return Raw(_decode_base64("b64data", b64data)), False
    return optional_payload("data", data), True


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
        return _one_line(f"JSON in `{name}`", raw)
    return data.copy()  # the original keeps the whole request in memory


def binary_publication(publication: Publication) -> BinaryPublication:
    """Return a publication whose data may be any bytes as JSON can tell it."""
    return BinaryPublication(
        base64.b64encode(publication.data).decode(),
        publication.offset,
        UNSET if publication.info is None else publication.info,
        publication.tags or UNSET,
    )


def _from_base64(name: str, text: str) -> Raw:
    return _one_line(f"base64 of JSON in `{name}`", _decode_base64(name, text))


def _one_line(what: str, data: bytes) -> Raw:
    try:
        return json_line(data)
    except ValueError as error:
        raise ProtocolError("bad_request", f"Expected {what}; {error}.") from None


def _decode_base64(name: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise ProtocolError("bad_request", f"Expected base64 in `{name}`; {error}.") from None
