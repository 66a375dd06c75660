"""Tests of holdfast.cli.failure."""

from holdfast.cli.failure import CliError, Exit


def test_exit_codes_are_the_documented_ones():
    """Scripts rely on these numbers."""
    assert {code.name: code.value for code in Exit} == {"FINE": 0, "FOUND": 1, "REFUSED": 2, "USAGE": 3, "UNKNOWN": 4}


def test_error_carries_text_and_code():
    """A command's failure is one sentence and one exit code."""
    error = CliError("nothing answered", Exit.UNKNOWN)

    assert (str(error), error.code) == ("nothing answered", 4)
