from __future__ import annotations

import msgspec
import pytest
from msgspec import Raw

from holdfast.broker.redis_records import (
    Head,
    decode_info,
    decode_message,
    decode_publication,
    encode_info,
    encode_publication,
)
from holdfast.protocol.messages import ClientInfo
from tests.brokers import publication

INFO = ClientInfo("ann", "c1", Raw(b'{"a":1}'), Raw(b"\x00\xff"))


@pytest.mark.parametrize("info", [INFO, ClientInfo("ann", "c1"), None])
@pytest.mark.parametrize("tags", [{"kind": "x"}, None])
def test_publication_comes_back_as_it_was(info: ClientInfo | None, tags: dict[str, str] | None):
    """Data, publisher and tags, at the offset it is given."""
    found = decode_publication(encode_publication(publication('{"text":"\\u00e4:"}', info=info, tags=tags)), 7)

    assert (bytes(found.data), found.offset, found.tags) == (b'{"text":"\\u00e4:"}', 7, tags)
    assert found.info == info


def test_info_comes_back_as_it_was():
    """Both infos may be bytes of any kind."""
    assert decode_info(encode_info(INFO)) == INFO


def test_message_has_position_and_record():
    """A colon in the record is none of the head's."""
    record = encode_publication(publication('"a:b:c:d:e"'))

    head, found = decode_message(b"p12:abc:run1:1:" + record)

    assert head == Head(12, "abc", b"run1", True)
    assert (bytes(found.data), found.offset) == (b'"a:b:c:d:e"', 12)
    assert decode_message(b"p0:::0:" + record)[0] == Head(0, "", b"", False)


@pytest.mark.parametrize(
    "message", [b"", b"p", b"p1:a:b:c", b"px:a:b:0:", b"p1:a:b:0:nonsense", b"p1:\xff:b:0:\x91\xc4\x00"]
)
def test_foreign_message_is_refused(message: bytes):
    """Whatever others write under our prefix, it is told apart."""
    with pytest.raises((ValueError, msgspec.DecodeError)):
        decode_message(message)
