from __future__ import annotations

import pytest

from holdfast.monitoring.windows import RESOLUTIONS, Series


def filled(seconds: int, value: float = 1.0, growth: float = 0.0) -> Series:
    """Return a series of one value a second."""
    series = Series()
    for second in range(seconds):
        series.add(1000.0 + second, value + growth * second)
    return series


def test_series_without_values_has_no_trends() -> None:
    """There is nothing to say."""
    assert Series().trends() == {}


def test_trend_describes_each_resolution() -> None:
    """A steady rise has the same slope everywhere; the finest window is up to date."""
    trends = filled(600, growth=2.0).trends()

    assert {name: trend.slope for name, trend in trends.items()} == pytest.approx(
        {"1s": 2.0, "10s": 2.0, "60s": 2.0}, rel=0.05
    )
    assert (trends["1s"].lowest, trends["1s"].highest) == (1 + 2 * 539, 1 + 2 * 599)
    assert trends["1s"].mean == pytest.approx(1 + 2 * 569)


def test_windows_keep_so_many_steps() -> None:
    """Memory is bounded however long it runs; the one that is open comes on top."""
    series = filled(5000)

    assert [len(window.steps()) for window in series.windows] == [kept + 1 for _, kept in RESOLUTIONS]
    assert series.trends()["60s"].seconds == 61 * 60


def test_peak_is_remembered_after_the_finest_window_lost_it() -> None:
    """Steps know their lowest and highest, not their mean alone."""
    series = filled(100)
    series.add(1100.0, 50.0)
    for second in range(100):
        series.add(1101.0 + second, 1.0)

    assert series.trends()["1s"].highest == 1.0
    assert series.trends()["10s"].highest == 50.0


def test_gap_is_no_value() -> None:
    """A process that stood still has not measured zero."""
    series = Series()
    series.add(1000.0, 4.0)
    series.add(1500.0, 6.0)
    trend = series.trends()["1s"]

    assert (trend.lowest, trend.mean, trend.highest) == (4.0, 5.0, 6.0)
    assert trend.slope == pytest.approx(2.0 / 500)


def test_single_value_has_no_slope() -> None:
    """A line needs two."""
    assert filled(1).trends()["1s"].slope == 0.0
