from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.monitoring import proc_files
from holdfast.monitoring.proc_files import read, read_number, read_numbers
from tests.unit.monitoring.conftest import Write


def test_what_is_not_there_is_nothing(tmp_path: Path) -> None:
    """Neither a missing file nor a folder is an error."""
    assert read(str(tmp_path / "missing")) is None
    assert read(str(tmp_path)) is None
    assert read_number(str(tmp_path / "missing")) is None
    assert read_numbers(str(tmp_path / "missing")) == []


def test_file_is_read_to_its_end(tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """However little the kernel gives at a time."""
    write("file", "one two three\n")
    monkeypatch.setattr(proc_files, "_CHUNK", 3)

    assert read(str(tmp_path / "file")) == "one two three\n"


@pytest.mark.parametrize(
    ("text", "numbers"), [("12\n", [12]), ("1 2\t3\n", [1, 2, 3]), ("max\n", []), ("7 seven 8", [7]), ("", [])]
)
def test_numbers_are_read_up_to_the_first_other_word(
    tmp_path: Path, write: Write, text: str, numbers: list[int]
) -> None:
    """Version 2 of control groups says `max` for no limit."""
    write("file", text)

    assert read_numbers(str(tmp_path / "file")) == numbers
    assert read_number(str(tmp_path / "file")) == (numbers[0] if numbers else None)
