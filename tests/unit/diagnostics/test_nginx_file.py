from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.diagnostics.nginx_file import DEEPEST, Directive, Tree, named, parse, read_nginx, seconds
from holdfast.diagnostics.proxy_files import MOST_FILES, Loaded, Source


def read(text: str, **included: str) -> Tree:
    """Read a text whose `include NAME;` finds the other texts."""

    def include(name: str) -> Loaded:
        return Loaded([Source(Path(name), included[name])] if name in included else [], [])

    return read_nginx(Loaded([Source(Path("main.conf"), text)]), include)


def test_directives_have_arguments_blocks_and_places() -> None:
    """Words, quotes, comments and blocks are told apart, and each directive knows its line."""
    tree = read("a 1 'two words' \"it's\"; # no b;\n\nc {\n  d; e ${f}g ~ ^/x;\n}\n")
    a, c = tree.directives

    assert (a.name, a.args, a.place) == ("a", ("1", "two words", "it's"), "main.conf:1")
    assert c.place == "main.conf:3"
    assert c.block is not None
    assert [(one.name, one.args, one.place) for one in c.block] == [
        ("d", (), "main.conf:4"),
        ("e", ("${f}g", "~", "^/x"), "main.conf:4"),
    ]
    assert tree.faults == []


def test_lua_blocks_are_passed_over() -> None:
    """What stands in another language is not read, its braces and quotes included."""
    tree = read("a { content_by_lua_block { local t = {} -- it's\n if t then x({1}) end } b; } c;")

    assert [one.name for one in tree.directives] == ["a", "c"]
    assert [one.name for one in tree.directives[0].block or []] == ["content_by_lua_block", "b"]
    assert tree.faults == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a {", "ends in the middle of `a`"),
        ("a b", "ends in the middle of `a b`"),
        ("a { b }", "`b` lacks its `;`"),
        ("a; }", "a `}` that is not expected"),
        ("{ a; }", "a block without a name"),
        ("a " + "{ a " * 200 + "b;" + "}" * 200, "nested too deeply"),
    ],
)
def test_broken_text_is_a_fault(text: str, fault: str) -> None:
    """What is wrong is told with its place, and the rest is read."""
    tree = read(text)

    assert any(fault in one for one in tree.faults)
    assert bool(tree.directives) is (";" in text or "{" in text)


def test_includes_stand_in_place() -> None:
    """What a file includes counts where the include stands, as often as it does."""
    tree = read("a; include x; b { include x; }", x="c;")

    assert [one.name for one in tree.directives] == ["a", "c", "b"]
    assert [one.name for one in tree.directives[-1].block or []] == ["c"]


@pytest.mark.parametrize(
    "files", [{"x": "include x;"}, {"x": "include y; include y;", "y": "include x;"}, {"x": "a { include x; }"}]
)
def test_includes_that_lead_back_end(files: dict[str, str]) -> None:
    """A file that includes itself is a fault and no endless loop."""
    assert any("itself" in one for one in read("include x;", **files).faults)


def test_includes_within_deep_blocks_end() -> None:
    """Files that nest deeply and include others that do so are read to a depth that does no harm."""
    files = {f"f{depth}": "a { " * 60 + f"include f{depth + 1};" + " }" * 60 for depth in range(60)}

    assert read("include f0;", **files).faults


def test_includes_that_double_end() -> None:
    """Files that include the next one twice do not cost two to the power of their number."""
    files = {f"f{number}": f"include f{number + 1}; include f{number + 1};" for number in range(40)}
    tree = read("include f0;", **files)

    assert len(tree.faults) <= 2 * MOST_FILES


def test_named_finds_all_of_a_name() -> None:
    """In their order, on one level."""
    assert [one.args for one in named(read("a 1; b { a 2; } a 3;").directives, "a")] == [("1",), ("3",)]


@pytest.mark.parametrize(
    ("text", "value"),
    [("60", 60.0), ("90s", 90.0), ("1h30m", 5400.0), ("500ms", 0.5), ("1d", 86400.0), ("1M", 2592000.0)],
)
def test_seconds_read_times(text: str, value: float) -> None:
    """Units as nginx has them, seconds without one."""
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "soon", "$timeout", "-1", "1x", "1 hour", "9" * 5000])
def test_seconds_of_other_texts_are_none(text: str) -> None:
    """What is no time is not guessed at."""
    assert seconds(text) is None


@given(st.text(st.sampled_from("ab;{}\"'\\# \n$_") | st.characters(), max_size=300))
def test_any_text_is_read(text: str) -> None:
    """No text makes the reader fail, nor nest deeper than it may."""
    faults: list[str] = []

    def depth(directives: list[Directive]) -> int:
        return 1 + max((depth(one.block) for one in directives if one.block), default=0)

    assert depth(parse(Source(Path("x"), text), faults)) <= DEEPEST + 1
