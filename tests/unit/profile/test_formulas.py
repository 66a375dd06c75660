"""Tests of holdfast.profile.formulas."""

import pytest

from holdfast.profile import formulas


@pytest.mark.parametrize(("number", "power"), [(0, 1), (1, 1), (2, 2), (3, 4), (4096, 4096), (4096.1, 8192)])
def test_power_of_two_is_not_below(number, power):
    """The next power of two, or the number itself where it is one."""
    assert formulas.power_of_two(number) == power


def test_round_up_reaches_the_next_multiple():
    """A multiple stays as it is."""
    assert (formulas.round_up(1, 64), formulas.round_up(64, 64), formulas.round_up(64.5, 64)) == (64, 64, 128)


def test_port_ranges_merge_what_touches():
    """Neighbours and overlaps become one range."""
    assert formulas.ports_text(formulas.port_ranges(["9", "1-3", "4", "2-3"])) == "1-4,9"


def test_ports_left_counts_what_nobody_reserves():
    """Only the part of a reserved range that is inside counts."""
    assert formulas.ports_left((100, 199), [(50, 109), (150, 150), (300, 400)]) == 89
