import math

import pytest

from benchmarks.stats import Summary, noise, per, ratio, summarise


def test_summarise_rounds():
    """The median comes with the extremes it stands between."""
    assert summarise([3.0, 1.0, 2.0]) == Summary(2.0, 1.0, 3.0, 3)


@pytest.mark.parametrize("values", [[], [float("nan")], [1.0, float("inf")]])
def test_summarise_refuses_what_was_not_measured(values):
    """A missing or broken measurement never becomes a number."""
    with pytest.raises(ValueError, match="finite"):
        summarise(values)


def test_ratio_of_nothing():
    """A base of zero is a failed measurement, not an infinitely good one."""
    assert ratio(1.0, 4.0) == 0.25
    with pytest.raises(ValueError, match="positive base"):
        ratio(1.0, 0.0)


def test_per_delivery():
    """Seconds become microseconds for each delivery."""
    assert per(0.5, 100_000) == pytest.approx(5.0)
    with pytest.raises(ValueError, match="positive count"):
        per(0.5, 0)


def test_noise_of_few_values():
    """Three rounds say nothing of how far off their median is."""
    assert noise([1.0, 1.0, 1.0]) == math.inf


def test_noise_shrinks_with_rounds():
    """More rounds that scatter alike make the median surer; one that was disturbed hardly counts."""
    few, many = [0.98, 1.0, 1.0, 1.02], [0.98, 1.0, 1.0, 1.02] * 4

    assert noise(many) == pytest.approx(noise(few) / 2)
    assert noise([1.0] * 5 + [9.0]) == 0.0
