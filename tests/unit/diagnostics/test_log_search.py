from __future__ import annotations

import gzip
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from holdfast.diagnostics import log_search
from holdfast.diagnostics.log_search import ALL, lines_in, search, with_rotated
from holdfast.diagnostics.timeline import Span, Subject

ATTEMPT = "0123456789abcdef0123456789abcdef"
CLIENT = "fedcba9876543210fedcba9876543210"


def line_of(second: int, event: str = "happened", **fields: Any) -> str:
    """Return a log line of a second in one hour."""
    time = f"2023-11-14T22:{second // 60:02}:{second % 60:02}.000Z"
    return json.dumps({"time": time, "level": "info", "event": event, **fields}, ensure_ascii=False) + "\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log file is."""
    return tmp_path / "gateway.log"


def whats(path: Path, subject: str, span: Span = ALL) -> list[str]:
    """Return the events found in one file."""
    return [entry.what for found in search([path], Subject(subject), span) for entry in found.entries]


def test_rotated_files_are_found_oldest_first(path: Path) -> None:
    """By number or by date, packed or not, each once, and no others."""
    names = ["gateway.log.2.gz", "gateway.log-20231113", "gateway.log.1", "gateway.log"]
    for age, name in enumerate(reversed(names)):
        (path.parent / name).write_text("x")
        os.utime(path.parent / name, (1000 - age, 1000 - age))
    (path.parent / "gateway.log.old").write_text("x")
    (path.parent / "gateway.log.3").mkdir()
    os.link(path, path.parent / "gateway.log.9")

    assert sorted(one.name.replace(".9", "") for one in with_rotated(path)) == sorted(names)
    assert [one.name for one in with_rotated(path)][:3] == names[:3]
    assert with_rotated(path.parent / "gone" / "x.log") == []


def test_lines_of_a_subject_are_found(path: Path) -> None:
    """And nobody else's, however alike."""
    path.write_text(line_of(1, "a", user="42") + line_of(2, "b", user="142") + line_of(3, "c", note="42"))
    found = search([path], Subject("42"))[0]

    assert [entry.what for entry in found.entries] == ["a"]
    assert (found.matches, found.note) == (1, "")
    assert found.oldest == 1_699_999_201.0


def test_line_before_the_one_that_joins_ids_is_found(path: Path) -> None:
    """The handshake has the attempt alone; what tells whose it was comes at the end."""
    path.write_text(
        line_of(1, "before", attempt=ATTEMPT)
        + line_of(2, "between", client=CLIENT)
        + line_of(3, "connection_closed", attempt=ATTEMPT, client=CLIENT, user="anna")
    )

    for subject in ("anna", ATTEMPT, CLIENT):
        assert whats(path, subject) == ["before", "between", "connection_closed"]


def test_many_ids_are_found_as_few_are(path: Path) -> None:
    """A user who came a thousand times."""
    ids = [f"{number:032x}" for number in range(100)]
    path.write_text(
        "".join(line_of(n % 60, "refused", attempt=one) for n, one in enumerate(ids))
        + line_of(1, "other", attempt="f" * 32)
        + "".join(line_of(n % 60, "closed", attempt=one, user="anna") for n, one in enumerate(ids))
    )

    assert sorted(whats(path, "anna")) == ["closed"] * 100 + ["refused"] * 100


@pytest.mark.parametrize("user", ['say "hi"', "naïve", "a\\b", "line\nbreak", "\ud800"])
def test_strange_user_is_found(path: Path, user: str) -> None:
    """As JSON writes it."""
    path.write_bytes(line_of(1, "a", user=user).encode("utf-8", "backslashreplace"))

    assert whats(path, user) == ["a"]


def test_packed_file_is_read(path: Path) -> None:
    """As logrotate leaves it."""
    packed = path.with_name("gateway.log.1.gz")
    packed.write_bytes(gzip.compress(line_of(1, "a", user="42").encode()))

    assert whats(packed, "42") == ["a"]


def test_damaged_file_gives_what_it_can(path: Path) -> None:
    """And says so."""
    packed = path.with_name("gateway.log.1.gz")
    whole = gzip.compress(
        "".join(line_of(n % 60, "a", user="42", r=os.urandom(30).hex()) for n in range(50_000)).encode()
    )
    packed.write_bytes(whole[: len(whole) - 1000])
    found = search([packed], Subject("42"))[0]

    assert found.matches > 0
    assert found.note


def test_text_file_is_named_as_such(path: Path) -> None:
    """Lines for people cannot be searched."""
    path.write_text("2023-11-14T22:13:20.000Z [info     ] happened user=42\n")
    found = search([path], Subject("42"))[0]

    assert "log.format: json" in found.note
    assert found.oldest is None


def test_missing_and_empty_files_are_no_fault(path: Path) -> None:
    """One that vanished meanwhile, one that has nothing yet."""
    gone = search([path], Subject("42"))[0]
    path.touch()
    empty = search([path], Subject("42"))[0]

    assert gone.note == "No such file or directory"
    assert (empty.note, empty.oldest) == ("", None)


def test_rotation_meanwhile_hides_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All files are open before the first is read."""
    path.write_text(line_of(2, "new", user="42"))
    path.with_name("gateway.log.1").write_text(line_of(1, "old", user="42"))
    read = log_search.lines_in

    def rotating(*arguments: Any) -> Any:
        if path.exists():
            path.with_name("gateway.log.1").rename(path.with_name("gateway.log.2"))
            path.rename(path.with_name("gateway.log.1"))
        return read(*arguments)

    monkeypatch.setattr(log_search, "lines_in", rotating)
    found = search([path.with_name("gateway.log.1"), path], Subject("42"))

    assert [entry.what for one in found for entry in one.entries] == ["old", "new"]


def test_torn_and_strange_lines_are_passed_over(path: Path) -> None:
    """A full disk leaves half a line; a collector writes before each; the last may have no end."""
    path.write_text(
        '{"time": "2023-11-14T22:00:00.000Z", "user": "42", "ev\n'
        + '[1, "42"]\n"42"\n'
        + "Nov 14 host holdfast[7]: "
        + line_of(1, "a", user="42")
        + line_of(2, "b", user="42").rstrip("\n")
    )

    assert whats(path, "42") == ["a", "b"]


def test_span_leaves_out_what_was_before_and_after(path: Path) -> None:
    """Lines by their time, whole files by their last change."""
    path.write_text(line_of(1, "a", user="42") + line_of(30, "b", user="42"))
    middle = 1_699_999_200.0 + 10

    assert whats(path, "42", Span(middle)) == ["b"]
    assert whats(path, "42", Span(until=middle)) == ["a"]
    os.utime(path, (middle - 1, middle - 1))
    assert whats(path, "42", Span(middle)) == []


def test_what_the_log_left_out_is_counted(path: Path) -> None:
    """So that nobody takes a limited log for a whole one."""
    path.write_text(
        line_of(1, "repeated", of="command_refused", slug="permission_denied", count=7)
        + line_of(2, "repeated", of="command_refused", slug="permission_denied", count=3)
        + line_of(3, "log_lines_dropped", count=5)
    )
    found = search([path], Subject("42"))[0]

    assert found.left_out == {("command_refused", "permission_denied"): 10, ("any event", ""): 5}


def test_only_the_latest_matches_are_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory does not grow with the file; the number is still told."""
    monkeypatch.setattr(log_search, "MOST_ENTRIES", 3)
    path.write_text("".join(line_of(n, str(n), user="42") for n in range(10)))
    found = search([path], Subject("42"))[0]

    assert [entry.what for entry in found.entries] == ["7", "8", "9"]
    assert found.matches == 10


def test_lines_are_cut_right_whatever_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line over the edge of a block is whole; one without end is passed over."""
    monkeypatch.setattr(log_search, "_BLOCK_BYTES", 7)
    lines = [b"a" * length for length in range(1, 30)]

    assert list(lines_in(io.BytesIO(b"\n".join(lines)), lambda text: b"a" in text)) == lines

    monkeypatch.setattr(log_search, "_LONGEST_LINE", 50)
    endless = b"a" * 1000 + b"\nb\n"
    assert b"b" in list(lines_in(io.BytesIO(endless), lambda text: b"b" in text))[-1]
