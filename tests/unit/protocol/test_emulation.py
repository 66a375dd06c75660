from __future__ import annotations

import pytest

from holdfast.errors import DoorError
from holdfast.protocol.emulation import EmulationRequest, decode_emulation_json


def test_json_request_is_read() -> None:
    """Session, node and a text with commands; unknown fields mean nothing."""
    body = '{"session":"s","node":"n","data":"{\\"id\\":1}\\né","more":1}'.encode()

    assert decode_emulation_json(body) == EmulationRequest("s", "n", '{"id":1}\né'.encode())


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
        decode_emulation_json(body)

    assert caught.value.slug == "emulation_malformed"
