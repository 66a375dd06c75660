"""What is wrong with settings, in sentences: the key, where it came from, what was expected, what was seen.

A value that is or may contain a secret is never shown; nor is the value of an unknown key, which may be a secret
under a misspelt name.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pydantic_core import ErrorDetails

from holdfast.settings_schema import Shape, dotted, leaves, shape_at

_SHOWN_CHARACTERS = 80
CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*@")
_SERVICE_LINK = (
    "; Kubernetes sets such variables for a Service named holdfast: set `enableServiceLinks: false` in the pod"
)

Loc = tuple[int | str, ...]
Origin = Callable[[Loc], str]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and the settings it is about (so that consequences are not reported twice)."""

    text: str
    keys: tuple[str, ...] = ()


def show(shape: Shape | None, value: object) -> str:
    """Write a value for a fault: shortened, without credentials, and only its kind where it may be secret."""
    if value is None:
        return "nothing"
    if shape is None or shape.holds_secret:
        kinds: Mapping[type, str] = {str: "a text", list: "a list", dict: "a group", bool: "a flag"}
        return f"{kinds.get(type(value), 'a number')} (not shown: it may be secret)"
    text = CREDENTIALS.sub("…@", json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"


def from_pydantic(error: ErrorDetails, origin: Origin) -> Fault:
    """Turn one error of pydantic, found in the merged data, into a fault."""
    loc = error["loc"]
    place = f"{dotted(loc)} ({where})" if (where := origin(loc)) else dotted(loc)
    if error["type"] == "extra_forbidden":
        return Fault(f"{place}: no such setting{suggest_key(loc)}", (dotted(loc),))
    shape = shape_at(loc)
    if error["type"] == "missing":
        return Fault(f"{place}: expected {shape.describe() if shape else 'a value'}, saw nothing", (dotted(loc),))
    expected = shape.describe(with_examples=True) if shape is not None else "another value"
    if error["type"] == "value_error":
        # A validator of the tree; its message says what it expects and holds no value.
        expected = str(error["ctx"]["error"]).removeprefix("expected ")
    seen = error["input"]
    hint = _SERVICE_LINK if isinstance(seen, str) and re.match(r"tcp://[\d.:\[\]a-f]+$", seen) else ""
    return Fault(f"{place}: expected {expected}, saw {show(shape, seen)}{hint}", (dotted(loc),))


def unknown_variable(name: str, value: str) -> Fault:
    """Report an environment variable with our prefix that names no setting."""
    known = [leaf.variable for leaf in leaves()]
    linked = value.startswith("tcp://") or re.search(r"_SERVICE_(HOST|PORT)", name)
    return Fault(
        f"{name}: no such setting{_did_you_mean(name.upper(), known)}{_SERVICE_LINK if linked else ''}", (name,)
    )


def suggest_key(loc: Loc) -> str:
    """Return "; did you mean …?" for a key near an existing one, in the same group first, else anywhere."""
    name, group = str(loc[-1]), shape_at(loc[:-1])
    near = list(group.model.model_fields) if group is not None and group.model is not None else []
    found = difflib.get_close_matches(name.lower(), near, n=1, cutoff=0.6)
    if found:
        return f"; did you mean {dotted((*loc[:-1], found[0]))}?"
    same_name = [leaf.key for leaf in leaves() if leaf.key.rpartition(".")[2] == name]
    if same_name:
        return f"; did you mean {same_name[0]}?"
    return _did_you_mean(dotted(loc), [leaf.key for leaf in leaves()])


def _did_you_mean(name: str, known: Sequence[str]) -> str:
    found = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    return f"; did you mean {found[0]}?" if found else ""


def drop(data: dict[str, Any], locs: Sequence[Loc]) -> None:
    """Delete what stands at each path, or else what encloses it, so that the rest can be checked on its own."""
    targets = {(id(container), step): (container, step) for container, step in (_holder(data, loc) for loc in locs)}
    # List items from the back, so that positions stay right.
    for container, step in sorted(targets.values(), key=lambda t: t[1] if isinstance(t[1], int) else 0, reverse=True):
        del container[step]


def _holder(data: dict[str, Any], loc: Loc) -> tuple[Any, Any]:
    holder: tuple[Any, Any] = (data, loc[0])
    node: Any = data
    for step in loc:
        if not isinstance(node, dict | list) or (isinstance(node, dict) and step not in node):
            break
        holder = (node, step)
        node = cast(Any, node)[step]
    return holder
