"""Tests of holdfast.cli.output."""

from holdfast.cli.output import columns, note, result, result_json


def test_columns_are_aligned_and_never_cut():
    """Every column is as wide as its widest cell."""
    long = "x" * 300

    lines = columns([("a", 1), (long, 22)], ("NAME", "N")).splitlines()

    assert lines[0] == "NAME" + " " * 296 + "  N"
    assert lines[2] == f"{long}  22"


def test_results_and_notes_go_apart(capsys):
    """Only results reach standard output, so that a pipe carries nothing else."""
    result("r")
    result_json({"k": "ü"})
    note("n")

    captured = capsys.readouterr()
    assert captured.out == 'r\n{"k": "ü"}\n'
    assert captured.err == "n\n"
