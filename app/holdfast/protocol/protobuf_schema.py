"""From structs and their table of numbers to Protobuf descriptors, built once at import; no generated code.

Integers of 32 bits are declared with 64: on the wire both look the same, and a number that is too large is then seen
instead of cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from msgspec import Struct, inspect

from holdfast.protocol.protobuf_table import Integer

Table = Mapping[type[Struct], Mapping[str, int | Integer]]

_PACKAGE: Final = "holdfast.protocol"
_KINDS: Final[dict[type, type]] = {inspect.StrType: str, inspect.BoolType: bool, inspect.RawType: bytes}
_TYPES: Final = {
    str: FieldDescriptorProto.TYPE_STRING,
    bool: FieldDescriptorProto.TYPE_BOOL,
    bytes: FieldDescriptorProto.TYPE_BYTES,
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name and number, what it holds, and how often.

    `kind` is `str`, `bool`, `bytes`, `int` or a struct; `lowest` and `highest` are the range of an integer.
    """

    name: str
    number: int
    kind: type
    is_list: bool = False
    is_map: bool = False
    lowest: int = 0
    highest: int = 0


def fields_of(struct: type[Struct], numbers: Mapping[str, int | Integer]) -> list[Field]:
    """Return the fields that a struct has and the table numbers.

    Raises:
        TypeError: a field's type has no place in Protobuf, or the table does not say how wide an integer is.
    """
    info = cast("inspect.StructType", inspect.type_info(struct))
    return [_field(one.name, one.type, numbers[one.name]) for one in info.fields if one.name in numbers]


def message_classes(table: Table) -> dict[type[Struct], Any]:
    """Return the Protobuf message class of each struct."""
    file = FileDescriptorProto(name="holdfast/client.proto", package=_PACKAGE, syntax="proto3")
    for struct, numbers in table.items():
        message = file.message_type.add(name=struct.__name__)
        for field in fields_of(struct, numbers):
            _declare(message, field)
    pool = DescriptorPool()  # of our own: SDKs in the same process have the same messages in the common one
    pool.Add(file)
    found = {struct: pool.FindMessageTypeByName(f"{_PACKAGE}.{struct.__name__}") for struct in table}
    return {struct: GetMessageClass(descriptor) for struct, descriptor in found.items()}


def _field(name: str, found: inspect.Type, number: int | Integer) -> Field:
    if isinstance(found, inspect.UnionType):
        (found,) = (one for one in found.types if not isinstance(one, inspect.NoneType))
    if isinstance(found, inspect.ListType):
        return Field(name, _plain(name, number), _kind(name, found.item_type), is_list=True)
    if isinstance(found, inspect.DictType):
        return Field(name, _plain(name, number), _kind(name, found.value_type), is_map=True)
    if isinstance(found, inspect.IntType):
        if not isinstance(number, Integer):
            raise TypeError(f"{name}: expected the width of an integer in the table, found only a number")
        lowest = number.lowest if found.ge is None else max(number.lowest, found.ge)
        highest = number.highest if found.le is None else min(number.highest, found.le)
        return Field(name, number.number, int, lowest=lowest, highest=highest)
    return Field(name, _plain(name, number), _kind(name, found))


def _plain(name: str, number: int | Integer) -> int:
    if isinstance(number, Integer):
        raise TypeError(f"{name}: expected an integer in the struct, as the table says")
    return number


def _kind(name: str, found: inspect.Type) -> type:
    if isinstance(found, inspect.StructType):
        return found.cls
    if type(found) not in _KINDS:
        raise TypeError(f"{name}: expected a type with a place in Protobuf, found {found}")
    return _KINDS[type(found)]


def _declare(message: DescriptorProto, field: Field) -> None:
    """Add a field to a message's descriptor; a map is a list of messages with a key and a value."""
    if not field.is_map:
        label = FieldDescriptorProto.LABEL_REPEATED if field.is_list else FieldDescriptorProto.LABEL_OPTIONAL
        message.field.add(name=field.name, number=field.number, label=label, **_type(field))
        return
    entry = message.nested_type.add(name="".join(part.capitalize() for part in field.name.split("_")) + "Entry")
    entry.options.map_entry = True
    optional = FieldDescriptorProto.LABEL_OPTIONAL
    entry.field.add(name="key", number=1, label=optional, type=FieldDescriptorProto.TYPE_STRING)
    entry.field.add(name="value", number=2, label=optional, **_type(field))
    message.field.add(
        name=field.name,
        number=field.number,
        label=FieldDescriptorProto.LABEL_REPEATED,
        type=FieldDescriptorProto.TYPE_MESSAGE,
        type_name=f".{_PACKAGE}.{message.name}.{entry.name}",
    )


def _type(field: Field) -> dict[str, Any]:
    if field.kind is int:
        has_sign = field.highest < 2**63
        return {"type": FieldDescriptorProto.TYPE_INT64 if has_sign else FieldDescriptorProto.TYPE_UINT64}
    if field.kind in _TYPES:
        return {"type": _TYPES[field.kind]}
    return {"type": FieldDescriptorProto.TYPE_MESSAGE, "type_name": f".{_PACKAGE}.{field.kind.__name__}"}
