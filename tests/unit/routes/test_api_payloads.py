import base64

import msgspec
import pytest
from msgspec import UNSET, Raw

from holdfast.errors import ProtocolError
from holdfast.protocol.messages import NONE, ClientInfo, Publication
from holdfast.routes.api_payloads import binary_publication, optional_payload, published_payload


def b64(raw: bytes) -> str:
    """Return bytes in base64."""
    return base64.b64encode(raw).decode()


def test_published_payload_kept():
    """JSON comes through byte for byte and is known to be JSON; what stands in base64 may be anything."""
    assert published_payload(Raw(b'{"a": [1, 2]}'), None) == (Raw(b'{"a": [1, 2]}'), True)
    assert published_payload(Raw(b"null"), "") == (Raw(b"null"), True)
    assert published_payload(Raw(b"1"), b64(b"\xff\0")) == (Raw(b"\xff\0"), False)
    assert published_payload(UNSET, None) == (NONE, True)


def test_published_payload_bad_base64():
    """What is no base64 is refused by the field's name."""
    with pytest.raises(ProtocolError, match="`b64data`") as caught:
        published_payload(UNSET, "!!!")
    assert caught.value.slug == "bad_request"


def test_binary_publication_is_json():
    """Any bytes come as base64 beside an empty `data`; what is absent is left out."""
    bare = binary_publication(Publication(Raw(b"\xff"), offset=3))
    whole = binary_publication(Publication(NONE, ClientInfo("u", "c"), 4, {"k": "v"}))

    assert msgspec.json.encode(bare) == b'{"b64data":"/w==","offset":3,"data":null}'
    assert msgspec.json.decode(msgspec.json.encode(whole)) == {
        "b64data": "",
        "offset": 4,
        "info": {"user": "u", "client": "c"},
        "tags": {"k": "v"},
        "data": None,
    }


@pytest.mark.parametrize("raw", [b'{\n "a": 1,\r\n "b": "\\n"\n}', b'{"a":1,\r"b":"\\n"}'])
def test_payload_line_breaks(raw):
    """Line breaks between tokens go, for clients split messages there; those inside strings are escaped anyway."""
    assert bytes(optional_payload("data", Raw(raw))) == b'{"a":1,"b":"\\n"}'


@pytest.mark.parametrize("text", [None, b64(b"[" * 5000 + b"\n" + b"]" * 5000)])
def test_payload_too_deep_for_one_line(text):
    """What was just not too deep to be read may be too deep to be written anew: that is refused, too."""
    with pytest.raises(ProtocolError, match="recursion") as caught:
        optional_payload("data", Raw(b"[" * 5000 + b"\n" + b"]" * 5000), text)
    assert caught.value.slug == "bad_request"


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
    assert bytes(optional_payload("data", Raw(b"1"), b64(b'{"x": 2}'))) == b'{"x": 2}'


@pytest.mark.parametrize(
    "text", ["!!!", "eyJhIjox", b64(b'{"a":'), b64(b"\xff"), b64(b'"\xff"'), b64(b"[" * 5000), "e30=\n"]
)
def test_payload_bad_base64(text):
    """What is no base64, or no JSON in it, is refused by the field's name."""
    with pytest.raises(ProtocolError, match="`b64info`") as caught:
        optional_payload("info", UNSET, text)
    assert caught.value.slug == "bad_request"
