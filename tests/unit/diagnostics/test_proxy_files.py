from __future__ import annotations

import os
from pathlib import Path

import pytest

from holdfast.diagnostics.proxy_files import MOST_BYTES, MOST_FILES, load, load_included

PATTERNS = ("*.conf", "sites-enabled/*")


def texts(folder: Path, main: str = "nginx.conf") -> list[str]:
    """Return what is loaded of a folder."""
    return [one.text for one in load(folder, main, PATTERNS).sources]


def test_file_is_loaded(tmp_path: Path) -> None:
    """A file is itself, whatever its name."""
    path = tmp_path / "any"
    path.write_text("a;")

    assert texts(path) == ["a;"]


def test_folder_is_its_main_file(tmp_path: Path) -> None:
    """What else belongs to it, the main file includes."""
    (tmp_path / "nginx.conf").write_text("main")
    (tmp_path / "other.conf").write_text("other")

    assert texts(tmp_path) == ["main"]


def test_folder_without_a_main_file_is_all_that_fits(tmp_path: Path) -> None:
    """In the order of their names, those in `sites-enabled` whatever they are called."""
    (tmp_path / "sites-enabled").mkdir()
    for name in ("b.conf", "a.conf", "sites-enabled/site", "readme.txt"):
        (tmp_path / name).write_text(name)

    assert texts(tmp_path) == ["a.conf", "b.conf", "sites-enabled/site"]


@pytest.mark.parametrize(
    ("data", "fault"), [(None, "No such file"), (b"\0binary", "is no text"), (b"x" * (MOST_BYTES + 1), "larger")]
)
def test_what_cannot_be_read_is_a_fault(tmp_path: Path, data: bytes | None, fault: str) -> None:
    """Missing, binary and endless files are told, not raised."""
    path = tmp_path / "x.conf"
    if data is not None:
        path.write_bytes(data)
    loaded = load(path, "nginx.conf", PATTERNS)

    assert loaded.sources == []
    assert fault in loaded.faults[0]


def test_name_that_is_too_long_is_a_fault(tmp_path: Path) -> None:
    """An include may name anything."""
    assert load(tmp_path / ("x" * 5000), "nginx.conf", PATTERNS).faults
    assert load_included(tmp_path, "x" * 5000).faults


def test_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """A pipe nobody writes to would hang for ever."""
    os.mkfifo(tmp_path / "pipe")

    assert "is no file" in load(tmp_path / "pipe", "nginx.conf", PATTERNS).faults[0]


def test_empty_folder_is_a_fault(tmp_path: Path) -> None:
    """A folder with nothing in it is the wrong one."""
    assert "holds no nginx.conf" in load(tmp_path, "nginx.conf", PATTERNS).faults[0]


def test_bytes_that_are_no_utf8_are_read(tmp_path: Path) -> None:
    """A comment in another encoding does no harm."""
    (tmp_path / "x").write_bytes(b"# \xe4\na;")

    assert "a;" in texts(tmp_path / "x")[0]


def test_too_many_files_are_a_fault(tmp_path: Path) -> None:
    """A folder that is not a configuration's is not read to its end."""
    for number in range(MOST_FILES + 1):
        (tmp_path / f"{number}.conf").touch()
    loaded = load(tmp_path, "nginx.conf", PATTERNS)

    assert len(loaded.sources) == MOST_FILES
    assert loaded.faults


def test_included_patterns_may_match_nothing(tmp_path: Path) -> None:
    """A pattern without a match is fine, a name without a file is a fault; absolute paths stay what they are."""
    (tmp_path / "a.conf").write_text("a;")

    assert [one.text for one in load_included(tmp_path, "*.conf").sources] == ["a;"]
    assert load_included(tmp_path, "none/*.conf").faults == []
    assert load_included(tmp_path, "mime.types").faults
    assert [one.text for one in load_included(Path("/nowhere"), str(tmp_path / "a.conf")).sources] == ["a;"]
