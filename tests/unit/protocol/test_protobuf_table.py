"""The numbers are compared with those that a stock SDK was generated from."""

from __future__ import annotations

import msgspec
import pytest
from centrifuge.protocol import client_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from msgspec import Struct

from holdfast.protocol import commands, messages
from holdfast.protocol.protobuf_schema import fields_of
from holdfast.protocol.protobuf_table import NUMBERS, Integer

# Where the published name of a message is another than ours; several of theirs may be one of ours.
PUBLISHED = {
    "ErrorBody": ["Error"],
    "ChannelRequest": ["UnsubscribeRequest", "PresenceRequest", "PresenceStatsRequest"],
    "Since": ["StreamPosition"],
    "RpcRequest": ["RPCRequest"],
    "RpcResult": ["RPCResult"],
    "EmptyResult": ["UnsubscribeResult", "PublishResult", "PingResult"],
    "MemberPush": ["Join", "Leave"],
    "UnsubscribePush": ["Unsubscribe"],
    "SubscribePush": ["Subscribe"],
    "MessagePush": ["Message"],
    "ConnectPush": ["Connect"],
    "DisconnectPush": ["Disconnect"],
    "RefreshPush": ["Refresh"],
}
JSON_ONLY = {commands.Hello, messages.Welcome, messages.ExtensionPush, messages.Migrate}
RANGES = {
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
}
KINDS = {
    FieldDescriptor.TYPE_STRING: str,
    FieldDescriptor.TYPE_BOOL: bool,
    FieldDescriptor.TYPE_BYTES: bytes,
    **dict.fromkeys(RANGES, int),
}
PAIRS = [(struct, name) for struct in NUMBERS for name in PUBLISHED.get(struct.__name__, [struct.__name__])]
IDS = [f"{struct.__name__}={name}" for struct, name in PAIRS]


def published(name: str) -> Descriptor:
    """Return the published definition of a message."""
    return client_pb2.DESCRIPTOR.message_types_by_name[name]


def test_table_has_each_message_of_the_wire():
    """Every struct but those of our own JSON extension has a row."""
    structs = {
        one
        for module in (messages, commands)
        for one in vars(module).values()
        if isinstance(one, type)
        and issubclass(one, Struct)
        and one.__module__ == module.__name__
        and one is not messages.Message
    }

    assert structs - JSON_ONLY == set(NUMBERS)


@pytest.mark.parametrize("struct", NUMBERS, ids=lambda one: one.__name__)
def test_table_has_each_field_of_a_struct(struct: type[Struct]):
    """A field without a number is the `holdfast` object, which is JSON only."""
    missing = set(struct.__struct_fields__) - set(NUMBERS[struct])

    assert missing <= {"holdfast"}


@pytest.mark.parametrize(("struct", "name"), PAIRS, ids=IDS)
def test_numbers_are_the_published_ones(struct: type[Struct], name: str):
    """Names and numbers agree, also of fields that no struct has yet."""
    numbers = {
        field: number.number if isinstance(number, Integer) else number for field, number in NUMBERS[struct].items()
    }

    assert numbers == {field.name: field.number for field in published(name).fields}


@pytest.mark.parametrize(("struct", "name"), PAIRS, ids=IDS)
def test_types_are_the_published_ones(struct: type[Struct], name: str):
    """What a struct holds under a number is what the published definition says, with the range of its integers."""
    for field in fields_of(struct, NUMBERS[struct]):
        theirs = published(name).fields_by_name[field.name]
        is_map = theirs.message_type is not None and theirs.message_type.GetOptions().map_entry
        assert (field.is_map, field.is_list) == (is_map, theirs.is_repeated and not is_map)
        value = theirs.message_type.fields_by_name["value"] if is_map else theirs
        if value.type == FieldDescriptor.TYPE_MESSAGE:
            assert value.message_type.name in PUBLISHED.get(field.kind.__name__, [field.kind.__name__])
            continue
        assert field.kind is KINDS[value.type]
        if value.type in RANGES:
            number = NUMBERS[struct][field.name]
            assert isinstance(number, Integer)
            assert (number.lowest, number.highest) == RANGES[value.type]


@pytest.mark.parametrize(("struct", "name"), PAIRS, ids=IDS)
def test_defaults_are_those_of_protobuf(struct: type[Struct], name: str):
    """What Protobuf leaves out comes back as the struct's default, so defaults must be empty or zero."""
    for field in msgspec.structs.fields(struct):
        if not field.required and field.name in NUMBERS[struct]:
            default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
            assert not default, f"{name}.{field.name}"
