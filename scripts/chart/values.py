"""values.yaml as data: each value with its place, its comment, its default and its section."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parent.parent.parent / "helm" / "holdfast"
_SECTION = re.compile(r"^# -{2,} (?P<title>.+?) -{2,}$")
_KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z_][\w.]*):(?: (?P<rest>.*))?$")


@dataclass(frozen=True)
class Value:
    """One key of values.yaml; `default` is a mapping where more keys stand below it."""

    path: tuple[str, ...]
    comment: str
    default: Any
    section: str

    @property
    def dotted(self) -> str:
        """The place as --set takes it."""
        return ".".join(self.path)

    @property
    def is_group(self) -> bool:
        """Whether keys of ours stand below it; an empty mapping is the user's."""
        return isinstance(self.default, dict) and bool(self.default)


def read_values(chart: Path = CHART) -> list[Value]:
    """Return every key in the order of the file."""
    text = (chart / "values.yaml").read_text(encoding="utf-8")
    return list(_values(text, yaml.safe_load(text)))


def _values(text: str, data: dict[str, Any]) -> Iterator[Value]:
    section, comment = "", ""
    path: list[tuple[int, str]] = []
    for line in text.splitlines():
        if found := _SECTION.match(line):
            section, comment = found["title"], ""
        elif line.lstrip().startswith("#"):
            comment = f"{comment} {line.strip().removeprefix('#').strip()}".strip()
        elif found := _KEY.match(line):
            indent = len(found["indent"])
            path = [one for one in path if one[0] < indent] + [(indent, found["key"])]
            keys, comment_of_key = tuple(key for _, key in path), comment
            comment = ""
            if not isinstance(_at(data, keys[:-1]), list):  # what stands in a default list is one value
                yield Value(keys, comment_of_key, _at(data, keys), section)
        else:
            comment = ""


def _at(data: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        if isinstance(data, list):
            return data
        data = data[key]
    return data
