from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from holdfast.settings_logs import LogSettings
from holdfast.telemetry.log_file import LOOK_SECONDS, RETRY_SECONDS, Clocks, LogFile
from tests.brokers import Clock

NOW = 1_700_000_000.0


class World:
    """A log file in a folder of its own, with a clock and a standard error to look at."""

    def __init__(self, path: Path, **settings: Any) -> None:
        self.path = path
        self.clock = Clock(NOW)
        self.stderr = io.StringIO()
        clocks = Clocks(self.clock, self.clock)
        self.file = LogFile(LogSettings(**settings), path, clocks, lambda level, event, why: f"{level} {event}: {why}")
        self.file.fallback = self.stderr

    def text(self, number: int = 0) -> str:
        """Return what is in the file, or in an older one."""
        return (self.path.with_name(f"{self.path.name}.{number}") if number else self.path).read_text()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log file is."""
    return tmp_path / "gateway.log"


def full(monkeypatch: pytest.MonkeyPatch, room: list[int]) -> None:
    """Give the disk room for so many bytes more."""
    real = os.write

    def write(fd: int, data: bytes) -> int:
        if not data:
            return 0
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done = real(fd, data[: room[0]])
        room[0] -= done
        return done

    monkeypatch.setattr(os, "write", write)


def test_file_is_appended_to(path: Path) -> None:
    """What was there before stays."""
    path.write_text("old\n")
    world = World(path)
    world.file.write("a\n")
    world.file.write("b\n")
    world.file.flush()

    assert world.text() == "old\na\nb\n"


@pytest.mark.parametrize(("umask", "mode"), [(0o000, 0o640), (0o022, 0o640), (0o077, 0o600)])
def test_file_is_never_readable_by_everybody(path: Path, umask: int, mode: int) -> None:
    """Owner and group alone, whatever the process' umask."""
    before = os.umask(umask)
    try:
        World(path).file.write("a\n")
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_file_that_everybody_could_read_is_closed_to_them(path: Path) -> None:
    """One made beforehand with the usual mode too."""
    path.touch(0o644)
    path.chmod(0o644)
    World(path).file.write("a\n")

    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_rotation_by_size_keeps_so_many(path: Path) -> None:
    """A new file begins before the lines that would go over; the oldest goes."""
    world = World(path, max_bytes=8, keep=2)
    for word in ("aaaaa", "bbbbb", "ccccc", "ddddd"):
        world.file.write(f"{word}\n")

    assert [world.text(number) for number in (0, 1, 2)] == ["ddddd\n", "ccccc\n", "bbbbb\n"]
    assert sorted(one.name for one in path.parent.iterdir()) == ["gateway.log", "gateway.log.1", "gateway.log.2"]


def test_rotation_counts_what_was_there_before(path: Path) -> None:
    """A restart does not begin to count anew."""
    path.write_text("x" * 7 + "\n")
    world = World(path, max_bytes=8)
    world.file.write("a\n")

    assert world.text() == "a\n"


def test_write_larger_than_the_limit_goes_into_one_file(path: Path) -> None:
    """Lines are not torn, and no empty files made."""
    world = World(path, max_bytes=4)
    world.file.write("aaaaaaaaaa\n")

    assert world.text() == "aaaaaaaaaa\n"
    assert not path.with_name("gateway.log.1").exists()


@pytest.mark.parametrize("first", ['{"time": "2023-11-14T22:13:20.000Z"}', "2023-11-14T22:13:20.123Z [info] x", ""])
def test_rotation_by_age_counts_from_the_first_line(path: Path, first: str) -> None:
    """Over a restart too, in both formats; a new file begins with its first line."""
    if first:
        path.write_text(f"{first}\n")
    world = World(path, max_age="60s")
    world.file.write("a\n")
    world.clock.advance(59.0)
    world.file.write("b\n")
    assert not path.with_name("gateway.log.1").exists()
    world.clock.advance(1.5)
    world.file.write("c\n")

    assert world.text() == "c\n"
    assert world.text(1).endswith("a\nb\n")


def test_age_of_a_strange_file_is_that_of_its_last_change(path: Path) -> None:
    """Where no line tells."""
    path.write_text("hello\n")
    os.utime(path, (NOW - 100, NOW - 100))
    world = World(path, max_age="60s")
    world.file.write("a\n")

    assert (world.text(), world.text(1)) == ("a\n", "hello\n")


def test_files_over_a_lowered_number_go(path: Path) -> None:
    """Those left from when more were kept."""
    for number in range(1, 6):
        path.with_name(f"gateway.log.{number}").touch()
    world = World(path, max_bytes=1, keep=2)
    world.file.write("a\n")
    world.file.write("b\n")

    assert sorted(one.name for one in path.parent.iterdir()) == ["gateway.log", "gateway.log.1", "gateway.log.2"]


def test_reopen_follows_the_name(path: Path) -> None:
    """After somebody moved the file away, lines go to a new one."""
    world = World(path)
    world.file.write("a\n")
    path.rename(path.with_name("moved"))
    world.file.reopen()
    world.file.write("b\n")

    assert (path.with_name("moved").read_text(), world.text()) == ("a\n", "b\n")


def test_file_moved_without_a_word_is_found_out(path: Path) -> None:
    """A rotation that forgot the signal costs a second of lines in the old file, not all of them."""
    world = World(path)
    world.file.write("a\n")
    path.rename(path.with_name("moved"))
    world.file.write("b\n")
    world.clock.advance(LOOK_SECONDS)
    world.file.write("c\n")

    assert (path.with_name("moved").read_text(), world.text()) == ("a\nb\n", "c\n")


def test_two_that_rotate_one_file_do_not_push_each_other(path: Path) -> None:
    """Whoever comes second goes along with the new file instead of rotating it again."""
    first, second = World(path, max_bytes=8), World(path, max_bytes=8)
    first.file.write("aaaaa\n")
    second.file.write("b\n")
    first.file.write("ccccc\n")
    second.file.write("ddddddd\n")

    assert second.text(1) == "aaaaa\nb\n"
    assert not path.with_name("gateway.log.2").exists()


def test_full_disk_sends_lines_to_standard_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says why; a line that was cut is told whole; later the file goes on with a line of its own."""
    room = [4]
    world = World(path)
    full(monkeypatch, room)
    world.file.write("aa\nbb\ncc\n")
    world.file.write("dd\n")

    assert world.stderr.getvalue() == "error log_file_failed: No space left on device\nbb\ncc\ndd\n"
    assert world.text() == "aa\nb"

    room[0] = 1000
    world.clock.advance(RETRY_SECONDS)
    world.file.write("ee\n")
    world.file.write("ff\n")

    assert world.text() == "aa\nb\nwarning log_file_back: lines between went to standard error\nee\nff\n"
    assert world.file.failures == 1


def test_full_disk_is_told_once_however_often_it_is_tried(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines go on, the complaint does not."""
    world = World(path)
    full(monkeypatch, [0])
    for _ in range(5):
        world.file.write("a\n")
        world.clock.advance(RETRY_SECONDS)

    assert world.stderr.getvalue().count("log_file_failed") == 1
    assert world.stderr.getvalue().count("a\n") == 5
    assert world.file.failures == 5


def test_folder_that_is_gone_stops_nothing(tmp_path: Path) -> None:
    """Lines go to standard error until it is back."""
    folder = tmp_path / "logs"
    folder.mkdir()
    world = World(folder / "gateway.log")
    world.file.write("a\n")
    (folder / "gateway.log").unlink()
    folder.rmdir()
    world.clock.advance(LOOK_SECONDS)
    world.file.write("b\n")

    assert world.stderr.getvalue() == "error log_file_failed: No such file or directory\nb\n"

    folder.mkdir()
    world.clock.advance(RETRY_SECONDS)
    world.file.write("c\n")
    assert world.text().endswith("c\n")


def test_rotation_that_fails_keeps_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too large is better than lost; it is tried again after a while."""
    world = World(path, max_bytes=4)
    world.file.write("aaaa\n")

    def refuse(*_: object) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        world.file.write("b\n")
        world.file.write("c\n")

    assert world.text() == "aaaa\nb\nc\n"
    assert world.stderr.getvalue() == "warning log_file_not_rotated: Permission denied\n"

    world.clock.advance(RETRY_SECONDS)
    world.file.write("d\n")
    assert world.text() == "d\n"


def test_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    """A folder or a pipe cannot be rotated, and a pipe without a reader would stop the thread."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    world = World(pipe)
    world.file.write("a\n")
    os.close(reader)

    assert world.stderr.getvalue() == "error log_file_failed: it is no regular file\na\n"

    world = World(tmp_path)
    world.file.write("a\n")
    assert "Is a directory" in world.stderr.getvalue()


def test_standard_error_that_is_gone_is_survived(tmp_path: Path) -> None:
    """Nobody is left to tell."""
    world = World(tmp_path / "gone" / "gateway.log")
    world.stderr.close()

    world.file.write("a\n")


def test_standard_error_of_a_small_encoding_gets_escapes(tmp_path: Path) -> None:
    """As the writer does it."""
    world = World(tmp_path / "gone" / "gateway.log")
    raw = io.BytesIO()
    world.file.fallback = io.TextIOWrapper(raw, encoding="ascii", newline="\n")
    world.file.write("naïve\n")

    assert raw.getvalue().endswith(b"na\\xefve\n")


def test_lone_surrogate_is_escaped(path: Path) -> None:
    """What is no text cannot stop the writing."""
    world = World(path)
    world.file.write("a\udcffb\n")

    assert world.text() == "a\\udcffb\n"
