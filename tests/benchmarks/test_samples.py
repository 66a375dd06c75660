import pytest

from benchmarks.samples import Sample, paired, rounds_of, sizes_of, summary_of
from benchmarks.stats import Summary

SAMPLES = [
    Sample("servers", "holdfast", 10, 0, {"paced_us": 1.0, "memory_kib": 4.0}),
    Sample("servers", "holdfast", 10, 1, {"paced_us": 3.0}),
    Sample("servers", "holdfast", 10, 2, {"paced_us": 2.0}),
    Sample("servers", "node", 10, 0, {"paced_us": 1.0}),
    Sample("before", "holdfast", 20, 0, {"paced_us": 9.0}),
]


def test_summary_over_rounds():
    """Each metric counts the rounds it was measured in, of its own suite alone."""
    assert summary_of(SAMPLES, "servers", "holdfast", 10, "paced_us") == Summary(2.0, 1.0, 3.0, 3)
    assert summary_of(SAMPLES, "servers", "holdfast", 10, "memory_kib") == Summary(4.0, 4.0, 4.0, 1)
    assert summary_of(SAMPLES, "servers", "node", 10, "memory_kib") is None


def test_rounds_by_number():
    """A round without the metric is not among them."""
    assert rounds_of(SAMPLES, "servers", "holdfast", 10, "memory_kib") == {0: 4.0}


def test_sizes_of_a_suite():
    """Suites have sizes of their own."""
    assert sizes_of(SAMPLES, "before") == [20]
    assert sizes_of(SAMPLES, "nobody") == []


def test_paired_rounds():
    """Only rounds that both sides have make a ratio."""
    assert paired({0: 2.0, 1: 3.0, 2: 9.0}, {1: 6.0, 0: 1.0}) == pytest.approx([2.0, 0.5])
