from __future__ import annotations

import pytest
from msgspec import Raw, Struct

from holdfast.protocol.protobuf_schema import fields_of, message_classes
from holdfast.protocol.protobuf_table import int32, uint64


class Inner(Struct):
    text: str = ""


class Outer(Struct):
    name: str | None = None
    count: int = 0
    data: Raw = Raw(b"")
    inner: Inner | None = None
    many: list[Inner] = []
    by_name: dict[str, Inner] | None = None
    ours_alone: object = None


TABLE = {Inner: {"text": 1}, Outer: {"name": 1, "count": int32(3), "data": 4, "inner": 5, "many": 6, "by_name": 7}}


def test_fields_tell_what_a_struct_holds():
    """Optional, repeated and mapped fields come out as what they are; a field without a number is left out."""
    found = {field.name: field for field in fields_of(Outer, TABLE[Outer])}

    assert list(found) == ["name", "count", "data", "inner", "many", "by_name"]
    assert [field.kind for field in found.values()] == [str, int, bytes, Inner, Inner, Inner]
    assert (found["many"].is_list, found["by_name"].is_map, found["inner"].is_list) == (True, True, False)
    assert (found["count"].lowest, found["count"].highest) == (-(2**31), 2**31 - 1)


def test_message_classes_speak_protobuf():
    """A message made of the descriptors has the bytes that the numbers ask for."""
    outer = message_classes(TABLE)[Outer]

    assert outer(name="a", count=-1).SerializeToString() == b"\x0a\x01a\x18" + b"\xff" * 9 + b"\x01"
    assert outer(by_name={"k": {"text": "v"}}).SerializeToString() == b"\x3a\x08\x0a\x01k\x12\x03\x0a\x01v"


@pytest.mark.parametrize(
    ("struct", "numbers"),
    [(Outer, {"count": 3}), (Outer, {"name": uint64(1)}), (Outer, {"ours_alone": 9})],
    ids=["width missing", "no integer", "no place in Protobuf"],
)
def test_fields_refuse_what_does_not_fit(struct, numbers):
    """A table that contradicts its struct is a programming mistake, and named."""
    with pytest.raises(TypeError, match="expected"):
        fields_of(struct, numbers)
