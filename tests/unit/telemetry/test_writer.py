"""The writer: lines come out in order, and nobody waits or fails."""

import io
import threading

import pytest

from holdfast.telemetry import writer as module
from holdfast.telemetry.writer import Writer


class Stuck(io.StringIO):
    """A stream whose reader does not read until `go` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.reached = threading.Event()

    def write(self, text: str) -> int:
        """Block, then write."""
        self.reached.set()
        assert self.go.wait(10)
        return super().write(text)


def test_write_is_immediate_before_start() -> None:
    """Without a thread a line is out when the call returns."""
    stream = io.StringIO()
    Writer(stream).write("line")

    assert stream.getvalue() == "line\n"


def test_stop_flushes_what_waits() -> None:
    """Lines given to the thread are out, in order, after stop."""
    stream = io.StringIO()
    writer = Writer(stream)
    writer.start()
    writer.start()
    for number in range(1000):
        writer.write(str(number))
    writer.stop()
    writer.stop()

    assert stream.getvalue().split() == [str(number) for number in range(1000)]
    writer.write("direct")
    assert stream.getvalue().endswith("direct\n")


def test_write_keeps_so_many_bytes_for_a_stuck_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few long lines are as much as many short ones; once they are out, others have room."""
    monkeypatch.setattr(module, "_MOST_BYTES", 10_000)
    stream = Stuck()
    writer = Writer(stream, on_dropped=lambda count: f"dropped {count}")
    writer.start()
    writer.write("first")
    assert stream.reached.wait(10)
    for _ in range(10):
        writer.write("x" * 4000)
    assert writer.dropped == 7
    stream.go.set()
    writer.stop()
    writer.start()
    writer.write("last")
    writer.stop()
    lines = stream.getvalue().split("\n")

    assert [len(line) for line in lines].count(4000) == 3
    assert "dropped 7" in lines
    assert "last" in lines


def test_write_never_waits_for_a_stuck_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit lines are dropped, and their number is told when there is room again."""
    monkeypatch.setattr(module, "_MOST_WAITING", 10)
    stream = Stuck()
    writer = Writer(stream, on_dropped=lambda count: f"dropped {count}")
    writer.start()
    writer.write("first")
    assert stream.reached.wait(10)
    for number in range(50):
        writer.write(str(number))
    stream.go.set()
    writer.stop()

    assert stream.getvalue().split("\n") == ["first", *map(str, range(10)), "dropped 40", ""]
    assert writer.dropped == 40


def test_write_survives_a_closed_stream() -> None:
    """A log nobody can read stops nothing."""
    stream = io.StringIO()
    stream.close()

    Writer(stream).write("line")


def test_write_survives_an_encoding_that_is_too_small() -> None:
    """What the stream cannot encode is escaped."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="\n")
    Writer(stream).write("naïve \udcff")

    assert stream.buffer.getvalue() == b"na\\xefve \\udcff\n"


def test_writer_uses_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a stream lines go where standard error is now."""
    Writer().write("line")

    assert capsys.readouterr().err == "line\n"


@pytest.mark.parametrize("in_background", [True, False])
def test_work_between_lines_is_done_where_it_was_asked(in_background: bool) -> None:
    """Behind all lines before it and before all lines after it."""
    stream = io.StringIO()
    writer = Writer(stream)
    if in_background:
        writer.start()
    for number in range(600):
        writer.write(str(number))
        if number == 300:
            writer.between_lines(lambda: stream.write("here\n"))
    writer.stop()

    assert stream.getvalue().split() == [*map(str, range(301)), "here", *map(str, range(301, 600))]
