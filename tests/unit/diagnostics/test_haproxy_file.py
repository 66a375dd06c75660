from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.diagnostics.haproxy_file import Sections, read_haproxy, seconds
from tests.unit.diagnostics.way import loaded


def read(text: str) -> Sections:
    """Read a text."""
    return read_haproxy(loaded(text))


def test_sections_have_lines_and_defaults() -> None:
    """A section inherits from the defaults before it, or from those it names; its own lines win."""
    found = read(
        "global\n maxconn 10\ndefaults one\n timeout client 1s\n timeout server 2s\nfrontend a\n timeout client 3s\n"
        "defaults two from one\n timeout server 4s\nbackend b\nbackend c from one\n"
    )
    _, _, front, _, second, third = found.sections

    assert [front.find("timeout", name).words[2] for name in ("client", "server")] == ["3s", "2s"]  # type: ignore[union-attr]  # they are there
    assert [second.find("timeout", name).words[2] for name in ("client", "server")] == ["1s", "4s"]  # type: ignore[union-attr]  # they are there
    assert third.find("timeout", "server").words[2] == "2s"  # type: ignore[union-attr]  # it is there
    assert third.find("timeout", "tunnel") is None
    assert found.of("global")[0].own("maxconn")[0].place == "proxy.conf:2"
    assert found.faults == []


def test_defaults_that_inherit_without_end_are_read() -> None:
    """However long the chain of defaults is, the first of them is found."""
    chain = "".join(f"defaults d{number + 1} from d{number}\n" for number in range(3000))
    found = read(f"defaults d0\n timeout client 7s\n{chain}backend b\n")

    assert found.sections[-1].find("timeout", "client") is not None


def test_lines_have_quotes_comments_and_continuations() -> None:
    """Words are those of HAProxy."""
    found = read("backend b\n  http-request set-header X 'a b' # c\n  server s \\\n  1.2.3.4:80\n .if true\n")

    assert [line.words for line in found.sections[0].lines] == [
        ("http-request", "set-header", "X", "a b"),
        ("server", "s", "1.2.3.4:80"),
    ]
    assert found.sections[0].lines[1].place == "proxy.conf:4"


@pytest.mark.parametrize(
    ("text", "fault"),
    [("timeout client 1s", "stands in no section"), ("backend b\n log 'x", "proxy.conf:2: no closing")],
)
def test_odd_lines_are_faults(text: str, fault: str) -> None:
    """What cannot be read is told with its place."""
    assert any(fault in one for one in read(text).faults)


@pytest.mark.parametrize(
    ("text", "value"),
    [("5000", 5.0), ("60s", 60.0), ("1h", 3600.0), ("250us", 0.00025), ("${T}", None), ("", None), ("9" * 5000, None)],
)
def test_seconds_read_times(text: str, value: float | None) -> None:
    """Milliseconds without a unit; a variable is not guessed at."""
    assert seconds(text) == value


@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    """No text makes the reader fail."""
    assert read("backend b\n" + text).sections
