import base64

import msgspec
import pytest
from msgspec import UNSET, Raw

from holdfast.errors import ProtocolError
from holdfast.protocol.messages import NONE
from holdfast.routes.api_payloads import optional_payload, required_payload


def b64(raw: bytes) -> str:
    """Return bytes in base64."""
    return base64.b64encode(raw).decode()


def test_required_payload_kept():
    """JSON comes through byte for byte."""
    assert bytes(required_payload("data", Raw(b'{"a": [1, 2]}'), None)) == b'{"a": [1, 2]}'
    assert bytes(required_payload("data", Raw(b"null"), None)) == b"null"


def test_required_payload_missing():
    """A payload that must be there is asked for by name."""
    with pytest.raises(ProtocolError, match="`data`, came nothing") as caught:
        required_payload("data", UNSET, None)
    assert caught.value.slug == "bad_request"


@pytest.mark.parametrize("raw", [b'{\n "a": 1,\r\n "b": "\\n"\n}', b'{"a":1,\r"b":"\\n"}'])
def test_payload_line_breaks(raw):
    """Line breaks between tokens go, for clients split messages there; those inside strings are escaped anyway."""
    assert bytes(optional_payload("data", Raw(raw))) == b'{"a":1,"b":"\\n"}'


def test_payload_does_not_hold_its_request():
    """A kept publication does not keep the request it came in."""
    given = msgspec.json.decode(b'{"data":{"a":1}}', type=dict[str, Raw])["data"]

    assert optional_payload("data", given) is not given


def test_optional_payload_absent():
    """Nothing is nothing."""
    assert optional_payload("info", UNSET) is NONE
    assert optional_payload("info", UNSET, "") is NONE


def test_payload_base64_first():
    """Base64 goes before plain JSON."""
    assert bytes(optional_payload("data", Raw(b"1"), b64(b'{"x": 2}'))) == b'{"x":2}'


@pytest.mark.parametrize(
    "text", ["!!!", "eyJhIjox", b64(b'{"a":'), b64(b"\xff"), b64(b'"\xff"'), b64(b"[" * 5000), "e30=\n"]
)
def test_payload_bad_base64(text):
    """What is no base64, or no JSON in it, is refused by the field's name."""
    with pytest.raises(ProtocolError, match="`b64info`") as caught:
        optional_payload("info", UNSET, text)
    assert caught.value.slug == "bad_request"
