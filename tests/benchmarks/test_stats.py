import pytest

from benchmarks.stats import Summary, per, ratio, summarise


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
