"""Tests of holdfast.profile.render.markdown."""

import pytest

from holdfast.profile.render.markdown import grid, mib


def test_grid_is_a_table():
    """A head, a line, the rows."""
    assert grid(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


@pytest.mark.parametrize(("size", "text"), [(96 * 1024**2, "96 MiB"), (1.25 * 1024**2, "1.2 MiB")])
def test_mib_has_a_fraction_only_where_there_is_one(size, text):
    """Whole numbers are written whole."""
    assert mib(size) == text
