"""What metrics say against a roll."""

from __future__ import annotations

from tests.scripts.collection import plugin

alarms = plugin("module_utils.alarms")
PAGE = """# HELP holdfast_broker_up Whether.
holdfast_broker_up 1.0
holdfast_log_lines_total{category="broker",level="error"} 2.0
holdfast_log_lines_total{category="admin",level="error"} 1.0
holdfast_log_lines_total{category="admin",level="info"} 9.0
not a sample at all
"""


def test_page_is_parsed() -> None:
    """Comments and anything else are left out."""
    assert alarms.parse(PAGE)["holdfast_broker_up"] == 1.0
    assert len(alarms.parse(PAGE)) == 4


def test_labels_choose_what_is_summed() -> None:
    """All samples that have the labels count."""
    assert alarms.total(alarms.parse(PAGE), "holdfast_log_lines_total", {"level": "error"}) == 3.0


def test_growth_is_measured_from_before() -> None:
    """What was there before the roll is no alarm, what comes is."""
    rule = [{"metric": "holdfast_log_lines_total", "labels": {"level": "error"}, "growth": 0}]
    before = alarms.parse(PAGE)
    after = {**before, 'holdfast_log_lines_total{category="broker",level="error"}': 5.0}

    assert not alarms.alarms(before, before, rule)
    assert alarms.alarms(before, after, rule) == ["holdfast_log_lines_total{level=error} rose by 3, expected at most 0"]


def test_bounds_are_named() -> None:
    """A value below or above its bound is said with both."""
    samples = {"up": 0.0}

    assert alarms.alarms({}, samples, [{"metric": "up", "least": 1}]) == ["up is 0, expected at least 1"]
    assert alarms.alarms({}, samples, [{"metric": "up", "most": -1}]) == ["up is 0, expected at most -1"]


def test_metric_that_is_not_there_is_no_alarm() -> None:
    """An older version may not have it."""
    assert not alarms.alarms({}, {}, [{"metric": "up", "least": 1}])
