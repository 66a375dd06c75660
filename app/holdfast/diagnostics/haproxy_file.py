"""A tolerant reader of HAProxy configuration: sections, their lines, and the defaults that they inherit."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from holdfast.diagnostics.proxy_files import Loaded, Source

_SECTIONS: Final = frozenset(
    {"global", "defaults", "frontend", "backend", "listen", "peers", "resolvers", "userlist", "mailers", "program"}
    | {"cache", "ring", "http-errors", "fcgi-app", "log-forward", "crt-store", "traces", "acme", "log-profile"}
)
_UNITS: Final = {"us": 0.000001, "ms": 0.001, "": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TIME: Final = re.compile(r"(\d{1,12})(us|ms|[smhd]?)")


@dataclass(frozen=True, slots=True)
class Line:
    """One line's words, and where it stands."""

    words: tuple[str, ...]
    place: str


@dataclass(slots=True)
class Section:
    """One section; `defaults` are those it inherits from."""

    kind: str
    name: str
    lines: list[Line] = field(default_factory=list)
    defaults: Section | None = None

    def find(self, *start: str) -> Line | None:
        """Return the last line that starts with these words, here or else in the defaults."""
        section: Section | None = self
        while section is not None:
            if found := section.own(*start):
                return found[-1]
            section = section.defaults
        return None

    def own(self, *start: str) -> list[Line]:
        """Return this section's own lines that start with these words."""
        return [one for one in self.lines if one.words[: len(start)] == start]


@dataclass(slots=True)
class Sections:
    """The sections of all files, and what was odd in them."""

    sections: list[Section] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def of(self, *kinds: str) -> list[Section]:
        """Return the sections of these kinds."""
        return [one for one in self.sections if one.kind in kinds]


def read_haproxy(loaded: Loaded) -> Sections:
    """Return the sections of files, read in their order as HAProxy does."""
    found = Sections(faults=list(loaded.faults))
    for source in loaded.sources:
        _read(source, found)
    return found


def seconds(text: str) -> float | None:
    """Return a time such as `5000` (milliseconds), `60s`, `1h` in seconds, None for anything else."""
    match = _TIME.fullmatch(text)
    return int(match[1]) * _UNITS[match[2]] if match else None


def _read(source: Source, found: Sections) -> None:
    current: Section | None = None
    for number, text in enumerate(_joined(source.text), 1):
        place = f"{source.path.name}:{number}"
        try:
            words = tuple(shlex.split(text, comments=True))
        except ValueError as error:
            found.faults.append(f"{place}: {str(error).lower()}")
            continue
        if not words or words[0].startswith("."):  # .if and its kin
            continue
        if words[0] in _SECTIONS:
            current = _section(words, found.sections)
            found.sections.append(current)
        elif current is None:
            found.faults.append(f"{place}: `{words[0][:40]}` stands in no section")
        else:
            current.lines.append(Line(words, place))


def _section(words: tuple[str, ...], before: Iterable[Section]) -> Section:
    kind = words[0]
    names = words[1:]
    name = names[0] if names and names[0] != "from" else ""
    wanted = words[words.index("from") + 1] if "from" in words[1:-1] else ""
    inherited: Section | None = None
    if kind in {"frontend", "backend", "listen"} or (kind == "defaults" and wanted):
        candidates = [one for one in before if one.kind == "defaults" and (not wanted or one.name == wanted)]
        inherited = candidates[-1] if candidates else None
    return Section(kind, name, defaults=inherited)


def _joined(text: str) -> list[str]:
    """Return the lines; one that ends in a backslash goes on in the next, whose number stays free."""
    lines: list[str] = []
    held = ""
    for one in text.splitlines():
        if one.endswith("\\"):
            held += one[:-1] + " "
            lines.append("")
        else:
            lines.append(held + one)
            held = ""
    return lines if not held else [*lines, held]
