"""The settings tree as data: where each setting is, what it takes, and whether it is a secret.

Loading, faults, the docs page and `config show` all read the tree through this module, so that they cannot disagree
with it.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import annotated_types
from pydantic import BaseModel, BeforeValidator, SecretStr
from pydantic.fields import FieldInfo

from holdfast.settings import Settings
from holdfast.settings_types import parse_duration

ENV_PREFIX = "HOLDFAST_"
_DELIMITER = "__"

Kind = Literal["flag", "whole number", "number", "duration", "text", "path", "secret", "choice", "list", "map", "group"]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a value must look like: its kind, and the parts that depend on the kind."""

    kind: Kind
    is_optional: bool = False
    choices: tuple[object, ...] = ()
    item: Shape | None = None
    model: type[BaseModel] | None = None
    metadata: tuple[object, ...] = ()

    @property
    def holds_secret(self) -> bool:
        """Whether this value is, or may contain, something that must never be printed."""
        if self.kind == "secret":
            return True
        if self.item is not None:
            return self.item.holds_secret
        return self.model is not None and any(shape_of(f).holds_secret for f in self.model.model_fields.values())

    def describe(self, *, with_examples: bool = False) -> str:
        """Say in a few words what is expected, with its range."""
        words = self._kind_words() + self._range_words()
        if with_examples and self.kind == "duration":
            words += " (seconds, or such as 300ms, 30s, 5m, 1h30m)"
        return f"{words}, or null" if self.is_optional else words

    def _kind_words(self) -> str:
        if self.kind == "choice":
            return "one of " + ", ".join(repr(choice) if choice == "" else str(choice) for choice in self.choices)
        if self.kind == "list" and self.item is not None:
            return f"a list, each item {self.item.describe()}"
        if self.kind == "map" and self.item is not None:
            return f"a map of names, each to {self.item.describe()}"
        return {
            "flag": "true or false",
            "whole number": "a whole number",
            "number": "a number",
            "duration": "a duration",
            "path": "a file path",
            "secret": "a secret text",
            "group": "a group of settings",
        }.get(self.kind, "a text")

    def _range_words(self) -> str:
        least = max(self._bounds(annotated_types.Ge, "ge"), default=None)
        above = max(self._bounds(annotated_types.Gt, "gt"), default=None)
        most = min(self._bounds(annotated_types.Le, "le"), default=None)
        shortest = max((m.min_length for m in self.metadata if isinstance(m, annotated_types.MinLen)), default=0)
        patterns = [pattern for m in self.metadata if (pattern := getattr(m, "pattern", None))]
        words = []
        if above is not None and (least is None or above >= least):
            words.append(f"above {above:g}")
        elif least is not None:
            words.append(f"of at least {least}")
        if most is not None:
            words.append(f"at most {most}")
        if shortest:
            words.append("not empty" if shortest == 1 else f"at least {shortest} characters")
        words.extend(f"matching {pattern}" for pattern in patterns)
        return (" " if words else "") + " and ".join(words)

    def _bounds(self, constraint: type[object], name: str) -> list[float]:
        return [getattr(m, name) for m in self.metadata if isinstance(m, constraint)]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One setting: its dotted key, its variable, what it takes, its default and its help text."""

    key: str
    variable: str
    shape: Shape
    default: object
    help: str


_PLAIN: dict[object, Kind] = {
    bool: "flag",
    int: "whole number",
    float: "number",
    str: "text",
    Path: "path",
    SecretStr: "secret",
}


def shape_of(field: FieldInfo) -> Shape:
    """Return the shape of a field of the tree."""
    return _shape(field.annotation, tuple(field.metadata))


def _shape(annotation: Any, metadata: tuple[object, ...]) -> Shape:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _shape(arguments[0], (*arguments[1:], *metadata))
    if origin in (typing.Union, types.UnionType):
        inner = _shape(next(a for a in arguments if a is not types.NoneType), metadata)
        return Shape(inner.kind, True, inner.choices, inner.item, inner.model, inner.metadata)
    if origin is Literal:
        return Shape("choice", choices=arguments)
    if origin is tuple:
        return Shape("list", item=_shape(arguments[0], ()), metadata=metadata)
    if origin is dict:
        return Shape("map", item=_shape(arguments[1], ()), metadata=metadata)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return Shape("group", model=annotation)
    if any(isinstance(m, BeforeValidator) and m.func is parse_duration for m in metadata):
        return Shape("duration", metadata=metadata)
    return Shape(_PLAIN[annotation], metadata=metadata)


def shape_at(loc: Sequence[int | str]) -> Shape | None:
    """Return the shape at a path of keys and list positions, None where the tree has nothing."""
    shape = Shape("group", model=Settings)
    for step in loc:
        if shape.item is not None and isinstance(step, str if shape.kind == "map" else int):
            shape = shape.item
        elif shape.model is not None and step in shape.model.model_fields:
            shape = shape_of(shape.model.model_fields[str(step)])
        else:
            return None
    return shape


def leaves(model: type[BaseModel] = Settings, path: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Yield every setting in the order of the tree; groups in lists count as one setting."""
    for name, field in model.model_fields.items():
        shape, here = shape_of(field), (*path, name)
        if shape.model is not None and not shape.is_optional:
            yield from leaves(shape.model, here)
        else:
            yield Leaf(".".join(here), variable_of(here), shape, field.default, field.description or "")


def variable_of(path: Sequence[str]) -> str:
    """Return the environment variable of a setting."""
    return ENV_PREFIX + _DELIMITER.join(path).upper()


def path_of(variable: str) -> tuple[str, ...]:
    """Return the path a variable's name spells, whether or not the tree has it."""
    return tuple(variable.removeprefix(ENV_PREFIX).lower().split(_DELIMITER))


def dotted(loc: Sequence[int | str]) -> str:
    """Write a path as `channel.namespaces[0].name`."""
    text = ""
    for step in loc:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
