from __future__ import annotations

import msgspec
import pytest

from holdfast.connections import bus_messages
from holdfast.connections.bus_messages import VERSION, Head, Message, Part, SubscribeOrder

TYPES = [one for one in vars(bus_messages).values() if isinstance(one, type) and issubclass(one, Message)]
CONCRETE = [one for one in TYPES if one.__struct_config__.tag not in {"Message", "Aimed"}]


@pytest.mark.parametrize("kind", CONCRETE)
def test_head_is_in_every_message(kind: type[Message]) -> None:
    """Whoever reads of a message only its head knows version, type and sender."""
    fields = {one.name: b"" for one in msgspec.structs.fields(kind) if one.required}
    message = kind(**fields, sender="here", uid="u", id="7")
    head = msgspec.msgpack.decode(msgspec.msgpack.encode(message), type=Head)

    assert head == Head(VERSION, str(kind.__struct_config__.tag), "here", "u", "7")


def test_types_have_names_of_their_own() -> None:
    """No two types are called the same."""
    tags = [one.__struct_config__.tag for one in CONCRETE]

    assert len(set(tags)) == len(tags)


def test_payloads_of_any_bytes_pass() -> None:
    """What applications attach is bytes between instances, JSON or not."""
    order = SubscribeOrder(channel="a", info=b"\xff{", data=b"1", since=(3, "e"), overrides={"presence": True})
    raw = msgspec.msgpack.encode(order)

    assert msgspec.msgpack.decode(raw, type=SubscribeOrder) == order
    assert (
        msgspec.msgpack.decode(msgspec.msgpack.encode(Part(of=1, number=0, total=1, body=raw)), type=Part).body == raw
    )
