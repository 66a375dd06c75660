"""Structs to Protobuf messages and back, field by field after a plan made once for each struct."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet
from msgspec import Raw, Struct

from holdfast.errors import ProtocolError
from holdfast.protocol.protobuf_schema import Field, Table, fields_of, message_classes

Put = Callable[[Any, Any], None]
Get = Callable[[Any], Any]

_BOUNDLESS: Final = ((0, 2**64 - 1), (-(2**63), 2**63 - 1))


class Budget:
    """What may still be read of the message in work: entries of lists of messages, and unknown fields.

    Two or three bytes make one of either, and reading it takes ten times as long as in JSON, and more.
    """

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = math.inf

    def spend(self, count: int) -> None:
        """Take so many.

        Raises:
            ProtocolError: `malformed_command`, where there were too many.
        """
        self.left -= count
        if self.left < 0:
            raise ProtocolError("malformed_command", "expected fewer entries and unknown fields in one message")


class Plan:
    """How one struct becomes a message and back."""

    __slots__ = ("_budget", "_gets", "_numbers", "_puts", "_struct", "message_class")

    def __init__(self, struct: type[Struct], message_class: Any, budget: Budget) -> None:
        self.message_class = message_class
        self._budget = budget
        self._struct = struct
        self._puts: list[tuple[str, Put]] = []
        self._gets: dict[Any, tuple[str, Get]] = {}
        self._numbers: frozenset[int] = frozenset()

    def complete(self, fields: list[Field], plans: dict[type, Plan]) -> None:
        """Fill in the fields, now that there are plans for all structs."""
        by_name = self.message_class.DESCRIPTOR.fields_by_name
        self._puts = [(field.name, _put(field, plans)) for field in fields]
        self._gets = {by_name[field.name]: (field.name, _get(field, plans, self._budget)) for field in fields}
        self._numbers = frozenset(field.number for field in fields)

    def fill(self, message: Any, struct: Struct) -> None:
        """Write a struct into an empty message; what is empty or zero is left out, as proto3 has it."""
        for name, put in self._puts:
            if value := getattr(struct, name):
                put(message, value)

    def read(self, message: Any) -> Any:
        """Return the struct that a message tells.

        Raises:
            ProtocolError: `malformed_protobuf` for a field of the wrong wire type, `malformed_command` for a number
                beyond its range, and for more than the budget allows.
        """
        unknown = UnknownFieldSet(message)
        if count := len(unknown):
            self._budget.spend(count)
            self._check(unknown)
        gets, values = self._gets, {}
        for descriptor, value in message.ListFields():
            name, get = gets[descriptor]
            values[name] = get(value)
        return self._struct(**values)

    def to_bytes(self, struct: Struct) -> bytes:
        """Return a struct as the bytes of a message."""
        message = self.message_class()
        self.fill(message, struct)
        found: bytes = message.SerializeToString()
        return found

    def from_bytes(self, data: bytes, most: float = math.inf) -> Any:
        """Return the struct in the bytes of a message with at most so many entries and unknown fields.

        Raises:
            ProtocolError: see `read`; `malformed_protobuf` for bytes that are no message.
        """
        try:
            message = self.message_class.FromString(data)
        except DecodeError:
            detail = f"expected a {self._struct.__name__} message, came {len(data)} bytes that are none"
            raise ProtocolError("malformed_protobuf", detail) from None
        self._budget.left = most
        return self.read(message)

    def _check(self, unknown: UnknownFieldSet) -> None:
        # What comes with another wire type than the field's is kept as unknown by the library.
        for one in unknown:
            if one.field_number in self._numbers:
                detail = f"field {one.field_number} of {self._struct.__name__} came with wire type {one.wire_type}"
                raise ProtocolError("malformed_protobuf", detail)


def make_plans(table: Table) -> dict[type, Plan]:
    """Return a plan for each struct of a table."""
    budget = Budget()
    plans: dict[type, Plan] = {struct: Plan(struct, found, budget) for struct, found in message_classes(table).items()}
    for struct, numbers in table.items():
        plans[struct].complete(fields_of(struct, numbers), plans)
    return plans


# Writing


def _put(field: Field, plans: dict[type, Plan]) -> Put:
    if field.kind in plans:
        return _put_messages(field, plans[field.kind])
    name = field.name
    if field.is_map:
        return lambda message, value: getattr(message, name).update(value)
    if field.is_list:
        return lambda message, value: getattr(message, name).extend(value)
    if field.kind is bytes:
        return lambda message, value: setattr(message, name, bytes(value))
    if field.kind is int:
        # A time to live of centuries is as good as one that fits.
        highest = field.highest
        return lambda message, value: setattr(message, name, value if value <= highest else highest)
    return lambda message, value: setattr(message, name, value)


def _put_messages(field: Field, plan: Plan) -> Put:
    name = field.name

    def put_one(message: Any, value: Struct) -> None:
        inner = getattr(message, name)
        inner.SetInParent()  # an empty message says something too
        plan.fill(inner, value)

    def put_list(message: Any, values: list[Struct]) -> None:
        inner = getattr(message, name)
        for value in values:
            plan.fill(inner.add(), value)

    def put_map(message: Any, values: dict[str, Struct]) -> None:
        inner = getattr(message, name)
        for key, value in values.items():
            plan.fill(inner[key], value)

    return put_list if field.is_list else put_map if field.is_map else put_one


# Reading


def _get(field: Field, plans: dict[type, Plan], budget: Budget) -> Get:
    if field.kind in plans:
        read = plans[field.kind].read
        if field.is_list:
            return _list_of(read, budget)
        if field.is_map:
            return lambda values: {key: read(value) for key, value in values.items()}
        return read
    if field.is_map:
        return dict
    if field.is_list:
        return list
    if field.kind is bytes:
        return Raw
    if field.kind is int and (field.lowest, field.highest) not in _BOUNDLESS:
        return _within(field)
    return _as_it_is


def _list_of(read: Get, budget: Budget) -> Get:
    def get(values: Any) -> list[Any]:
        budget.spend(len(values))
        return [read(value) for value in values]

    return get


def _within(field: Field) -> Get:
    name, lowest, highest = field.name, field.lowest, field.highest

    def get(value: int) -> int:
        if not lowest <= value <= highest:
            raise ProtocolError("malformed_command", f"expected {lowest} to {highest} in `{name}`, came {value}")
        return value

    return get


def _as_it_is(value: Any) -> Any:
    return value
