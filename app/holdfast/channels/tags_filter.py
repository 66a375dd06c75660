"""Filters by tags: which publications a subscriber wants, as a tree of conditions on their tags. Follows Centrifugo v6.

A tree is checked and compiled to a predicate once; equal trees have equal keys, so that they are judged together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from holdfast.errors import ChannelError
from holdfast.protocol.commands import FilterNode
from holdfast.protocol.messages import Publication

# A filter is judged for each publication, and comes from outside.
MOST_DEPTH = 16
MOST_NODES = 128
MOST_VALUES = 1024
LONGEST_TEXT = 1024

Tags = Mapping[str, str]
Predicate = Callable[[Tags], bool]

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]{1,19})?")
_LONGEST_NUMBER = 200
_NO_TAGS: Tags = {}


class TagsFilter:
    """A checked filter.

    Raises:
        ChannelError: `tags_filter_invalid`; the detail names the node.
    """

    __slots__ = ("key", "matches")

    def __init__(self, node: FilterNode) -> None:
        self.matches: Predicate = _Compiler().compile(node, "tf", 1)
        self.key = msgspec.json.encode(node)

    def accepts(self, publication: Publication) -> bool:
        """Tell whether the publication's tags match."""
        return self.matches(publication.tags or _NO_TAGS)


class _Compiler:
    """Turns one tree into a predicate and counts what it holds."""

    def __init__(self) -> None:
        self._nodes = 0
        self._values = 0

    def compile(self, node: FilterNode, path: str, depth: int) -> Predicate:
        self._nodes += 1
        self._values += len(node.vals)
        if depth > MOST_DEPTH or self._nodes > MOST_NODES or self._values > MOST_VALUES:
            limits = f"{MOST_DEPTH} levels, {MOST_NODES} nodes and {MOST_VALUES} values"
            raise _fault(path, f"expected a filter of at most {limits}")
        if any(len(text) > LONGEST_TEXT for text in (node.key, node.val, *node.vals)):
            raise _fault(path, f"expected texts of at most {LONGEST_TEXT} characters")
        if not node.op:
            return _leaf(node, path)
        if node.op not in _OPERATIONS:
            raise _fault(path, f"expected an op of {', '.join(_OPERATIONS)} or none, came {node.op[:16]!r}")
        if not node.nodes or (node.op == "not" and len(node.nodes) != 1):
            raise _fault(path, f"{node.op} takes {'one node' if node.op == 'not' else 'nodes'}, came {len(node.nodes)}")
        parts = [self.compile(one, f"{path}.nodes[{place}]", depth + 1) for place, one in enumerate(node.nodes)]
        return _OPERATIONS[node.op](parts)


def _leaf(node: FilterNode, path: str) -> Predicate:
    key, value, values = node.key, node.val, node.vals
    if node.cmp in _WITH_NOTHING:
        if value or values:
            raise _fault(path, f"{node.cmp} takes no val and no vals")
        return _WITH_NOTHING[node.cmp](key)
    if not key:
        raise _fault(path, "expected a key, saw none")
    if node.cmp in _WITH_VALUES:
        if value or not values:
            raise _fault(path, f"{node.cmp} takes vals, at least one, and no val")
        return _WITH_VALUES[node.cmp](key, frozenset(values))
    if node.cmp in _WITH_NUMBER or node.cmp in _WITH_VALUE:
        if values or not value:
            raise _fault(path, f"{node.cmp} takes a val that is not empty, and no vals")
        return _WITH_VALUE[node.cmp](key, value) if node.cmp in _WITH_VALUE else _numeric(node.cmp, key, value)
    known = ", ".join((*_WITH_VALUE, *_WITH_VALUES, *_WITH_NOTHING, *_WITH_NUMBER))
    raise _fault(path, f"expected a cmp of {known}, came {node.cmp[:16]!r}")


def _fault(path: str, text: str) -> ChannelError:
    return ChannelError("tags_filter_invalid", f"{path[:200]}: {text}")


def _all(parts: list[Predicate]) -> Predicate:
    return lambda tags: all(part(tags) for part in parts)


def _any(parts: list[Predicate]) -> Predicate:
    return lambda tags: any(part(tags) for part in parts)


def _not(parts: list[Predicate]) -> Predicate:
    (part,) = parts
    return lambda tags: not part(tags)


def _numeric(cmp: str, key: str, text: str) -> Predicate:
    bound, holds = _number(text), _WITH_NUMBER[cmp]
    if bound is None:
        return lambda tags: False

    def matches(tags: Tags) -> bool:
        number = _number(tags.get(key, ""))
        return number is not None and holds(number, bound)

    return matches


def _number(text: str) -> Decimal | None:
    if len(text) > _LONGEST_NUMBER or _NUMBER.fullmatch(text) is None:
        return None
    return Decimal(text)


_OPERATIONS: dict[str, Callable[[list[Predicate]], Predicate]] = {"and": _all, "or": _any, "not": _not}
# A missing tag is unequal to every value; for `in` and `nin` it is the empty text.
_WITH_VALUE: dict[str, Callable[[str, str], Predicate]] = {
    "eq": lambda key, value: lambda tags: tags.get(key) == value,
    "neq": lambda key, value: lambda tags: tags.get(key) != value,
    "sw": lambda key, value: lambda tags: tags.get(key, "").startswith(value),
    "ew": lambda key, value: lambda tags: tags.get(key, "").endswith(value),
    "ct": lambda key, value: lambda tags: value in tags.get(key, ""),
}
_WITH_VALUES: dict[str, Callable[[str, frozenset[str]], Predicate]] = {
    "in": lambda key, values: lambda tags: tags.get(key, "") in values,
    "nin": lambda key, values: lambda tags: tags.get(key, "") not in values,
}
_WITH_NOTHING: dict[str, Callable[[str], Predicate]] = {
    "ex": lambda key: lambda tags: key in tags,
    "nex": lambda key: lambda tags: key not in tags,
}
_WITH_NUMBER: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "gt": lambda number, bound: number > bound,
    "gte": lambda number, bound: number >= bound,
    "lt": lambda number, bound: number < bound,
    "lte": lambda number, bound: number <= bound,
}
