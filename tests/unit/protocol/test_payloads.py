from __future__ import annotations

import pytest
from msgspec import Raw

from holdfast.errors import GatewayError
from holdfast.protocol.messages import NONE
from holdfast.protocol.payloads import json_line, publication_data


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b'{"a": [1e999, "\\u00e9"]}', b'{"a": [1e999, "\\u00e9"]}'),
        (b'{\n "b": 12345678901234567890123,\r\n "a": "\\n"\n}', b'{"b":12345678901234567890123,"a":"\\n"}'),
        (b" null ", b"null"),
        ('"é"'.encode(), '"é"'.encode()),
    ],
)
def test_json_line_keeps_the_value(data: bytes, line: bytes):
    """JSON stays as it was, but for line breaks and the space around it."""
    assert bytes(json_line(data)) == line


@pytest.mark.parametrize(
    "data",
    [b"", b" ", b"{", b'"\xff"', b"\xef\xbb\xbf1", b"1 2", b"nan", b'"a\nb"', b"\xff\0", b"[" * 60000, b"{}\n{}"],
)
def test_json_line_refuses_what_is_no_json(data: bytes):
    """Nothing but one JSON value in UTF-8 passes."""
    with pytest.raises(ValueError):
        json_line(data)


@pytest.mark.parametrize("data_format", ["", "json", "json_object"])
def test_publication_data_is_json_by_default(data_format: str):
    """Bytes that are no JSON, and none at all, are refused by name; JSON becomes one line."""
    assert bytes(publication_data(Raw(b'{\n"a":1}'), data_format, is_json=False)) == b'{"a":1}'
    assert slug_of(Raw(b"\xff"), data_format) == "data_not_json"
    assert slug_of(NONE, data_format) == "bad_request"
    assert slug_of(Raw(b""), data_format) == "bad_request"


def test_publication_data_known_to_be_json_is_not_looked_at():
    """What the JSON codec has read already is handed on as it is."""
    data = Raw(b'{"a":1}')

    assert publication_data(data, "", is_json=True) is data


@pytest.mark.parametrize("is_json", [True, False])
def test_publication_data_may_have_to_be_an_object(is_json: bool):
    """`json_object` takes objects alone, whoever publishes."""
    assert bytes(publication_data(Raw(b"{}"), "json_object", is_json=is_json)) == b"{}"
    assert slug_of(Raw(b"[{}]"), "json_object", is_json=is_json) == "data_not_object"


@pytest.mark.parametrize("is_json", [True, False])
def test_publication_data_may_be_any_bytes(is_json: bool):
    """`binary` takes everything, nothing too."""
    assert bytes(publication_data(Raw(b"\xff\n"), "binary", is_json=is_json)) == b"\xff\n"
    assert publication_data(Raw(b""), "binary", is_json=is_json) is NONE


def slug_of(data: Raw, data_format: str, *, is_json: bool = False) -> str:
    """Return the slug of the refusal."""
    with pytest.raises(GatewayError) as caught:
        publication_data(data, data_format, is_json=is_json)
    return caught.value.slug
