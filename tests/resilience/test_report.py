"""The report's own arithmetic."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from tests.resilience.publishers import Published, verdict
from tests.resilience.report import Report, most_in_a_second, report_of

SUMMARY: dict[str, Any] = {
    "clients": 10, "delivered": 20, "lost": 0, "doubled": 0, "outOfOrder": 0, "told": 0, "missedTold": 0,
    "againTold": 0, "migrations": 0, "left": 0, "closes": {}, "errors": {}, "handshakes": [], "away": [],
    "latencies": {}, "behind": [],
}  # fmt: skip


def put_together(**changes: Any) -> Report:
    """Return the report on two crowds of which the second differs from a quiet one."""
    published = Published({"a": 3, "b": 4}, Counter({"HTTP 503": 2}))
    return report_of("quiet", published, {"ours": SUMMARY, "plain": {**SUMMARY, **changes}}, since=100.0)


def test_report_of_a_quiet_run_has_no_faults():
    """Where all came once and in order, and nobody was told anything, nothing is broken; sums are over both crowds."""
    report = put_together()

    assert not report.faults()
    assert (report.clients, report.acknowledged, report.delivered) == (20, 7, 40)
    assert report.repeated == {"HTTP 503": 2}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"lost": 3}, "lost: 3"),
        ({"doubled": 1}, "doubled: 1"),
        ({"outOfOrder": 1}, "out_of_order: 1"),
        ({"left": 2}, "left: 2"),
        ({"closes": {"": 4}}, "nameless: 4"),
    ],
)
def test_report_names_a_broken_promise(changes: dict[str, Any], fault: str):
    """What must never be is a fault whatever a scenario allows."""
    assert put_together(**changes).faults(without_a_word=True, told=True) == [fault]


@pytest.mark.parametrize("word", ["connection_cut", "transport closed"])
def test_report_allows_an_end_without_a_word_where_an_instance_died(word: str):
    """The clients' own names for such an end are counted apart from slugs that a server gave."""
    report = put_together(closes={word: 4, "shutdown": 5})

    assert report.closes == {"shutdown": 5}
    assert report.faults() == ["lost_connections: 4"]
    assert not report.faults(without_a_word=True)


def test_report_allows_insufficient_state_where_a_broker_lost_something():
    """Readers that were told so are no fault there, and one elsewhere."""
    report = put_together(told=2, missedTold=7)

    assert report.faults() == ["missed_told: 7", "told: 2"]
    assert not report.faults(told=True)


def test_report_counts_the_worst_second_behind_the_arrival():
    """Handshakes of the arrival do not count; the share is of all clients."""
    assert put_together(handshakes=[1000, 1001, 100_000, 100_999, 101_000, 101_500]).worst_second == 3 / 20


def test_most_in_a_second_slides():
    """A second may begin at any moment, and is a millisecond short of the next."""
    assert most_in_a_second([]) == 0
    assert most_in_a_second([900, 0, 999]) == 3
    assert most_in_a_second([0, 900, 1000, 1899]) == 3


def test_report_is_told_to_people_and_programs(tmp_path, monkeypatch):
    """The table has every figure, and so has the file."""
    monkeypatch.setattr("tests.resilience.report.FOLDER", tmp_path / "reports")
    report = put_together(away=[1000, 3000])

    assert "longest: 3" in report.show()
    assert json.loads(report.save().read_text())["plain_back"]["longest"] == 3.0


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b'{"result":{"offset":1}}', ("", False)),
        (200, b'{"error":{"code":100,"message":"broker_timeout"}}', ("broker_timeout", True)),
        (503, b'{"error":{"code":100,"message":"durability_not_met"}}', ("durability_not_met", True)),
        (503, b"<html>no server</html>", ("HTTP 503", True)),
        (400, b'{"error":{"code":107,"message":"bad_request"}}', ("bad_request", False)),
        (404, b"[]", ("HTTP 404", False)),
        (200, b"", ("HTTP 200", False)),
    ],
)
def test_publisher_judges_an_answer(status: int, body: bytes, expected: tuple[str, bool]):
    """Only a result is an acknowledgement; what may pass is repeated, the rest is refused for good."""
    assert verdict(status, body) == expected
