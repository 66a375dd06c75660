"""Payloads that are not known to be JSON: looked at, and made fit for a line of the JSON codec.

What came through the JSON codec or in the body of an API call is JSON already. What a Protobuf client sends, and what
stands in base64, may be anything.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw

from holdfast.errors import ChannelError, ProtocolError
from holdfast.protocol.messages import NONE

_skip = msgspec.json.Decoder(Raw).decode


def json_line(data: bytes) -> Raw:
    """Return JSON without line breaks, for clients split messages at them.

    Raises:
        ValueError: the bytes are no JSON; the text says where.
    """
    try:
        data.decode()  # msgspec does not look into strings that it skips
        return Raw(msgspec.json.format(data, indent=-1)) if b"\n" in data or b"\r" in data else _skip(data)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError) as error:
        raise ValueError(str(error)) from None


def publication_data(data: Raw, data_format: str, *, is_json: bool) -> Raw:
    """Return data as a channel carries it; `data_format` is the channel's `publication_data_format`.

    Args:
        data: the payload.
        data_format: anything passes in `binary`, only an object in `json_object`, else only JSON: a JSON client must
            never get a frame that it cannot read.
        is_json: it came where nothing but JSON can come.

    Raises:
        ProtocolError: `bad_request`, without data.
        ChannelError: `data_not_json`, `data_not_object`.
    """
    if data_format == "binary":
        return data or NONE
    if not data:
        raise ProtocolError("bad_request", "expected something to publish in `data`, came nothing")
    if not is_json:
        try:
            data = json_line(bytes(data))
        except ValueError as error:
            raise ChannelError("data_not_json", f"expected JSON in `data`; {error}") from None
    if data_format == "json_object" and bytes(memoryview(data)[:1]) != b"{":
        raise ChannelError("data_not_object", "expected a JSON object in `data`")
    return data
