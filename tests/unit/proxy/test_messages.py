"""Requests leave out what is not there; answers take null for it and ignore what they do not know."""

import msgspec
import pytest
from msgspec import Raw

from holdfast.proxy import messages

FACTS = {"client": "c", "transport": "websocket", "protocol": "json", "encoding": "json"}


def test_request_has_what_is_known() -> None:
    """Client, user and channel always; data and meta where there are any."""
    bare = messages.SubscribeRequest(**FACTS, user="", channel="news")
    full = messages.PublishRequest(**FACTS, user="anna", channel="news", data=Raw(b'{"a":1}'), meta=Raw(b"2"))

    assert msgspec.json.decode(msgspec.json.encode(bare)) == {**FACTS, "user": "", "channel": "news"}
    assert msgspec.json.decode(msgspec.json.encode(full)) == {
        **FACTS,
        "user": "anna",
        "channel": "news",
        "data": {"a": 1},
        "meta": 2,
    }


def test_answer_takes_null_and_more() -> None:
    """Serializers write null for what is absent, and newer backends say more."""
    answer = messages.CONNECT.decode(
        b'{"result": {"user": null, "subs": {"a": null}, "new": 1}, "error": null, "x": 2}'
    )

    assert answer.error is None
    assert answer.result is not None
    assert answer.result.user is None
    assert answer.result.subs == {"a": None}


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'"text"',
        b'{"result": []}',
        b'{"result": {"user": 5}}',
        b'{"result": {"expire_at": -1}}',
        b'{"result": {"expire_at": 1700000000000}}',
        b'{"result": {"channels": "a"}}',
        b'{"error": {"code": "1"}}',
    ],
)
def test_answer_with_wrong_types_is_refused(body: bytes) -> None:
    """Nothing is guessed; milliseconds are no Unix seconds."""
    with pytest.raises(msgspec.ValidationError):
        messages.CONNECT.decode(body)
