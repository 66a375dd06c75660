"""A tolerant reader of nginx configuration: directives and blocks, no meaning.

crossplane, nginx's own parser in Python, has had no release since 2022 and refuses files that nginx takes (Lua blocks
of ingress-nginx among them); what is needed here is little, and must survive any file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from holdfast.diagnostics.proxy_files import MOST_FILES, Loaded, Source

# Together below what the interpreter allows to be nested.
DEEPEST: Final = 32
DEEPEST_INCLUDE: Final = 8

_SPACE: Final = re.compile(r"(?:\s+|#[^\n]*)+")
_WORD: Final = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|(?:\\.|\$\{[^}\s]*\}|[^\s{};\\])+', re.DOTALL)
_BRACE: Final = re.compile(r"[{}]")
_DAYS: Final = {"d": 86400.0, "w": 604800.0, "M": 2592000.0, "y": 31536000.0}
_UNITS: Final = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0} | _DAYS
_LONGEST_TIME: Final = 40
_TIME: Final = re.compile(r"(\d+)(ms|[smhdwMy]?)\s*")


@dataclass(slots=True)
class Directive:
    """One directive: its name, its arguments, where it stands, and what its block holds, None without a block."""

    name: str
    args: tuple[str, ...]
    place: str
    block: list[Directive] | None = None


@dataclass(slots=True)
class Tree:
    """The directives of all files, and what was odd in them."""

    directives: list[Directive] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def read_nginx(loaded: Loaded, include: Callable[[str], Loaded]) -> Tree:
    """Return the directives of files as one list, with what they include in place."""
    return _Reader(include, list(loaded.faults)).read(loaded)


def named(directives: Iterable[Directive], name: str) -> list[Directive]:
    """Return the directives of this name, in their order."""
    return [one for one in directives if one.name == name]


def seconds(text: str) -> float | None:
    """Return a time such as `60`, `90s`, `1h30m` in seconds, None for anything else."""
    if len(text) > _LONGEST_TIME:
        return None
    total, position = 0.0, 0
    while position < len(text):
        match = _TIME.match(text, position)
        if match is None or match.end() == position:
            return None
        total += int(match[1]) * _UNITS[match[2]]
        position = match.end()
    return total if text else None


# Private


class _Reader:
    def __init__(self, include: Callable[[str], Loaded], faults: list[str]) -> None:
        self._include = include
        self._faults = faults
        self._included = 0

    def read(self, loaded: Loaded) -> Tree:
        directives = [
            one for source in loaded.sources for one in self._expanded(parse(source, self._faults), (str(source.path),))
        ]
        return Tree(directives, self._faults)

    def _expanded(self, directives: list[Directive], way: tuple[str, ...]) -> list[Directive]:
        """Return directives with what they include; `way` are the files that led here."""
        found: list[Directive] = []
        for one in directives:
            if one.block is not None:
                one.block = self._expanded(one.block, way)
            if one.name == "include" and len(one.args) == 1:
                found += self._contents(one, way)
            else:
                found.append(one)
        return found

    def _contents(self, directive: Directive, way: tuple[str, ...]) -> list[Directive]:
        loaded = self._include(directive.args[0])
        self._faults += [f"{directive.place}: {fault}" for fault in loaded.faults]
        found: list[Directive] = []
        for source in loaded.sources:
            self._included += 1
            # A snippet may be included again and again, but not by itself, and not without end.
            if str(source.path) in way or len(way) > DEEPEST_INCLUDE or self._included > MOST_FILES:
                self._faults.append(f"{directive.place}: includes too much, or itself")
                break
            found += self._expanded(parse(source, self._faults), (*way, str(source.path)))
        return found


def parse(source: Source, faults: list[str]) -> list[Directive]:
    """Return what one file says; where it is broken, what can be made out of it."""
    text, name = source.text, source.path.name
    root: list[Directive] = []
    stack = [root]
    words: list[str] = []
    line, counted, position = 1, 0, 0
    while position < len(text):
        if space := _SPACE.match(text, position):
            position = space.end()
        elif word := _WORD.match(text, position):
            if not words:
                line, counted = line + text.count("\n", counted, position), position
            words.append(_plain(word[0]))
            position = word.end()
        else:
            mark = text[position]
            position = _end_of_lua(text, position) if mark == "{" and _is_lua(words) else position + 1
            _take(mark, words, f"{name}:{line}", stack, faults)
            words = []
    if words or len(stack) > 1:
        faults.append(f"{name} ends in the middle of `{' '.join(words)[:60] or stack[-2][-1].name}`")
    return root


def _take(mark: str, words: list[str], place: str, stack: list[list[Directive]], faults: list[str]) -> None:
    """End a directive, open a block or close one."""
    if words:
        directive = Directive(words[0], tuple(words[1:]), place)
        stack[-1].append(directive)
        if mark == "{" and not _is_lua(words):
            _open(directive, stack, faults)
        elif mark == "}":
            faults.append(f"{place}: `{words[0][:60]}` lacks its `;`")
    elif mark == "{":
        faults.append(f"{place}: a block without a name")
        directive = Directive("", (), place)
        stack[-1].append(directive)
        _open(directive, stack, faults)
    if mark == "}" and len(stack) > 1:
        stack.pop()
    elif mark not in "{;":
        faults.append(f"{place}: a `{mark}` that is not expected")


def _open(directive: Directive, stack: list[list[Directive]], faults: list[str]) -> None:
    directive.block = []
    # Deeper blocks than anybody writes are taken as one, so that nothing recurses without end.
    stack.append(directive.block if len(stack) < DEEPEST else stack[-1])
    if len(stack) == DEEPEST:
        faults.append(f"{directive.place}: blocks are nested too deeply")


def _plain(word: str) -> str:
    return word[1:-1].replace(f"\\{word[0]}", word[0]) if word[0] in "\"'" and len(word) > 1 else word


def _is_lua(words: list[str]) -> bool:
    return bool(words) and words[0].endswith("_by_lua_block")


def _end_of_lua(text: str, position: int) -> int:
    """Return where a block of another language ends, by its braces alone."""
    depth = 0
    for match in _BRACE.finditer(text, position):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return match.end()
    return len(text)
