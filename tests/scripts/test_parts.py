"""Tests of tests/parts.py."""

from __future__ import annotations

import pytest

from tests import parts


@pytest.fixture
def missing(monkeypatch) -> None:
    """Let there be a part that no machine has."""
    monkeypatch.setattr(parts, "find_part", lambda name: parts.Part(name, lambda: False, f"apt-get install {name}"))
    monkeypatch.setattr(parts, "MISSING", parts.Counter())
    monkeypatch.delenv("REQUIRE_PARTS", raising=False)


@pytest.mark.usefixtures("missing")
def test_require_skips_and_says_how_to_get_it():
    """The skip names the part and the command."""
    with pytest.raises(pytest.skip.Exception, match="unobtainium; install it with: apt-get install unobtainium"):
        parts.require("unobtainium")


@pytest.mark.usefixtures("missing")
def test_require_fails_where_everything_is_required(monkeypatch):
    """The full proof does not pass over anything."""
    monkeypatch.setenv("REQUIRE_PARTS", "1")

    with pytest.raises(pytest.fail.Exception, match="unobtainium"):
        parts.require("unobtainium")


@pytest.mark.usefixtures("missing")
def test_run_ends_with_what_was_missing():
    """Each part is listed with how often it was missed and how to get it."""
    lines: list[str] = []

    class Reporter:
        def section(self, title: str, **_: object) -> None:
            lines.append(title)

        def line(self, text: str) -> None:
            lines.append(text)

    for _ in range(2):
        with pytest.raises(pytest.skip.Exception):
            parts.require("unobtainium")
    parts.pytest_terminal_summary(Reporter())

    assert lines[0].startswith("NOT TESTED")
    assert lines[1] == ("unobtainium: 2 test(s) or module(s) skipped. Install it with: apt-get install unobtainium")


def test_part_that_is_there_lets_the_test_go_on(monkeypatch):
    """Nothing is recorded."""
    monkeypatch.setattr(parts, "find_part", lambda name: parts.Part(name, lambda: True, ""))
    before = dict(parts.MISSING)

    parts.require("python")

    assert dict(parts.MISSING) == before


@pytest.mark.parametrize("name", ["node", "nginx", "haproxy", "python2.7", "npm:tests/sdk"])
def test_parts_say_how_to_get_them(name):
    """Every part has a command."""
    assert parts.find_part(name).how


def test_answer_survives_a_missing_program():
    """A part that is not there is no error."""
    assert parts.answer("no-such-program") is None
    assert parts.answer("false") is None
