from __future__ import annotations

import pytest
from centrifuge.protocol import client_pb2

from holdfast.errors import DoorError
from holdfast.protocol.emulation import Emulated, decode_json, decode_protobuf


def test_json_request_is_read() -> None:
    """Session, node and a text with commands; unknown fields mean nothing."""
    body = '{"session":"s","node":"n","data":"{\\"id\\":1}\\né","more":1}'.encode()

    assert decode_json(body) == Emulated("s", "n", '{"id":1}\né'.encode(), True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"garbage",
        b'{"session":"s","node":"n"}',
        b'{"session":"s","node":"n","data":{}}',
        b'{"session":"s","node":"n","data":null}',
        b'{"session":1,"node":"n","data":""}',
        b'{"session":"s","node":"n","data":"\\ud800"}',
        b'{"session":"s","node":"n","data":"\xff"}',
        b'{"session":' + b"[" * 100_000,
    ],
)
def test_json_that_is_no_request_is_refused(body: bytes) -> None:
    """Whatever else comes is one named error that quotes nothing of it."""
    with pytest.raises(DoorError) as caught:
        decode_json(body)

    assert caught.value.slug == "emulation_malformed"


def test_protobuf_request_is_read() -> None:
    """As a stock SDK writes it; the data are bytes."""
    body = client_pb2.EmulationRequest(session="s", node="n", data=b"\x00\xff").SerializeToString()

    assert decode_protobuf(body) == Emulated("s", "n", b"\x00\xff", False)
    assert decode_protobuf(b"") == Emulated("", "", b"", False)


@pytest.mark.parametrize("body", [b"garbage", b"\x0a\x05abc", b"\x12\x01\xff", b"\x08\x01", b"\xff" * 20])
def test_protobuf_that_is_no_request_is_refused(body: bytes) -> None:
    """Cut off, no UTF-8, another type: one named error."""
    with pytest.raises(DoorError) as caught:
        decode_protobuf(body)

    assert caught.value.slug == "emulation_malformed"
