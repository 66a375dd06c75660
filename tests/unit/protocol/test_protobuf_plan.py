from __future__ import annotations

import pytest
from msgspec import Raw, Struct

from holdfast.errors import ProtocolError
from holdfast.protocol.protobuf_plan import make_plans
from holdfast.protocol.protobuf_table import int32, uint32


class Leaf(Struct):
    text: str = ""
    nodes: list[Leaf] = []


class Whole(Struct):
    name: str | None = None
    small: int = 0
    signed: int = 0
    data: Raw = Raw(b"")
    leaf: Leaf | None = None
    leaves: list[Leaf] = []
    texts: list[str] = []
    tags: dict[str, str] | None = None
    by_name: dict[str, Leaf] | None = None
    json_only: str = ""


PLANS = make_plans(
    {
        Leaf: {"text": 1, "nodes": 2},
        Whole: {
            "name": 1,
            "small": uint32(2),
            "signed": int32(3),
            "data": 4,
            "leaf": 5,
            "leaves": 6,
            "texts": 7,
            "tags": 8,
            "by_name": 9,
        },
    }
)
PLAN = PLANS[Whole]


def test_plan_round_trips_every_kind_of_field():
    """What goes through comes back; what has no number stays at home."""
    whole = Whole("n", 7, -7, Raw(b"\xff\0"), Leaf("x"), [Leaf("a"), Leaf("b", [Leaf("c")])], ["s", "t"], {"k": "v"})
    whole.by_name = {"left": Leaf("l"), "right": Leaf()}
    whole.json_only = "secret"

    found = PLAN.from_bytes(PLAN.to_bytes(whole))

    assert found.json_only == ""
    whole.json_only = ""
    assert found == whole


def test_plan_keeps_an_empty_message():
    """A message without fields that is there differs from one that is not."""
    assert PLAN.from_bytes(PLAN.to_bytes(Whole(leaf=Leaf()))).leaf == Leaf()
    assert PLAN.from_bytes(b"") == Whole()


def test_plan_writes_the_highest_number_for_a_higher_one():
    """A number too large for its field is not cut to something small."""
    assert PLAN.from_bytes(PLAN.to_bytes(Whole(small=2**40))).small == 2**32 - 1


@pytest.mark.parametrize(
    ("data", "slug"),
    [
        (b"\x10" + b"\xff" * 4 + b"\x10", "malformed_command"),  # 2**32 in `small`
        (b"\x18\x80\x80\x80\x80\x08", "malformed_command"),  # 2**31 in `signed`
        (b"\x12\x01a", "malformed_protobuf"),  # text in `small`
        (b"\x2a\x02\x08\x01", "malformed_protobuf"),  # a number in `leaf.text`
        (b"\x0a\x02\xff\xff", "malformed_protobuf"),  # no UTF-8
        (b"\x0a\x05a", "malformed_protobuf"),  # cut off
        (b"\x00", "malformed_protobuf"),  # field number 0
        (b"\xff" * 12, "malformed_protobuf"),
        (b"\x0f", "malformed_protobuf"),  # wire type 7
    ],
)
def test_plan_refuses_by_name(data: bytes, slug: str):
    """Each kind of damage has a name, and none is an exception of the library."""
    with pytest.raises(ProtocolError) as caught:
        PLAN.from_bytes(data)

    assert caught.value.slug == slug


def test_plan_refuses_absurd_depth():
    """Messages within messages end at the library's limit."""
    data = b""
    for _ in range(300):
        data = b"\x12" + varint(len(data)) + data

    with pytest.raises(ProtocolError) as caught:
        PLANS[Leaf].from_bytes(data)

    assert caught.value.slug == "malformed_protobuf"


def test_plan_ignores_unknown_fields():
    """Newer clients may say more: numbers up to the highest, any wire type, groups too."""
    more = [b"\xf8\x01\x05", b"\xfa\xff\xff\xff\x0f\x01x", b"\x7b\x08\x01\x7c", b"\x79" + b"\0" * 8]

    assert PLAN.from_bytes(b"\x0a\x01n" + b"".join(more)) == Whole("n")


def varint(number: int) -> bytes:
    """Return a number of up to 14 bits."""
    return bytes((number,)) if number < 128 else bytes((number & 0x7F | 0x80, number >> 7))
