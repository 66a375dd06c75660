"""Tests of holdfast.cli.output."""

import pytest

from holdfast.cli.output import OutputError, columns, note, result, result_json, terminal_width


def test_columns_are_aligned_and_never_cut():
    """Every column is as wide as its widest cell."""
    long = "x" * 300

    lines = columns([("a", 1), (long, 22)], ("NAME", "N")).splitlines()

    assert lines[0] == "NAME" + " " * 296 + "  N"
    assert lines[2] == f"{long}  22"


def test_columns_that_do_not_fit_stand_below():
    """As few as it takes; short ones share a line, long ones are wrapped, nothing is cut."""
    rows = [("a", "first", "x" * 30, "y"), ("b", "second", "some words that need a second line here", "")]

    assert columns(rows, ("ID", "NAME", "LONG", "SHORT"), 24).splitlines() == [
        "ID  NAME",
        "a   first",
        "    " + "x" * 30,
        "    y",
        "b   second",
        "    some words that need",
        "    a second line here",
    ]


def test_columns_share_a_line_below():
    """Where there is room for both."""
    assert columns([("a" * 9, "b", "c")], ("ID", "B", "C"), 10).splitlines()[1:] == ["a" * 9, "    b  c"]


def test_columns_obey_no_cell():
    """Servers have a say in cells, and a terminal obeys what is not printable."""
    assert columns([("\x1b[2J\n",)], ("A",)) == "A\n\\x1b[2J\\n"


def test_width_is_that_of_a_terminal(monkeypatch):
    """A pipe has none, so that each row stays one line there."""
    monkeypatch.setenv("COLUMNS", "66")
    assert terminal_width() == 0
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    assert terminal_width() == 66


def test_results_and_notes_go_apart(capsys):
    """Only results reach standard output, so that a pipe carries nothing else."""
    result("r")
    result_json({"k": "ü"})
    note("n")

    captured = capsys.readouterr()
    assert captured.out == 'r\n{"k": "ü"}\n'
    assert captured.err == "n\n"


def test_result_that_nobody_takes_is_told(monkeypatch):
    """A full disk is an error with its reason; a reader that left is none of ours."""

    def fail(error):
        def write(*_):
            raise error

        monkeypatch.setattr("sys.stdout.write", write)

    fail(OSError(28, "No space left on device"))
    with pytest.raises(OutputError, match="No space left"):
        result("r")
    fail(BrokenPipeError())
    with pytest.raises(BrokenPipeError):
        result("r")
