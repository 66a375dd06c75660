"""Where settings come from: a YAML file and the environment, read into plain nested data.

Nothing is compared with ranges here; only what cannot be read, or has no place in the tree, is a fault.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from holdfast.settings_faults import Fault, show, unknown_variable
from holdfast.settings_schema import ENV_PREFIX, Shape, path_of, shape_at, variable_of

CONFIG_VARIABLE = "HOLDFAST_CONFIG"
DEFAULT_FILE = Path("holdfast.yaml")
_FILE_SUFFIX = "_FILE"
_FLAGS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


@dataclass(slots=True)
class Source:
    """What one source said: nested data, the name of the place for each path, and what could not be read."""

    data: dict[str, Any] = field(default_factory=dict)
    places: dict[tuple[str, ...], str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


class _Loader(yaml.SafeLoader):
    """YAML without its traps: no dates, no `no` for false, no `1:30` for 90, no octal, no key twice."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Refuse a key that is no text or stands twice, where plain YAML silently takes the last."""
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag.rpartition(":")[2] not in {"str", "merge"}:
                raise yaml.MarkedYAMLError(problem="expected a name before the colon", problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value} stands here twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return node


_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "seq", "map")}
_Loader.yaml_constructors = {
    tag: make for tag, make in yaml.SafeLoader.yaml_constructors.items() if tag is None or tag in _PLAIN_TAGS
}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] in {"null", "merge"}]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_QUOTED = re.compile(r"'(?!<)[^']{3,}'")
# What YAML 1.2 takes for flags and numbers, instead of what YAML 1.1 does.
for _name, _pattern, _first in (
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(_pattern), list(_first))


def read_file(path: Path) -> Source:
    """Read settings from a YAML file."""
    source = Source(places={(): str(path)})
    try:
        # Through JSON and back: what is left is plain, without aliases and circles.
        data = json.loads(_text_of(_parse(path.read_text(encoding="utf-8"))))
    except OSError as error:
        source.faults.append(Fault(f"{path}: expected a readable settings file, saw: {error.strerror}"))
    except UnicodeDecodeError as error:
        source.faults.append(Fault(f"{path}: expected UTF-8 text, saw other bytes at position {error.start}"))
    except yaml.YAMLError as error:
        source.faults.append(Fault(f"{path}{_line_of(error)}: expected YAML, saw: {_problem_of(error)}"))
    except (ValueError, RecursionError):
        source.faults.append(
            Fault(f"{path}: expected plain nested settings, saw a number or a nesting beyond all measure")
        )
    else:
        if isinstance(data, dict):
            source.data = data
        elif data is not None:
            source.faults.append(Fault(f"{path}: expected `name: value` lines, saw {show(None, data)}"))
    return source


def read_environment(environ: Mapping[str, str]) -> Source:
    """Read every `HOLDFAST_*` variable; one that names no setting is a fault."""
    source = Source()
    # Short names first: the JSON of a whole group, then its single settings over it.
    for name in sorted((n for n in environ if n.startswith(ENV_PREFIX)), key=lambda n: (n.count("__"), n)):
        if name != CONFIG_VARIABLE:
            _take(source, name, environ)
    return source


def put(data: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    """Set a value deep in nested data; a group merges into the group that is there."""
    for step in path[:-1]:
        if not isinstance(data.get(step), dict):
            data[step] = {}
        data = data[step]
    last = path[-1]
    if isinstance(value, Mapping) and isinstance(data.get(last), dict):
        for key, item in value.items():
            put(data[last], (str(key),), item)
    else:
        data[last] = value


def _parse(text: str) -> object:
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _text_of(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate has no UTF-8


def _line_of(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f", line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""


def _problem_of(error: yaml.YAMLError) -> str:
    told = getattr(error, "problem", None) or str(getattr(error, "reason", "")) or "something else"
    # An alias, an anchor or a tag is a password that begins with *, & or ! and has no quotes around it.
    return _QUOTED.sub("'…'", told)


def _take(source: Source, name: str, environ: Mapping[str, str]) -> None:
    path, text, shape = path_of(name), environ[name], _named(name)
    base = name.removesuffix(_FILE_SUFFIX)
    if shape is None and base != name and (secret := _named(base)) is not None and secret.holds_secret:
        path, shape = path_of(base), secret
        if base in environ:
            source.faults.append(Fault(f"{name}: expected either this or {base}, saw both", (".".join(path),)))
            return
        content = _read_secret(source, name, text)
        if content is None:
            return
        text = content
    if shape is None:
        source.faults.append(unknown_variable(name, text))
        return
    try:
        value = _convert(shape, text)
        _text_of(value)
    except (ValueError, RecursionError):
        form = {"group": "an object as JSON", "map": "an object as JSON", "list": "a list as JSON"}.get(
            shape.kind, "UTF-8 text"
        )
        source.faults.append(Fault(f"{name}: expected {form}, saw {show(shape, text)}", (".".join(path),)))
        return
    put(source.data, path, value)
    source.places[path] = name


def _named(variable: str) -> Shape | None:
    path = path_of(variable)
    return shape_at(path) if variable == variable_of(path) else None


def _read_secret(source: Source, name: str, path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no UTF-8 text"
        source.faults.append(Fault(f"{name}: expected a readable file at {path}, saw: {reason}"))
        return None


def _convert(shape: Shape, text: str) -> object:
    """Turn a variable's text into what the file would have held; leave what does not fit to the type check."""
    if shape.is_optional and text == "":
        return None
    if shape.kind in {"list", "map", "group"}:
        return json.loads(text)
    if shape.kind == "flag":
        return _FLAGS.get(text.strip().lower(), text)
    if shape.kind == "whole number" and re.fullmatch(r"\s*[-+]?\d{1,4000}\s*", text):
        return int(text)
    if shape.kind == "number" and re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", text):
        return float(text)
    return text
